// A token's life on a live socket: the warning before its end, the refresh, and what happens at the end.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { allVersions, ask, dial, heard, isOld, limit, mint, pause, startServer, transports } from "./harness.mjs";

const clients = ["4.8.4", "2.5.0"];

let server;
let oldServer;
before(async () => { [server, oldServer] = await Promise.all([startServer(["-leeway", "-1s"]), startServer(["-leeway", "-1s", "-eio3"])]); });
after(() => Promise.all([server?.stop(), oldServer?.stop()]));

const soon = (seconds) => Math.floor(Date.now() / 1000) + seconds;

// until waits until a second after a time in seconds.
const until = (seconds) => pause(seconds * 1000 + 1000 - Date.now());

// A token that ends during a test lasts long enough for a busy machine to log in, and to refresh after the warning,
// which comes between half and three quarters of its time.
const short = 10;
const warned = 40;

describe("a lease", { concurrency: true }, () => {
  for (const [version, transport] of clients.flatMap((version) => Object.keys(transports).map((transport) => [version, transport]))) {
    const io = allVersions[version];
    const at = () => (isOld(io) ? oldServer : server);

    describe(`${version} over ${transport}`, { concurrency: true }, () => {
      // come connects and logs in by the event, and returns the socket and the answers.
      const come = async (t, namespace, claims, payload = {}) => {
        const socket = dial(t, io, at().url, namespace, { transports: transports[transport], reconnection: false });
        await heard(socket, "connect");
        const authenticated = heard(socket, "authenticated");
        const [told] = await ask(socket, "authenticate", { token: mint({ sub: "ada", ...claims }), ...payload });
        assert.equal(told.error, undefined);
        return { socket, told, args: await authenticated };
      };

      test("the peer learns its time, is warned, and refreshes in place", limit, async (t) => {
        const exp = soon(warned);
        const { socket, told, args } = await come(t, "/life-event", { exp }, { lease: true });
        assert.ok(told.expiresIn > 0 && told.expiresIn <= warned && told.refresh, JSON.stringify(told));
        assert.deepEqual(Object.keys(args[0]), ["expiresIn", "refresh"]);
        const before = socket.id;
        const [warning] = await heard(socket, "token_expiring");
        assert.ok(warning.expiresIn >= 0 && warning.expiresIn <= warned / 2, JSON.stringify(warning));
        const again = [];
        socket.on("authenticated", () => again.push(1));
        const [refreshed] = await ask(socket, "authenticate", { token: mint({ sub: "ada", visit: 2 }) });
        assert.ok(refreshed.expiresIn > warned && refreshed.refresh, JSON.stringify(refreshed));
        await until(exp);
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
        const { socket } = await come(t, "/life-leave", { exp: soon(short) });
        const told = heard(socket, "unauthorized");
        assert.equal((await heard(socket, "disconnect"))[0], "io server disconnect");
        assert.equal((await told)[0].data.reason, "token_expired");
      });

      test("at the end the socket becomes a guest, and may log in again", limit, async (t) => {
        const { socket } = await come(t, "/life-guest", { exp: soon(short) });
        assert.deepEqual((await ask(socket, "rooms"))[0], ["lobby"]);
        const before = socket.id;
        const [error] = await heard(socket, "unauthorized");
        assert.equal(error.data.reason, "token_expired");
        assert.deepEqual((await ask(socket, "rooms"))[0], []);
        const [told] = await ask(socket, "authenticate", { token: mint({ sub: "eve" }) });
        assert.ok(told.expiresIn > short, JSON.stringify(told));
        assert.equal((await ask(socket, "whoami"))[0].sub, "eve");
        assert.equal(socket.id, before);
      });

      test("no token prolongs the life of a socket beyond its cap", limit, async (t) => {
        const { socket, told } = await come(t, "/life-capped", {});
        assert.ok(told.expiresIn <= short && !told.refresh, JSON.stringify(told));
        const gone = heard(socket, "disconnect");
        const [refreshed] = await ask(socket, "authenticate", { token: mint({ sub: "ada" }) });
        assert.ok(refreshed.expiresIn <= short, JSON.stringify(refreshed));
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
});

for (const [transport, names] of Object.entries(transports)) {
  test(`a client that asks in the handshake learns its time after CONNECT, over ${transport}`, limit, async (t) => {
    const socket = dial(t, allVersions["4.8.4"], server.url, "/life", { transports: names, auth: { token: mint({ exp: soon(120) }), lease: true } });
    const [told] = await heard(socket, "authenticated");
    assert.ok(socket.connected && told.expiresIn > 30 && told.refresh, JSON.stringify(told));
  });
}
