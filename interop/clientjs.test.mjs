// The package of clients/js with real clients: what a refusal is to it, logging in, and fresh tokens after each reconnect.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import io1 from "socket.io-client-1";
import io2 from "socket.io-client-2";
import { authenticate, freshQuery, freshToken, isUnauthorizedError, keepAuthenticated, refusal } from "socketio-jwt-client";
import { ask, heard, limit, mint, patience, pause, refusals, startServer, transports, versions, within } from "./harness.mjs";

const comesBack = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 };

const old = { "2.5.0": io2, "1.7.4": io1 };

// One server for each revision of the protocol.
let server;
let oldServer;
before(async () => { [server, oldServer] = await Promise.all([startServer(["-leeway", "-1s"]), startServer(["-leeway", "-1s", "-eio3"])]); });
after(() => Promise.all([server?.stop(), oldServer?.stop()]));

// dial makes a socket that ends with the test.
function dial(t, io, transport, path, options) {
  const { url } = io === io1 || io === io2 ? oldServer : server;
  const socket = io(url + path, { forceNew: true, transports: transports[transport], ...comesBack, ...options });
  t.after(() => {
    socket.io.reconnection(false);
    socket.io.engine?.close();
  });
  return socket;
}

// listening counts the listeners that a socket has.
const listening = (socket) =>
  ["connect", "authenticated", "unauthorized", "disconnect", "connect_error", "error"]
    .reduce((sum, event) => sum + socket.listeners(event).length, 0);

// visits makes tokens that count themselves, beginning with what is given.
function visits(...first) {
  let visit = 0;
  return async () => {
    visit++;
    const next = first.shift();
    if (next instanceof Error) throw next;
    if (typeof next === "function") return next();
    return next === undefined ? mint({ visit }) : next;
  };
}

const visit = async (socket) => (await ask(socket, "whoami"))[0].visit;

let waits = 0;

// lose drops the connection under a socket, as a network does.
const lose = (socket) => socket.io.engine.close();

async function assertRefusal(promise, told) {
  const error = await within(assert.rejects(promise).then(() => promise.catch((error) => error)), "a refusal");
  assert.ok(error instanceof Error);
  assert.ok(isUnauthorizedError(error), error.message);
  assert.equal(error.message, told.message);
  assertTold(refusal(error), told);
  return error;
}

function assertTold(refused, { message, code, reason }) {
  assert.deepEqual({ ...refused, id: typeof refused.id }, { message, code, type: "UnauthorizedError", reason, id: "string", temporary: false, retryAfter: undefined });
}

