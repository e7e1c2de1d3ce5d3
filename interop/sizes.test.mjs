// Tokens of every size: one that is too large is refused finally, with a message, wherever the client sends it, and the client does
// not come back.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { allVersions, dial, isOld, limit, mint, patience, pause, startServer } from "./harness.mjs";

let server;
before(async () => { server = await startServer(["-eio3"]); });
after(() => server?.stop());

const KB = 1000;
const sizes = [8 * KB, 15 * KB, 17 * KB, 60 * KB, 100 * KB, 2000 * KB];
const fits = (size) => size <= 16 << 10;

// sized makes a valid token of that many bytes, or up to three fewer.
function sized(size) {
  const padded = (n) => mint({ pad: "x".repeat(n) });
  const token = padded(Math.floor((size - padded(0).length) * 3 / 4));
  assert.ok(size - token.length >= 0 && size - token.length < 4, `${token.length} bytes`);
  return token;
}

const places = {
  "the auth payload": { can: (io) => !isOld(io), namespace: "/", options: (token) => ({ auth: { token } }) },
  authenticate: { can: () => true, namespace: "/admin-second", options: () => ({}), event: true },
  Authorization: { can: () => true, namespace: "/", options: (token) => ({ extraHeaders: { Authorization: `Bearer ${token}` } }), byHTTP: true },
  "the query": { can: () => true, namespace: "/", options: (token) => ({ query: { token } }), byHTTP: true },
};

// outcome resolves with what happens to a client with reconnection.
const outcome = (socket, { event, byHTTP }, token) => new Promise((resolve, reject) => {
  const timer = setTimeout(() => reject(new Error("no answer")), patience);
  const end = (what) => { clearTimeout(timer); resolve(what); };
  const told = (error) => ({ message: error.message, reason: (error.data ?? error).reason });
  socket.on("connect", () => { if (event) socket.emit("authenticate", { token }); });
  socket.on("welcome", () => end("admitted"));
  socket.on("unauthorized", (error) => { socket.on("disconnect", (reason) => end({ ...told(error), left: reason })); });
  // An old client joins "/" implicitly, and reports a refusal there in every namespace.
  socket.on("error", (error) => { if (!event && error.message) end(error.reason ? told(error) : "failed"); });
  socket.on("connect_error", (error) => { if (!event) end(error.data ? told(error) : "failed"); });
});

for (const version of ["4.8.4", "2.5.0"]) for (const transport of ["polling", "websocket"]) describe(`${version} by ${transport}`, { concurrency: true }, () => {
  const io = allVersions[version];
  for (const [name, place] of Object.entries(places)) if (place.can(io)) for (const size of sizes) {
    test(`${size / KB} KB in ${name}`, limit, async (t) => {
      const token = sized(size);
      const socket = dial(t, io, server.url, place.namespace, { transports: [transport], reconnection: true, reconnectionDelay: 100, ...place.options(token) });
      let again = 0;
      socket.io.on("reconnect_attempt", () => again++);
      const got = await outcome(socket, place, token);
      if (fits(size)) return assert.equal(got, "admitted");
      // net/http answers headers above 64 KiB with status 431, before any handler runs.
      if (place.byHTTP && size > 64 << 10) return assert.equal(got, "failed");
      const told = { message: "token too large", reason: "token_too_large" };
      assert.deepEqual(got, place.event ? { ...told, left: "io server disconnect" } : told);
      await pause(1000); // ten times its reconnection delay
      assert.equal(again, 0, "it has come back");
      assert.equal(socket.connected, false);
    });
  }
});
