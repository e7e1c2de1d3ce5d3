// One-use tickets, shown by the published clients in the URL or in the auth payload.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { allVersions, ask, dial, heard, isOld, limit, mint, program, secret, start, transports } from "./harness.mjs";

const told = { message: "ticket not accepted", code: "invalid_token", type: "UnauthorizedError", reason: "ticket_invalid" };

let server, url;
before(async () => {
  server = await start(program("TICKETSERVER", "./ticketserver"), [], { JWT_SECRET: secret });
  url = `http://${JSON.parse(server.line).addr}`;
});
after(() => server?.stop());

// fetchTicket does what a page does before it connects.
async function fetchTicket(headers = {}) {
  const response = await fetch(`${url}/ticket`, { method: "POST", headers: { authorization: `Bearer ${mint()}`, ...headers } });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("cache-control"), "no-store");
  return (await response.json()).ticket;
}

// refused resolves with what a client is told that is not admitted.
async function refused(socket, io) {
  const [error] = await heard(socket, isOld(io) ? "error" : "connect_error");
  const { id, ...rest } = isOld(io) ? error : error.data;
  assert.equal(typeof id, "string");
  return rest;
}

for (const [version, io] of Object.entries(allVersions)) for (const transport of Object.keys(transports)) {
  describe(`${version} by ${transport}`, () => {
    const connect = (t, options) => dial(t, io, url, "/", { transports: transports[transport], ...options });

    test("a ticket in the URL admits once", limit, async (t) => {
      const ticket = await fetchTicket();
      const socket = connect(t, { query: { ticket } });
      await heard(socket, "connect");
      assert.deepEqual(await ask(socket, "whoami"), ["alice"]);
      assert.deepEqual(await refused(connect(t, { query: { ticket } }), io), told);
    });

    if (!isOld(io)) test("a ticket in the auth payload, fetched for each connection", limit, async (t) => {
      for (let visit = 0; visit < 2; visit++) {
        const socket = connect(t, { auth: (give) => fetchTicket().then((ticket) => give({ ticket })) });
        await heard(socket, "connect");
        assert.deepEqual(await ask(socket, "whoami"), ["alice"]);
      }
    });

    test("a ticket of another page, and one that was invented", limit, async (t) => {
      const from = (origin) => ({ extraHeaders: { Origin: origin } });
      const ticket = await fetchTicket({ origin: "https://app.example" });
      assert.deepEqual(await refused(connect(t, { query: { ticket }, ...from("https://other.example") }), io), told);
      assert.deepEqual(await refused(connect(t, { query: { ticket: `${ticket.slice(1)}x` } }), io), told);
      const own = await fetchTicket({ origin: "https://app.example" });
      await heard(connect(t, { query: { ticket: own }, ...from("https://app.example") }), "connect");
    });
  });
}
