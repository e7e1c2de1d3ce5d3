// keepFresh of clients/js with real clients: refreshing a lease, with and without a warning, rights that change, step-up,
// revocation, the end of a lease, and a restart of the server.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import io2 from "socket.io-client-2";
import { keepFresh, refusal } from "socketio-jwt-client";
import { ask, heard, isOld, limit, mint, pause, startServer, transports, versions, within } from "./harness.mjs";

const clients = { "4.8.4": versions["4.8.4"], "2.5.0": io2 };
const flags = (io) => ["-leeway", "-1s", ...(isOld(io) ? ["-eio3", "-open-root"] : [])];
const seconds = (n) => Math.floor(Date.now() / 1000) + n;

// A token of lasts seconds leaves a busy machine time to connect, and to refresh after the warning, which comes between half and
// three quarters of its time.
const lasts = 12;

// Clients 2 always join "/" too, where nothing would refresh the lease, so the server admits all to it.
let made = 0;

// keep makes a socket that is kept fresh, and records what happens to it.
function keep(t, io, { url, namespace = "/fresh", transport, getToken, ...options }) {
  const socket = io(url + namespace, {
    forceNew: true, autoConnect: false, transports: transports[transport], reconnectionDelay: 50, reconnectionDelayMax: 200,
    ...(isOld(io) ? {} : { auth: { own: "member" } }),
  });
  const happened = { refreshed: [], refused: [], stopped: [], connects: 0, left: [], asked: [] };
  socket.on("connect", () => happened.connects++);
  socket.on("disconnect", (reason) => happened.left.push(reason));
  const next = {};
  const tell = (name) => (what) => {
    happened[name].push(what);
    next[name]?.(what);
  };
  const bare = listening(socket);
  const fresh = keepFresh(socket, (asked) => {
    happened.asked.push(asked);
    return getToken(asked, happened.asked.length);
  }, {
    mode: namespace.endsWith("-event") ? "event" : "handshake",
    onRefreshed: tell("refreshed"), onRefused: tell("refused"), onStopped: tell("stopped"), ...options,
  });
  t.after(() => {
    fresh.stop();
    assert.deepEqual(listening(socket), bare, "listeners that remain");
    if (isOld(io)) socket.io.close();
    else socket.io._close();
  });
  const welcomed = new Promise((resolve) => socket.once("welcome", resolve));
  socket.open();
  return { socket, fresh, happened, welcomed, until: (name) => within(new Promise((resolve) => { next[name] = resolve; }), name) };
}

const listening = (socket) =>
  Object.fromEntries(["connect", "authenticated", "token_expiring", "token_challenge", "unauthorized", "disconnect", "connect_error", "error"]
    .map((event) => [event, socket.listeners(event).length]));

const claims = async (socket) => (await ask(socket, "whoami"))[0];