for (const [version, io] of Object.entries(versions)) describe(version, { concurrency: true }, () => {
  for (const transport of Object.keys(transports)) {
    const make = (t, namespace, options) => dial(t, io, transport, namespace, options);

    describe(`by ${transport}, one round trip`, { concurrency: true }, () => {
      test("each connect brings a fresh token", limit, async (t) => {
        const socket = make(t, "/", { auth: freshToken(visits()) });
        for (const expected of [1, 2, 3]) {
          await heard(socket, "welcome");
          assert.equal(await visit(socket), expected);
          lose(socket);
        }
      });

      for (const [name, { payload, told }] of Object.entries(refusals)) {
        if (payload().token === undefined || typeof payload().token === "string") test(`the refusal is known: ${name}`, limit, async (t) => {
          const socket = make(t, "/", { auth: freshToken(() => payload().token) });
          const [error] = await heard(socket, "connect_error");
          assert.ok(isUnauthorizedError(error));
          assertTold(refusal(error), told);
        });
      }

      test("a token that cannot be had is told, and asked for again, and no other namespace suffers", limit, async (t) => {
        const stays = make(t, "/", { auth: freshToken(visits()) });
        const left = [];
        stays.on("disconnect", (reason) => left.push(reason));
        await heard(stays, "welcome");
        const cause = new Error("no session");
        const socket = stays.io.socket("/second", { auth: freshToken(visits(cause, cause)) });
        const first = heard(socket, "connect_error");
        const told = [];
        socket.on("connect_error", (error) => told.push(error));
        for (let n = 0; n < 2; n++) {
          const [error] = await (n === 0 ? first : heard(socket, "connect_error"));
          assert.equal(error.cause, cause);
          assert.equal(isUnauthorizedError(error), false);
          assert.equal(socket.active, true);
        }
        await heard(socket, "welcome");
        assert.equal(await visit(socket), 3);
        assert.equal(told.length, 2);
        assert.deepEqual(left, []);
      });

      test("a token that cannot be had ends it where reconnection is off, and connect asks again", limit, async (t) => {
        const cause = new Error("no session");
        const socket = make(t, "/", { auth: freshToken(visits(cause)), reconnection: false });
        const [error] = await heard(socket, "connect_error");
        assert.equal(error.cause, cause);
        assert.equal(socket.active, false);
        await pause(20);
        socket.connect();
        await heard(socket, "welcome");
        assert.equal(await visit(socket), 2);
      });

      test("a token that comes after its connection is gone is not used", limit, async (t) => {
        const asked = [];
        const socket = make(t, "/", { auth: freshToken(() => new Promise((resolve) => asked.push(resolve))) });
        const opened = () => heard(socket.io, "open");
        await opened();
        const again = opened();
        lose(socket);
        await again;
        assert.equal(asked.length, 2);
        const left = [];
        socket.on("disconnect", (reason) => left.push(reason));
        const welcomed = heard(socket, "welcome");
        asked[0](mint({ visit: "late" }));
        await pause(20);
        asked[1](mint({ visit: "fresh" }));
        await welcomed;
        assert.equal(await visit(socket), "fresh");
        assert.deepEqual(left, []);
      });
    });

    describe(`by ${transport}, a namespace that is refused temporarily`, { concurrency: true }, () => {
      temporarilyRefused(make, (t) => make(t, "/", { auth: freshToken(visits()) }), {
        join: (stays, getToken) => stays.io.socket("/busy", { auth: freshToken(getToken) }),
        refusedBy: "connect_error",
      });
    });

    describe(`by ${transport}, two round trips`, { concurrency: true }, () => {
      twoRoundTrips(make);
      // The old clients cannot tell, see below.
      test("an unknown namespace is no refusal, but an error", limit, async (t) => {
        const error = await authenticate(make(t, "/nowhere"), mint()).catch((error) => error);
        assert.match(error.message, /not connected: Invalid namespace/);
        assert.equal(isUnauthorizedError(error), false);
      });
    });
  }
});

