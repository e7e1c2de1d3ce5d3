// A token's life on a live socket: the warning before its end, the refresh, and what happens at the end.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { allVersions, ask, dial, heard, isOld, limit, mint, startServer } from "./harness.mjs";

const clients = ["4.8.4", "2.5.0"];

let server;
let oldServer;
before(async () => { [server, oldServer] = await Promise.all([startServer(["-leeway", "-1s"]), startServer(["-leeway", "-1s", "-eio3"])]); });
after(() => Promise.all([server?.stop(), oldServer?.stop()]));

const soon = (seconds) => Math.floor(Date.now() / 1000) + seconds;

for (const version of clients) {
  const io = allVersions[version];
  const at = () => (isOld(io) ? oldServer : server);

  describe(version, { concurrency: true }, () => {
    // come connects and logs in by the event, and returns the socket and the answers.
    const come = async (t, namespace, claims, payload = {}) => {
      const socket = dial(t, io, at().url, namespace, { transports: ["websocket"], reconnection: false });
      await heard(socket, "connect");
      const authenticated = heard(socket, "authenticated");
      const [told] = await ask(socket, "authenticate", { token: mint({ sub: "ada", ...claims }), ...payload });
      assert.equal(told.error, undefined);
      return { socket, told, args: await authenticated };
    };

    test("the peer learns its time, is warned, and refreshes in place", limit, async (t) => {
      const { socket, told, args } = await come(t, "/life-event", { exp: soon(12) }, { lease: true });
      assert.ok(told.expiresIn > 0 && told.expiresIn <= 12 && told.refresh, JSON.stringify(told));
      assert.deepEqual(Object.keys(args[0]), ["expiresIn", "refresh"]);
      const before = socket.id;
      const [warning] = await heard(socket, "token_expiring");
      assert.ok(warning.expiresIn >= 0 && warning.expiresIn <= 6, JSON.stringify(warning));
      const again = [];
      socket.on("authenticated", () => again.push(1));
      const [refreshed] = await ask(socket, "authenticate", { token: mint({ sub: "ada", visit: 2 }) });
      assert.ok(refreshed.expiresIn > 12 && refreshed.refresh, JSON.stringify(refreshed));
      await new Promise((resolve) => setTimeout(resolve, 8000)); // beyond the end of the first token
      assert.equal((await ask(socket, "whoami"))[0].visit, 2);
      assert.equal(socket.id, before);
      assert.deepEqual(again, []);
    });

    test("a refresh by another user is refused, and the lease stays", limit, async (t) => {
      const { socket } = await come(t, "/life-event", { visit: 1 });
      const [{ error }] = await ask(socket, "authenticate", { token: mint({ sub: "eve" }) });
      assert.equal(error.reason, "subject_changed");
      assert.equal(error.code, "invalid_token");
      assert.equal((await ask(socket, "whoami"))[0].visit, 1);
    });

    test("at the end the socket leaves its namespace", limit, async (t) => {
      const { socket } = await come(t, "/life-leave", { exp: soon(3) });
      const told = heard(socket, "unauthorized");
      assert.equal((await heard(socket, "disconnect"))[0], "io server disconnect");
      assert.equal((await told)[0].data.reason, "token_expired");
    });

    test("at the end the socket becomes a guest, and may log in again", limit, async (t) => {
      const { socket } = await come(t, "/life-guest", { exp: soon(3) });
      assert.deepEqual((await ask(socket, "rooms"))[0], ["lobby"]);
      const before = socket.id;
      const [error] = await heard(socket, "unauthorized");
      assert.equal(error.data.reason, "token_expired");
      assert.deepEqual((await ask(socket, "rooms"))[0], []);
      const [told] = await ask(socket, "authenticate", { token: mint({ sub: "eve" }) });
      assert.ok(told.expiresIn > 3, JSON.stringify(told));
      assert.equal((await ask(socket, "whoami"))[0].sub, "eve");
      assert.equal(socket.id, before);
    });

    test("no token prolongs the life of a socket beyond its cap", limit, async (t) => {
      const { socket, told } = await come(t, "/life-capped", {});
      assert.ok(told.expiresIn <= 3 && !told.refresh, JSON.stringify(told));
      const gone = heard(socket, "disconnect");
      const [refreshed] = await ask(socket, "authenticate", { token: mint({ sub: "ada" }) });
      assert.ok(refreshed.expiresIn <= 3, JSON.stringify(refreshed));
      assert.match((await gone)[0], /^transport close$/);
    });

    test("without an acknowledgement authenticate does what it did", limit, async (t) => {
      const { socket } = await come(t, "/life-event", { visit: 1 });
      const authenticated = heard(socket, "authenticated");
      socket.emit("authenticate", { token: mint({ sub: "ada", visit: 2 }) });
      assert.deepEqual(await authenticated, []);
      assert.equal((await ask(socket, "whoami"))[0].visit, 1);
    });
  });
}

test("a client that asks in the handshake learns its time after CONNECT", limit, async (t) => {
  const socket = dial(t, allVersions["4.8.4"], server.url, "/life", { transports: ["websocket"], auth: { token: mint({ exp: soon(60) }), lease: true } });
  const [told] = await heard(socket, "authenticated");
  assert.ok(socket.connected && told.expiresIn > 30 && told.refresh, JSON.stringify(told));
});