for (const [version, io] of Object.entries(clients)) describe(version, { concurrency: true }, () => {
  let server;
  before(async () => { server = await startServer(flags(io)); });
  after(() => server?.stop());

  for (const transport of Object.keys(transports)) describe(`by ${transport}`, { concurrency: true }, () => {
    const start = (t, namespace, getToken, options) => keep(t, io, { url: server.url, namespace, transport, getToken, ...options });
    // own is a subject that no other test has.
    const own = () => `user ${++made}`;

    for (const [name, namespace] of Object.entries({ "when the server warns": "/fresh", "in event mode": "/fresh-event", "without a warning": "/fresh-unwarned" })) {
      test(`refreshes the lease in place, ${name}`, limit, async (t) => {
        const sub = own();
        const { socket, fresh, happened, welcomed } = start(t, namespace, (_, n) => mint({ sub, n, exp: seconds(lasts) }));
        await welcomed;
        const { id } = socket;
        const beyond = Date.now() + 2000 * lasts;
        while (Date.now() < beyond || happened.refreshed.length < 3) {
          await pause(500);
          assert.deepEqual(happened.left, []); // an event that is on its way then is never acknowledged
          assert.equal((await claims(socket)).sub, sub);
        }
        assert.deepEqual([happened.left, happened.refused, happened.stopped, happened.connects], [[], [], [], 1]);
        assert.equal(socket.id, id);
        assert.ok(happened.asked.length <= happened.refreshed.length + 2, `${happened.asked.length} tokens`);
        assert.ok(fresh.expiresIn() <= lasts, `${fresh.expiresIn()} s`);
      });
    }

    test("an operator asks for a refresh, and the rooms change", limit, async (t) => {
      const sub = own();
      const { socket, fresh, happened, welcomed, until } = start(t, "/fresh", (_, n) => mint({ sub, n, exp: seconds(600), tenants: n === 1 ? ["a", "b"] : ["b", `c ${sub}`] }));
      await welcomed;
      const refreshed = until("refreshed");
      await server.refreshNow("/fresh"); // by other tests too
      await refreshed;
      const { joined, left, expiresIn, refresh } = happened.refreshed[0];
      assert.deepEqual({ joined, left, refresh }, { joined: [`tenant:c ${sub}`], left: ["tenant:a"], refresh: true });
      assert.ok(expiresIn > 300 && expiresIn <= 600, expiresIn);
      const news = heard(socket, "news");
      await server.broadcast({ namespace: "/fresh", room: `tenant:c ${sub}` }, "news", 1);
      await news;
      await fresh.refresh();
      assert.ok((await claims(socket)).n >= 3);
    });

    test("answers a challenge, after which the event runs", limit, async (t) => {
      const sub = own();
      const { socket, happened, welcomed } = start(t, "/fresh", ({ challenge }) => mint({ sub, auth_time: challenge ? seconds(0) : 1 }));
      await welcomed;
      const [paid] = await ask(socket, "pay");
      assert.equal(paid.sub, sub);
      assert.deepEqual(happened.asked.filter(({ challenge }) => challenge), [{ challenge: { maxAge: 300 } }]);
    });

    test("stays away after a revocation", limit, async (t) => {
      const sub = own();
      const { socket, fresh, happened, welcomed, until } = start(t, "/fresh", () => mint({ sub }));
      await welcomed;
      const stopped = until("stopped");
      await server.revoke("/fresh", sub);
      const error = await stopped;
      assert.deepEqual([refusal(error).reason, refusal(error).code], ["token_revoked", "invalid_token"]);
      const { length } = happened.asked;
      await pause(1000);
      assert.equal(socket.connected, false);
      assert.deepEqual([happened.connects, happened.asked.length, happened.stopped.length], [1, length, 1]);
      await assert.rejects(fresh.refresh(), /has stopped/);
      // A new login comes in, because its token is issued later.
      const again = start(t, "/fresh", () => mint({ sub, iat: seconds(1) }));
      await again.welcomed;
    });

    test("stays away if there is no token any more", limit, async (t) => {
      const sub = own();
      const { socket, fresh, happened, welcomed, until } = start(t, "/fresh", (_, n) => {
        if (n > 1) throw Object.assign(new Error("signed out"), { stop: true });
        return mint({ sub });
      });
      await welcomed;
      const stopped = until("stopped");
      fresh.refresh().catch(() => {});
      assert.equal((await stopped).cause.message, "signed out");
      await pause(500);
      assert.equal(socket.connected, false);
      assert.deepEqual([happened.connects, happened.asked.length], [1, 2]);
    });

    // The first token is short. There is no other one until it has ended, and not at the first attempt.
    const late = (sub) => {
      let exp;
      let attempts = 0;
      return () => {
        if (exp === undefined) return mint({ sub, exp: exp = seconds(lasts) });
        if (++attempts === 1 || Date.now() < exp * 1000 + 500) throw new Error("not yet");
        return mint({ sub, second: true });
      };
    };
    for (const [name, namespace] of Object.entries({ "the connection closes": "/fresh", "in event mode": "/fresh-event", "the server disconnects it": "/fresh-leave" })) {
      test(`comes back with another token after the end of its lease: ${name}`, limit, async (t) => {
        const sub = own();
        const { socket, happened, welcomed } = start(t, namespace, late(sub));
        await welcomed;
        await heard(socket, "welcome");
        assert.equal((await claims(socket)).second, true);
        assert.deepEqual([happened.stopped, happened.connects], [[], 2]);
        assert.ok(happened.refused.some(({ cause }) => cause?.message === "not yet"));
      });
    }

    test("logs in again when it has become a guest", limit, async (t) => {
      const sub = own();
      const { socket, happened, welcomed, until } = start(t, "/fresh-guest", late(sub));
      await welcomed;
      const { id } = socket;
      await until("refreshed");
      assert.equal((await claims(socket)).second, true);
      assert.deepEqual([socket.id, happened.left], [id, []]);
    });

    test("is refused for good when it connects", limit, async (t) => {
      for (const namespace of ["/fresh", "/fresh-event"]) {
        const { socket, happened, until } = start(t, namespace, () => mint({ aud: "another" }));
        assert.equal(refusal(await until("stopped")).reason, "token_audience");
        await pause(300);
        assert.deepEqual([socket.connected, happened.asked.length], [false, 1]);
      }
    });

    for (const namespace of ["/fresh", "/fresh-event"]) test(`survives a restart of the server, in ${namespace}`, limit, async (t) => {
      const sub = own();
      let restarted = await startServer(flags(io));
      t.after(() => restarted.stop());
      const { socket, happened, welcomed, until } = keep(t, io, {
        url: restarted.url, namespace, transport, getToken: (_, n) => mint({ sub, n }),
      });
      await welcomed;
      for (const how of ["stop", "kill"]) {
        const again = heard(socket, "welcome");
        const before = happened.asked.length;
        await restarted[how]();
        restarted = await startServer([...flags(io), "-addr", restarted.addr]);
        await again;
        assert.ok((await claims(socket)).n > before);
        const refreshed = until("refreshed");
        // A client of version 2 asks for its lease first, and is not asked to refresh before.
        for (let done = false; !done;) {
          await restarted.refreshNow(namespace);
          done = await Promise.race([refreshed.then(() => true), pause(200)]);
        }
      }
      assert.deepEqual(happened.stopped, []);
      assert.equal(happened.connects, 3);
    });
  });
});
