// Input that crashed the old libraries or left a peer waiting for ever. Our server refuses it and serves the next
// client. The namespaces have a key function that misbehaves as the token says.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { allVersions, ask, assertRefused, attempt, dial, enter, heard, isOld, limit, mint, refusals, seal, startServer, transports } from "./harness.mjs";

const rooms = { handshake: "/keys", event: "/keys-event" };
const brief = { handshake: "/keys-brief", event: "/keys-brief-event" }; // the same, with a deadline
const twice = { message: "more than one token provided", code: "credentials_bad_format", reason: "token_conflict" };
const unavailable = { message: "authentication unavailable", code: "unavailable", reason: "auth_unavailable", temporary: true };

let server;
before(async () => { server = await startServer(["-eio3"]); });
after(() => server?.stop());

// Tokens that a server must survive, and what their senders are told.
const tokens = {
  "that makes the key function panic": [() => mint({ panic: true }), refusals["bad signature"].told],
  "whose payload is null": [() => seal("null"), refusals.malformed.told],
  "whose payload is a number": [() => seal("1"), refusals.malformed.told],
  "whose payload is a list": [() => seal("[]"), refusals.malformed.told],
  "whose payload is no JSON": [() => seal('{"id":'), refusals.malformed.told],
  "whose payload is empty": [() => seal(""), refusals.malformed.told],
  "whose payload is no text": [() => seal(Buffer.from([0xff, 0xfe])), refusals.malformed.told],
  "whose payload has a claim of another type": [() => mint({ panic: "yes" }), { message: "jwt claim invalid", code: "invalid_token", reason: "token_claim" }],
};

// Payloads that are not strings. A query can hold only strings.
const payloads = {
  "a token that is a number": { token: 123 },
  "a token that is an object": { token: { a: 1 } },
  "a token that is a list": { token: ["a", "b"] },
  "a token that is true": { token: true },
};

for (const [version, io] of Object.entries(allVersions)) for (const transport of Object.keys(transports)) {
  describe(`${version} by ${transport}`, { concurrency: true }, () => {
    const knock = (mode, more) => attempt(io, { url: server.url, namespace: rooms[mode], mode, transports: transports[transport], ...more });
    const served = (t) => Promise.all(Object.entries(rooms).map(async ([mode, namespace]) => {
      const socket = await enter(t, io, { url: server.url, transport, mode, namespace, token: mint({ sub: "next" }) });
      assert.equal((await ask(socket, "whoami"))[0].sub, "next");
    }));

    for (const mode of Object.keys(rooms)) {
      for (const [name, [token, told]] of Object.entries(tokens)) test(`${mode} mode: a token ${name}`, limit, async (t) => {
        assertRefused(await knock(mode, { payload: { token: token() } }), told);
        await served(t);
      });

      if (mode === "event" || !isOld(io)) for (const [name, payload] of Object.entries(payloads)) test(`${mode} mode: ${name}`, limit, async (t) => {
        assertRefused(await knock(mode, { payload }), refusals["not a string"].told);
        await served(t);
      });

      test(`${mode} mode: a token for which the key function has no answer`, limit, async (t) => {
        const hang = `${version} ${transport} ${mode}`;
        const outcome = await knock(mode, { namespace: brief[mode], payload: { token: mint({ hang }) } });
        assert.equal(outcome.admitted, false);
        // The fault is the server's and temporary, so the connection ends in a way that lets the client try again. A CONNECT_ERROR
        // would keep clients of Socket.IO 3 and 4 away; they are told nothing in handshake mode.
        if (mode === "handshake" && !isOld(io)) assert.equal(outcome.reason, "transport close");
        else assertRefused(outcome, unavailable);
        if (mode === "event") assert.equal(outcome.reason, "transport close");
        await served(t);
        await server.release(hang);
        await served(t);
      });
    }

    test("event mode: arguments that are no payload", limit, async (t) => {
      for (const args of [[], [null], ["token"], [7], [[]], [[mint()]], [Buffer.from("token")], [{}, {}], [{ token: null }]]) {
        const socket = dial(t, io, server.url, rooms.event, { transports: transports[transport] });
        await heard(socket, "connect");
        const told = heard(socket, "unauthorized");
        socket.emit("authenticate", ...args);
        const [error, ack] = await told;
        assert.match(error.message, /^(no token provided|invalid token datatype)$/, JSON.stringify(args));
        ack();
        assert.equal((await heard(socket, "disconnect"))[0], "io server disconnect");
      }
      await served(t);
    });

    test("two tokens in the query of the address", limit, async (t) => {
      // No client sends two, but a path that ends in a query makes it do so.
      const path = `/socket.io/?EIO=${isOld(io) ? 3 : 4}&token=a&token=b&rest=`;
      assertRefused(await knock("handshake", { namespace: "/", options: { path } }), twice);
      await served(t);
    });

    if (isOld(io)) test("two tokens in the query of a namespace", limit, async (t) => {
      const first = await enter(t, io, { url: server.url, transport, mode: "handshake" });
      const [told] = await heard(first.io.socket(rooms.handshake, { query: "token=a&token=b" }), "error");
      assertRefused({ admitted: false, error: { message: told.message, data: told } }, twice);
      assert.deepEqual(await ask(first, "echo", "still here"), ["still here"]);
      await served(t);
    });
  });
}