for (const [version, io] of Object.entries(old)) describe(version, { concurrency: true }, () => {
  for (const transport of Object.keys(transports)) {
    const make = (t, path, options) => dial(t, io, transport, path, options);

    describe(`by ${transport}, one round trip`, { concurrency: true }, () => {
      // What the token replaces; only 2 takes an object for a namespace.
      const stale = mint({ exp: 1 });
      const queries = {
        "an object": ["", { query: { token: stale, other: 1 } }],
        "a text": ["", { query: `other=1&token=${stale}` }],
        "in the URL": [`/?token=${stale}&other=1`, {}],
        "not there": ["", {}],
      };
      for (const [name, [path, options]] of Object.entries(queries)) test(`each connection and namespace brings a fresh token; the query is ${name}`, limit, async (t) => {
        const socket = make(t, path, { autoConnect: false, ...options });
        const second = socket.io.socket("/second", name === "not there" ? {} : { query: version === "2.5.0" ? { token: stale } : `token=${stale}` });
        const refused = [];
        for (const each of [socket, second]) each.on("error", (told) => refused.push(told));
        freshQuery(socket, visits());
        for (const expected of [1, 2, 3]) {
          const welcomed = Promise.all([heard(socket, "welcome"), heard(second, "welcome")]);
          if (expected === 1) [socket, second].forEach((each) => each.open());
          await welcomed;
          assert.deepEqual([await visit(socket), await visit(second)], [expected, expected]);
          lose(socket);
        }
        assert.deepEqual(refused, []);
      });

      test("a socket that is under way has a fresh token when it comes back", limit, async (t) => {
        const socket = make(t, "", { query: { token: mint({ visit: "first" }) } });
        freshQuery(socket, visits());
        await heard(socket, "welcome");
        assert.equal(await visit(socket), "first");
        lose(socket);
        await heard(socket, "welcome");
        assert.equal(await visit(socket), 1);
      });

      test("a token that cannot be had is told, and asked for again", limit, async (t) => {
        const causes = ["at first", "again", "after a loss"].map((text) => new Error(text));
        const socket = make(t, "", { autoConnect: false });
        freshQuery(socket, visits(causes[0], causes[1], undefined, causes[2]));
        const errors = [];
        socket.on("connect_error", (error) => errors.push(error));
        socket.open();
        await heard(socket, "welcome");
        assert.equal(await visit(socket), 3);
        lose(socket);
        await heard(socket, "welcome");
        assert.equal(await visit(socket), 5);
        assert.deepEqual(errors.map(({ cause }) => cause), causes);
        assert.ok(errors.every((error) => !isUnauthorizedError(error)));
      });

      test("who leaves while a token is awaited stays away, and may come again", limit, async (t) => {
        const asked = [];
        const socket = make(t, "", { autoConnect: false });
        freshQuery(socket, () => new Promise((resolve) => asked.push(resolve)));
        let connects = 0;
        socket.on("connect", () => connects++);
        socket.open();
        socket.close();
        asked.shift()(mint());
        await pause(300);
        assert.equal(connects, 0);
        socket.open();
        asked.shift()(mint({ visit: "later" }));
        await heard(socket, "welcome");
        assert.equal(await visit(socket), "later");
        assert.equal(connects, 1);
      });

      for (const [name, { payload, told }] of Object.entries(refusals)) {
        if (payload().token === undefined || typeof payload().token === "string") test(`the refusal is known: ${name}`, limit, async (t) => {
          const socket = make(t, "", { autoConnect: false });
          freshQuery(socket, () => payload().token);
          const refused = heard(socket, "error");
          socket.open();
          const [error] = await refused;
          assert.ok(isUnauthorizedError(error));
          // In a query no scheme precedes a token.
          assertTold(refusal(error), name === "badly formed" ? refusals.malformed.told : told);
        });
      }
    });

    describe(`by ${transport}, a namespace that is refused temporarily`, { concurrency: true }, () => {
      temporarilyRefused(make, (t) => {
        const socket = make(t, "", { autoConnect: false });
        freshQuery(socket, visits());
        return socket.open();
      }, {
        // It keeps the token that it has.
        join: (stays, getToken) => stays.io.socket("/busy", { query: `token=${getToken()}` }).open(),
        refusedBy: "error",
      });
    });

    // "/" refuses these clients, which brought it no token, and 2.5.0 tells "/admin" so: see the listener for it.
    describe(`by ${transport}, two round trips`, { concurrency: true }, () => twoRoundTrips(make));
  }
});

let busy = 0;

// temporarilyRefused tests a namespace that is refused while another one of its connection is admitted.
function temporarilyRefused(make, admitted, { join, refusedBy }) {
  // refusedTimes makes tokens that are refused so many times, for a second each.
  const refusedTimes = (times) => {
    const name = `busy ${++busy}`;
    return () => mint({ busy: name, times });
  };

  for (const [name, joining, told] of [
    ["in one round trip", join, refusedBy],
    ["in two", (stays, getToken) => {
      const socket = stays.io.socket("/busy-event");
      const outcomes = [];
      keepAuthenticated(socket, getToken, (error) => outcomes.push(error));
      if (refusedBy === "error") socket.open(); // the old clients' manager does not open it by itself
      return Object.assign(socket, { outcomes });
    }, "unauthorized"],
  ]) {
    test(`comes back ${name}, when the server said, and no other namespace suffers`, limit, async (t) => {
      const stays = admitted(t);
      const left = [];
      stays.on("disconnect", (reason) => left.push(reason));
      await heard(stays, "welcome");
      const socket = joining(stays, refusedTimes(2));
      const times = [];
      const notNow = (error) => {
        times.push(performance.now());
        const { message, temporary, retryAfter } = refusal(error);
        assert.deepEqual({ message, temporary, retryAfter }, { message: "busy", temporary: true, retryAfter: 1 });
      };
      socket.on(told, notNow);
      await heard(socket, "welcome");
      times.push(performance.now());
      assert.equal(times.length, 3);
      for (const n of [1, 2]) assert.ok(times[n] - times[n - 1] > 990, `came back after ${times[n] - times[n - 1]} ms`);
      assert.deepEqual(left, []);
      assert.equal(stays.connected, true);
      if (socket.outcomes) assert.deepEqual(socket.outcomes.map((error) => refusal(error)?.temporary), [true, true, undefined]);
    });

    test(`stays away ${name}, if the application has disconnected it, or reconnection is off`, limit, async (t) => {
      for (const leave of [(socket) => socket.disconnect(), (socket) => socket.io.reconnection(false)]) {
        const stays = admitted(t);
        await heard(stays, "welcome");
        const socket = joining(stays, refusedTimes(1));
        await heard(socket, told);
        leave(socket);
        await pause(2500);
        assert.equal(socket.connected, false);
        assert.equal(stays.connected, true);
      }
    });
  }
}

// One more is held than may be, which CONNECT itself is refused for: not at once with other tests.
for (const [version, io] of Object.entries({ ...versions, ...old })) test(`${version}: who is kept logged in comes back when there is room`, limit, async (t) => {
  const { url, stop } = await startServer(["-leeway", "-1s", ...(old[version] ? ["-eio3"] : [])]);
  const opened = [];
  const open = (path, options) => {
    opened.push(io(url + path, { forceNew: true, ...comesBack, ...options }));
    return opened.at(-1);
  };
  t.after(() => {
    for (const { io: manager } of opened) { // before the server goes, or they would try to come back without end
      manager.reconnection(false);
      manager.engine?.close();
    }
    return stop();
  });
  const stays = old[version] ? open("", { query: `token=${mint()}` }) : open("/", { auth: { token: mint() } });
  await heard(stays, "welcome");
  const holds = open("/full");
  await heard(holds, "connect");
  const socket = stays.io.socket("/full");
  keepAuthenticated(socket, () => mint({ visit: "later" }), () => {});
  const [error] = await heard(socket, old[version] ? "error" : "connect_error");
  assert.equal(refusal(error).reason, "overloaded");
  assert.equal(refusal(error).temporary, true);
  holds.disconnect();
  await heard(socket, "welcome");
  assert.equal(await visit(socket), "later");
  assert.equal(stays.connected, true);
});

// twoRoundTrips tests what is the same for all versions.
function twoRoundTrips(make) {
  test("who authenticates is let in, before the connection is there and after", limit, async (t) => {
    const socket = make(t, "/admin");
    const none = listening(socket);
    await authenticate(socket, mint({ visit: 1 }));
    assert.equal(await visit(socket), 1);
    assert.equal(listening(socket), none);
    // A second call is harmless.
    await authenticate(socket, () => mint({ visit: 2 }));
    assert.equal(listening(socket), none);

    const later = make(t, "/admin");
    await heard(later, "connect");
    await authenticate(later, async () => mint({ visit: 3 }));
    assert.equal(await visit(later), 3);
  });

  for (const [name, { payload, told }] of Object.entries(refusals)) test(`who is refused knows why, and is let go at once: ${name}`, limit, async (t) => {
    const socket = make(t, "/admin");
    const none = listening(socket);
    // The grace of this namespace is longer than this test may take: only the acknowledgement can end it.
    const gone = heard(socket, "disconnect");
    await assertRefusal(authenticate(socket, payload().token), told);
    assert.equal((await gone)[0], "io server disconnect");
    assert.equal(listening(socket), none);
  });

  test("two at once have an answer each", limit, async (t) => {
    const socket = make(t, "/admin");
    const none = listening(socket);
    const [alice, bob, again] = ["alice", "bob", "alice"].map((sub) => authenticate(socket, mint({ sub })));
    await alice;
    await assertRefusal(bob, { message: "jwt subject invalid", code: "invalid_token", reason: "subject_changed" });
    await again;
    assert.equal((await ask(socket, "whoami"))[0].sub, "alice");
    assert.equal(listening(socket), none);
  });

  test("who is not answered, and who is cut off, hears so", limit, async (t) => {
    // The server's hook sits on a token with this claim.
    const unanswered = () => mint({ wait: `unanswered ${++waits}` });
    const socket = make(t, "/admin");
    await heard(socket, "connect");
    const none = listening(socket);
    await assert.rejects(authenticate(socket, unanswered(), { timeout: 500 }), /no answer within 500 ms/);
    assert.equal(listening(socket), none);

    const cut = authenticate(socket, unanswered());
    await pause(20);
    lose(socket);
    await assert.rejects(cut, /disconnected before the answer/);
    assert.equal(listening(socket), none);
  });

  test("who reaches no server hears so", limit, async (t) => {
    const nobody = createServer().listen(0, "127.0.0.1");
    await once(nobody, "listening");
    const { port } = nobody.address();
    nobody.close();
    await once(nobody, "close");
    const { io } = make(t, "/admin", { autoConnect: false });
    io.uri = `http://127.0.0.1:${port}`;
    io.reconnection(false);
    const socket = io.socket("/admin");
    const none = listening(socket);
    const login = authenticate(socket, mint());
    socket.connect();
    await assert.rejects(login, (error) => /not connected: \S/.test(error.message) && !isUnauthorizedError(error));
    assert.equal(listening(socket), none);
  });

  // keep keeps a socket and lets the test wait for outcomes, one by one.
  const keep = (socket, getToken) => {
    const outcomes = [];
    let wake = () => {};
    const stop = keepAuthenticated(socket, getToken, (error) => {
      outcomes.push(error);
      wake();
    });
    const next = async () => {
      if (outcomes.length === 0) await within(new Promise((resolve) => { wake = resolve; }), "an outcome");
      return outcomes.shift();
    };
    return { outcomes, stop, next };
  };

  test("who is kept logged in comes back with a fresh token, after a loss and after expiry", limit, async (t) => {
    const brief = () => mint({ visit: "brief", exp: Math.floor(Date.now() / 1000) + 4 });
    const socket = make(t, "/admin");
    const { next, stop, outcomes } = keep(socket, visits(undefined, brief));
    assert.equal(await next(), undefined);
    assert.equal(await visit(socket), 1);
    const ended = heard(socket, "unauthorized");
    lose(socket);
    assert.equal(await next(), undefined);
    assert.equal(await visit(socket), "brief");
    assert.equal((await ended)[0].data.reason, "token_expired");
    assert.equal(await next(), undefined);
    assert.equal(await visit(socket), 3);

    stop();
    const connected = heard(socket, "connect");
    lose(socket);
    await connected;
    let welcomed = false;
    socket.on("welcome", () => { welcomed = true; });
    await pause(100);
    assert.equal(welcomed, false);
    assert.deepEqual(outcomes, []);
  });

  test("who is kept logged in comes back when the server lost patience with a slow token", limit, async (t) => {
    const socket = make(t, "/impatient"); // its deadline is 8 s
    const { next } = keep(socket, visits(new Promise(() => {})));
    const error = await next();
    assert.equal(refusal(error)?.reason, "auth_timeout");
    assert.equal(await next(), undefined);
    assert.equal(await visit(socket), 2);
  });

  test("who is kept logged in is asked again for a token that could not be had, but not for one that was refused", limit, async (t) => {
    const cause = new Error("no session");
    const socket = make(t, "/admin");
    const { next, outcomes } = keep(socket, visits(cause, "bad"));
    assert.equal((await next()).cause, cause);
    const gone = heard(socket, "disconnect");
    assert.equal(refusal(await next())?.reason, "token_malformed");
    assert.equal((await gone)[0], "io server disconnect");
    await pause(500);
    assert.equal(socket.connected, false);
    assert.deepEqual(outcomes, []);
  });
}
