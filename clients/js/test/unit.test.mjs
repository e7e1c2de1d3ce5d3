// Tests without a server: the shapes of refusals, and each way in which a login can end. Time is fake.
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, beforeEach, describe, test } from "node:test";
import { inspect } from "node:util";
import * as byName from "socketio-jwt-client";
import { forms } from "../commonjs.mjs";
import { authenticate, freshQuery, freshToken, isUnauthorizedError, keepAuthenticated, keepFresh, refusal } from "../index.js";

const read = (name) => readFileSync(new URL(name, import.meta.url), "utf8");

// --- the two forms -----------------------------------------------------------------------------------------------------

test("the CommonJS form is generated from the module", () => {
  for (const [name, text] of Object.entries(forms)) assert.equal(read(`../${name}`), text, `${name} is old: npm run commonjs`);
});

test("it logs nothing", () => {
  assert.doesNotMatch(read("../index.js"), /console|debug|process/);
});

test("import and require of the package return the same", () => {
  assert.equal(byName.refusal, refusal);
  const required = createRequire(import.meta.url)("socketio-jwt-client");
  assert.deepEqual(Object.keys(required).sort(), Object.keys(byName).sort());
  assert.deepEqual(required.refusal({ type: "UnauthorizedError", code: "c" }), refusal({ type: "UnauthorizedError", code: "c" }));
});

test("the package contains all files that it names", () => {
  const { exports, files, main, module, types } = JSON.parse(read("../package.json"));
  const entry = exports["."];
  const named = [main, module, types, ...Object.values(entry.import), ...Object.values(entry.require)].map((path) => path.replace("./", ""));
  assert.deepEqual([...new Set(named)].sort(), [...files].sort());
  for (const file of files) assert.ok(read(`../${file}`), file);
});

test("the types list every code and reason of the server", () => {
  const source = read("../../../auth/refusal.go");
  const types = read("../index.d.ts");
  const all = [...source.matchAll(/^\s*(?:Reason\w+\s+Reason|code\w+)\s*=\s*"(\w+)"/gm)].map((match) => match[1]);
  assert.ok(all.includes("token_expired") && all.includes("credentials_required"), "refusal.go is not written as this test reads it");
  for (const word of all) assert.ok(types.includes(`| "${word}"`), `index.d.ts lacks ${word}`);
});

// --- shapes ------------------------------------------------------------------------------------------------------------

const final = { temporary: false, retryAfter: undefined };
const told = { message: "jwt expired", code: "invalid_token", type: "UnauthorizedError", reason: "token_expired", id: "x1", ...final };
const old = { message: "jwt expired", code: "invalid_token", type: "UnauthorizedError" };
const busy = { message: "busy", code: "unavailable", type: "UnauthorizedError", reason: "overloaded", id: "x2", temporary: true, retryAfter: 3 };

describe("a refusal is known", () => {
  const shapes = {
    "as connect_error's error": [Object.assign(new Error("jwt expired"), { data: told }), told],
    "as the bare object of the old clients": [told, told],
    "as the payload of unauthorized": [{ message: "jwt expired", inner: { message: "jwt expired" }, data: told }, told],
    "from a server on the npm packages": [{ message: "jwt expired", data: old }, { ...old, reason: undefined, id: undefined, ...final }],
    "with a message that is no text": [{ ...old, message: {} }, { ...old, message: "", reason: undefined, id: undefined, ...final }],
    "with members that are no texts": [{ ...told, reason: 7, id: {} }, { ...old, reason: undefined, id: undefined, ...final }],
    "when it is temporary": [Object.assign(new Error("busy"), { data: busy }), busy],
    "when its time is not a number": [{ ...busy, retryAfter: "3" }, { ...busy, retryAfter: undefined }],
    "when its time is not a time": [{ ...busy, retryAfter: -Infinity }, { ...busy, retryAfter: undefined }],
    "when temporary is not a boolean": [{ ...busy, temporary: "yes" }, { ...busy, temporary: false }],
    "beside data that is something else": [{ ...told, data: { anything: 1 } }, told],
    "out of a frozen object": [Object.freeze({ ...told }), told],
    "out of an object without a prototype": [Object.assign(Object.create(null), told), told],
    "cut down to its members": [{ ...told, token: "secret" }, told],
  };
  for (const [name, [given, expected]] of Object.entries(shapes)) test(name, () => {
    assert.deepStrictEqual(refusal(given), expected);
    assert.equal(isUnauthorizedError(given), true);
  });
});

describe("nothing else is taken for one, and nothing throws", () => {
  const fail = () => { throw new Error("trap"); };
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const others = {
    undefined, null: null, true: true, "a number": 1, "a text": "UnauthorizedError", "a symbol": Symbol("x"), "a bigint": 1n,
    "a function": Object.assign(() => {}, told), "an empty object": {}, "an array": [], "an error": new Error("xhr poll error"),
    "an error by name alone": Object.assign(new Error("x"), { name: "UnauthorizedError", code: "invalid_token" }),
    "another type": { ...told, type: "Error" }, "no type": { message: "m", code: "invalid_token" },
    "no code": { message: "m", type: "UnauthorizedError" }, "a code that is no text": { ...told, code: 1 },
    "data that is null": { message: "m", data: null }, "data that is a text": { data: "UnauthorizedError" },
    "data in data": { data: { data: told } }, "the error of an unknown namespace": Object.assign(new Error("Invalid namespace"), { data: undefined }),
    "a getter that throws": { get data() { return fail(); } }, "a getter in data that throws": { data: { type: told.type, get code() { return fail(); } } },
    "a proxy that throws": new Proxy({}, { get: fail, has: fail, ownKeys: fail }), "a proxy that is revoked": proxy,
  };
  for (const [name, given] of Object.entries(others)) test(name, () => {
    assert.equal(refusal(given), undefined);
    assert.equal(isUnauthorizedError(given), false);
  });
});

// --- a socket that does what a test says -------------------------------------------------------------------------------

class Socket extends EventEmitter {
  connected = true;
  active = true;
  nsp = "/";
  sent = [];
  connects = 0;
  io = {
    engine: {},
    reconnects: true,
    reconnection() { return this.reconnects; },
    reconnectionDelay: () => 1000,
    reconnectionDelayMax: () => 5000,
    randomizationFactor: () => 0,
    reconnectionAttempts: () => Infinity,
    timeout: () => 20000,
  };
  emit(...args) { this.sent.push(args); }
  hear(...args) { super.emit(...args); }
  listeners(event) { return this.rawListeners(event); } // listeners of once remove themselves, as in the clients' emitter
  connect() { this.connects++; }
  open() { return this.connect(); }
  disconnect() { this.active = false; }
  close() { return this.disconnect(); }
  listening() { return this.eventNames().reduce((sum, name) => sum + this.listenerCount(name), 0); }
}

const token = "header.payload.signature";

// --- time ----------------------------------------------------------------------------------------------------------------

// settled lets promises run until none has work left.
const settled = () => new Promise((resolve) => setImmediate(resolve));

let now = 0;
const timers = new Map();
const real = { setTimeout, clearTimeout };

before(() => {
  let last = 0;
  globalThis.setTimeout = (run, ms) => {
    timers.set(++last, { run, at: now + ms });
    return last;
  };
  globalThis.clearTimeout = (id) => timers.delete(id);
});
beforeEach(() => timers.clear());
after(() => Object.assign(globalThis, real));

// tick advances time by so many milliseconds and runs all timers that are due.
async function tick(ms) {
  now += ms;
  for (const [id, { run, at }] of timers) if (at <= now && timers.delete(id)) run();
  await settled();
}

// outcome is the result of a promise; undefined while it is pending.
function outcome(promise) {
  const seen = {};
  promise.then(() => { seen.resolved = true; }, (error) => { seen.error = error; });
  return seen;
}

describe("authenticate", () => {
  const cause = new Error("the session is over");
  const noText = { toString: 1, valueOf: 1 }; // a server can send this
  const endings = {
    "on authenticated": { resolves: true, happens: (s) => s.hear("authenticated") },
    "on unauthorized": { refused: told, happens: (s) => s.hear("unauthorized", { message: "m", data: told }) },
    "on an unauthorized of no known shape": { refused: { message: "unauthorized", code: "unknown" }, happens: (s) => s.hear("unauthorized", "go away") },
    "on a disconnection": { error: /disconnected before the answer: transport close$/, happens: (s) => s.hear("disconnect", "transport close") },
    "on a failed connection": {
      outside: true, error: /not connected: xhr poll error$/,
      happens: (s) => s.hear("connect_error", Object.assign(new Error("xhr poll error"), { description: token })),
    },
    "on a failed connection that is a text": { outside: true, error: /not connected: timeout$/, happens: (s) => s.hear("connect_error", "timeout") },
    "on a failed connection that says nothing": { outside: true, error: /not connected: no reason given$/, happens: (s) => s.hear("connect_error") },
    "on an old client's error that cannot become text": { outside: true, error: /not connected: no reason given$/, happens: (s) => s.hear("error", { message: noText }) },
    "on a disconnection that cannot become text": { error: /before the answer: no reason given$/, happens: (s) => s.hear("disconnect", noText) },
    "on a refused connection": { outside: true, refused: told, happens: (s) => s.hear("connect_error", Object.assign(new Error("x"), { data: told })) },
    "on an old client's refused connection": { outside: true, refused: told, happens: (s) => s.hear("error", told) },
    "when there is no answer": { error: /no answer within 20000 ms$/, happens: () => tick(20000) },
    "when there is no connection": { outside: true, error: /no connection within 20000 ms$/, happens: () => tick(20000) },
    "when there is no token": { getToken: () => new Promise(() => {}), error: /no token within 20000 ms$/, happens: () => tick(20000) },
    "when getToken throws": { getToken: () => { throw cause; }, cause, error: /getToken failed$/ },
    "when getToken rejects": { getToken: () => Promise.reject(cause), cause, error: /getToken failed$/ },
    "when getToken rejects with nothing": { getToken: () => Promise.reject(), error: /getToken failed$/ },
  };
  for (const [name, ending] of Object.entries(endings)) test(`ends ${name}, and leaves nothing behind`, async () => {
    const { outside, getToken, happens, resolves, refused, error, cause } = ending;
    const socket = new Socket();
    socket.connected = !outside;
    const end = outcome(authenticate(socket, getToken || token));
    assert.ok(socket.listening() > 0);
    await settled();
    if (happens) assert.deepEqual(end, {}, "it did not wait");
    await happens?.(socket);
    await settled();

    assert.equal(socket.listening(), 0, "listeners");
    assert.equal(timers.size, 0, "timers");
    assert.deepEqual(Reflect.ownKeys(socket), Reflect.ownKeys(new Socket()), "members");
    if (resolves) assert.deepEqual(end, { resolved: true });
    else {
      assert.ok(end.error instanceof Error);
      assert.equal(isUnauthorizedError(end.error), Boolean(refused));
      if (refused) assert.deepEqual({ ...refusal(end.error) }, { type: told.type, id: undefined, reason: undefined, ...final, ...refused });
      else assert.match(end.error.message, error);
      assert.equal(end.error.cause, cause);
      assert.ok(!inspect(end.error, { showHidden: true, depth: 9 }).includes(token), "the token is in the error");
    }
    // After the end, later events throw nothing and have no effect.
    const { length } = socket.sent;
    socket.connected = true;
    for (const event of ["connect", "authenticated", "unauthorized", "disconnect"]) socket.hear(event);
    await tick(60000);
    assert.equal(socket.sent.length, length);
  });

  test("sends the token once, at once or at connect", async () => {
    for (const connected of [true, false]) {
      const socket = new Socket();
      socket.connected = connected;
      authenticate(socket, async () => token);
      await settled();
      assert.equal(socket.sent.length, connected ? 1 : 0);
      if (!connected) {
        socket.connected = true;
        socket.hear("connect");
        await settled();
      }
      assert.deepEqual(socket.sent, [["authenticate", { token }]]);
    }
  });

  test("sends no token when there is none", async () => {
    for (const none of [undefined, null, ""]) {
      const socket = new Socket();
      authenticate(socket, () => none);
      await settled();
      assert.deepEqual(socket.sent, [["authenticate", {}]]);
    }
  });

  test("does not call getToken before the socket is connected", async () => {
    const socket = new Socket();
    socket.connected = false;
    let asked = 0;
    authenticate(socket, () => { asked++; });
    await settled();
    assert.equal(asked, 0);
  });

  test("acknowledges the refusal if the server asks for that", async () => {
    const socket = new Socket();
    let acknowledged = 0;
    const end = outcome(authenticate(socket, token));
    await settled();
    socket.hear("unauthorized", { data: told }, () => { acknowledged++; });
    await settled();
    assert.equal(acknowledged, 1);
    assert.equal(end.error.name, "UnauthorizedError");
  });

  test("gives two calls their own answers, one after the other", async () => {
    const socket = new Socket();
    const ends = ["a", "b", "c"].map((name) => outcome(authenticate(socket, name)));
    await settled();
    assert.deepEqual(socket.sent, [["authenticate", { token: "a" }]]);
    socket.hear("authenticated");
    await settled();
    assert.deepEqual(ends, [{ resolved: true }, {}, {}]);
    assert.deepEqual(socket.sent.slice(1), [["authenticate", { token: "b" }]]);
    socket.hear("unauthorized", { data: told });
    await settled();
    assert.ok(isUnauthorizedError(ends[1].error));
    assert.deepEqual(ends[2], {});
    socket.hear("authenticated");
    await settled();
    assert.deepEqual(ends[2], { resolved: true });
    assert.equal(socket.listening(), 0);
  });

  test("a login that gave up waiting does not start the next one", async () => {
    const socket = new Socket();
    authenticate(socket, "a");
    const second = outcome(authenticate(socket, "b", { timeout: 10 }));
    const third = outcome(authenticate(socket, "c"));
    await tick(10);
    assert.match(second.error.message, /no turn within 10 ms/);
    assert.deepEqual(socket.sent, [["authenticate", { token: "a" }]]);
    socket.hear("authenticated");
    await settled();
    assert.deepEqual(socket.sent.slice(1), [["authenticate", { token: "c" }]]);
    assert.deepEqual(third, {});
    socket.hear("authenticated");
    await settled();
    assert.deepEqual(third, { resolved: true });
    assert.equal(socket.listening(), 0);
  });

  test("a login that gave up waiting does not start a later one", async () => {
    const socket = new Socket();
    authenticate(socket, "a");
    const second = outcome(authenticate(socket, "b", { timeout: 10 }));
    await tick(10);
    assert.ok(second.error);
    const third = outcome(authenticate(socket, "c"));
    await settled();
    assert.deepEqual(socket.sent, [["authenticate", { token: "a" }]]);
    socket.hear("authenticated");
    await settled();
    assert.deepEqual(third, {}, "it took the answer to another");
    socket.hear("authenticated");
    await settled();
    assert.deepEqual(third, { resolved: true });
    assert.deepEqual(Reflect.ownKeys(socket), Reflect.ownKeys(new Socket()), "members");
  });

  test("ignores an answer before it has sent a token", async () => {
    const socket = new Socket();
    const end = outcome(authenticate(socket, () => new Promise(() => {})));
    await settled();
    socket.hear("authenticated");
    await settled();
    assert.deepEqual(end, {});
  });

  test("ignores events named error", async () => {
    const [connected, elsewhere] = [new Socket(), new Socket()];
    elsewhere.connected = false;
    elsewhere.nsp = "/admin"; // client 2 tells it what "/" was told
    const ends = [connected, elsewhere].map((socket) => outcome(authenticate(socket, token)));
    for (const socket of [connected, elsewhere]) socket.hear("error", told);
    await settled();
    assert.deepEqual(ends, [{}, {}]);
  });

  test("refuses a timeout that a timer cannot wait for", async () => {
    for (const timeout of [0, -1, NaN, Infinity, 2 ** 31, "soon"]) {
      const socket = new Socket();
      await assert.rejects(authenticate(socket, token, { timeout }), RangeError);
      assert.equal(socket.listening(), 0);
    }
  });
});

describe("keepAuthenticated", () => {
  // kept keeps a socket authenticated with the tokens that a test puts into `tokens`.
  const kept = (tokens, socket = new Socket()) => {
    const heard = [];
    const stop = keepAuthenticated(socket, () => {
      const next = tokens.shift();
      if (next instanceof Error) throw next;
      return next;
    }, (error) => heard.push(error));
    return { socket, heard, stop };
  };
  const shown = (socket) => socket.sent.map(([, { token }]) => token);
  const reconnect = async (socket) => {
    socket.connected = false;
    socket.hear("disconnect", "transport close");
    socket.connected = true;
    socket.hear("connect");
    await settled();
  };

  // lose makes the server's deadline for a socket pass.
  const impatient = { ...told, reason: "auth_timeout" };
  const dismiss = (socket) => {
    socket.connected = false;
    socket.hear("disconnect", "io server disconnect");
  };
  const lose = (socket) => {
    socket.hear("unauthorized", { data: impatient });
    dismiss(socket);
  };

  test("sends a fresh token at each connect, and reports each outcome", async () => {
    const { socket, heard } = kept(["a", "b", "c"]);
    await settled();
    socket.hear("authenticated");
    await reconnect(socket);
    socket.hear("unauthorized", { data: told });
    await reconnect(socket);
    assert.deepEqual(shown(socket), ["a", "b", "c"]);
    assert.equal(heard.length, 2);
    assert.equal(heard[0], undefined);
    assert.deepEqual(refusal(heard[1]), told);
  });

  test("does not connect again after a refusal", async () => {
    const { socket, heard } = kept(["a", "b"]);
    await settled();
    socket.hear("unauthorized", { data: told });
    socket.hear("disconnect", "io server disconnect");
    await tick(60000);
    assert.equal(heard.length, 1);
    assert.equal(socket.connects, 0);
    assert.deepEqual(shown(socket), ["a"]);
  });

  test("calls getToken again when there was no token, at growing intervals", async () => {
    const { socket, heard } = kept([new Error("1"), new Error("2"), "a", new Error("3"), "b"]);
    await settled();
    assert.equal(heard[0].cause.message, "1");
    await tick(999);
    assert.equal(heard.length, 1);
    await tick(1);
    assert.equal(heard[1].cause.message, "2");
    await tick(1999);
    assert.deepEqual(shown(socket), []);
    await tick(1);
    assert.deepEqual(shown(socket), ["a"]);
    socket.hear("authenticated");
    // After a success it begins with the shortest pause again.
    await reconnect(socket);
    await tick(1000);
    assert.deepEqual(shown(socket), ["a", "b"]);
  });

  for (const [longest, expected] of [[5000, 5000], [Infinity, 2 ** 31 - 1]]) test(`never waits longer than a manager, or a timer, can: ${longest}`, async () => {
    const socket = new Socket();
    socket.io.reconnectionDelayMax = () => longest;
    const failures = Array.from({ length: 40 }, () => new Error("no"));
    const { heard } = kept([...failures, "a"], socket);
    await settled();
    const pauses = [];
    while (heard.length < failures.length || shown(socket).length === 0) {
      assert.equal(timers.size, 1);
      const [{ at }] = timers.values();
      pauses.push(at - now);
      await tick(at - now);
    }
    assert.deepEqual(pauses.slice(0, 3), [1000, 2000, 4000]);
    assert.equal(pauses.at(-1), expected);
  });

  test("calls getToken again when there was no token in time", async () => {
    const late = [];
    const slow = () => new Promise((resolve) => late.push(resolve));
    const { socket, heard } = kept([slow(), slow(), slow(), "a"]);
    for (const [n, pause] of [1000, 2000, 4000].entries()) {
      await settled();
      await tick(20000);
      assert.equal(heard.length, n + 1);
      assert.match(heard[n].message, /no token within 20000 ms/);
      if (n === 1) late[1]("in the pause");
      await settled();
      await tick(pause);
      if (n === 0) late[0]("while another is asked for");
    }
    assert.deepEqual(shown(socket), ["a"]);
  });

  test("does not call getToken again when the application has connected the socket", async () => {
    const { socket } = kept([new Error("1"), "a", "b"]);
    await settled();
    dismiss(socket);
    socket.connected = true;
    socket.hear("connect");
    await settled();
    await tick(60000);
    assert.deepEqual(shown(socket), ["a"]);
    assert.equal(socket.connects, 0);
  });

  test("does not connect again when the server disconnects it instead of an answer", async () => {
    const { socket, heard } = kept(["a", "b"]);
    await settled();
    dismiss(socket);
    await tick(60000);
    assert.match(heard[0].message, /disconnected before the answer/);
    assert.equal(heard.length, 1);
    assert.equal(socket.connects, 0);
  });

  test("logs in once, although it waited for its turn when the connection was lost", async () => {
    const socket = new Socket();
    authenticate(socket, "by hand").catch(() => {});
    const { heard } = kept(["a", "b"], socket);
    await settled();
    await reconnect(socket);
    assert.deepEqual(shown(socket), ["by hand", "a"]);
    socket.hear("authenticated");
    await settled();
    assert.deepEqual(shown(socket), ["by hand", "a"]);
    assert.deepEqual(heard, [undefined]);
  });

  for (const [name, { tokens, before, first }] of Object.entries({
    "before there was a token": { tokens: [new Error("1"), "a"], before: [/getToken failed/], first: 2000 },
    "with a slow token": { tokens: [new Promise(() => {}), "a"], before: [], first: 1000 },
    "just as the token came": { tokens: ["late", "a"], before: [], first: 1000 },
  })) for (const [how, losing] of Object.entries({ "with a word": lose, "without": dismiss })) {
    // Without a refusal it is treated like any other answer to a token.
    if (tokens[0] === "late" && losing === dismiss) continue;
    test(`comes back when the server lost patience ${name}, ${how}`, async () => {
      const { socket, heard } = kept([...tokens], new Socket());
      await settled();
      const shownBefore = shown(socket);
      losing(socket);
      assert.deepEqual(heard.slice(0, -1).map((error) => before.some((text) => text.test(error.message))), before.map(() => true));
      assert.deepEqual(refusal(heard.at(-1)), losing === lose ? impatient : undefined);
      await tick(first - 1);
      assert.equal(socket.connects, 0);
      await tick(1);
      assert.equal(socket.connects, 1);
      socket.connected = true;
      socket.hear("connect");
      await settled();
      assert.deepEqual(shown(socket), [...shownBefore, "a"]);
    });
  }

  test("sends no token after the server's deadline, and waits for the disconnection", async () => {
    for (const slow of [false, true]) {
      let late = () => {};
      const { socket, heard } = kept([slow ? new Promise((resolve) => { late = resolve; }) : new Error("1"), "a"]);
      await settled();
      const { length } = heard;
      let acknowledged = 0;
      const refused = slow ? told : impatient;
      socket.hear("unauthorized", { data: refused }, () => acknowledged++);
      assert.equal(acknowledged, 1);
      late("late");
      await tick(5000);
      assert.deepEqual(shown(socket), []);
      assert.equal(heard.length, length);
      dismiss(socket);
      assert.deepEqual(refusal(heard.at(-1)), refused);
      assert.equal(heard.length, length + 1);
    }
  });

  test("does not wait for that forever, however often the server refuses", async () => {
    const { socket, heard } = kept([new Promise(() => {})]);
    await settled();
    socket.hear("unauthorized", { data: impatient });
    await tick(19999);
    socket.hear("unauthorized", { data: impatient });
    assert.equal(heard.length, 0);
    await tick(1);
    assert.deepEqual(heard.map(refusal), [impatient]);
    assert.equal(socket.listenerCount("authenticated"), 0);
  });

  for (const reason of ["transport close", "io client disconnect"]) test(`leaves it to the client after: ${reason}`, async () => {
    for (const [tokens, outcomes] of [[[new Error("1"), "a"], 2], [[new Promise(() => {}), "a"], 1]]) {
      for (const refused of [false, true]) {
        const { socket, heard } = kept([...tokens]);
        await settled();
        if (refused) socket.hear("unauthorized", { data: impatient });
        socket.connected = false;
        socket.hear("disconnect", reason);
        await tick(60000);
        assert.equal(heard.length, outcomes);
        assert.equal(socket.connects, 0);
        assert.deepEqual(shown(socket), []);
      }
    }
  });

  test("calls getToken once if reconnection is off", async () => {
    const socket = new Socket();
    socket.io.reconnects = false;
    const { heard } = kept([new Error("1"), "a"], socket);
    await settled();
    await tick(60000);
    assert.equal(heard.length, 1);
    assert.deepEqual(shown(socket), []);
  });

  test("drops the token of a connection that is gone", async () => {
    let late;
    const { socket } = kept([new Promise((resolve) => { late = resolve; }), "b"]);
    await settled();
    await reconnect(socket);
    late("a");
    await settled();
    assert.deepEqual(shown(socket), ["b"]);
  });

  test("stops at any time, and reports nothing more", async () => {
    let late;
    for (const [tokens, away] of [[["a"]], [[new Promise((resolve) => { late = resolve; })]], [[new Error("1"), "b"]], [[new Error("1"), "b"], true]]) {
      const { socket, heard, stop } = kept(tokens);
      await settled();
      if (away) dismiss(socket);
      const told = heard.length;
      stop();
      assert.equal(socket.listening(), 0);
      assert.equal(Object.getOwnPropertySymbols(socket).length, Object.getOwnPropertySymbols(new Socket()).length);
      const shownBefore = shown(socket).length;
      late?.("late");
      socket.hear("connect");
      socket.hear("authenticated");
      await tick(60000);
      assert.equal(heard.length, told);
      assert.equal(shown(socket).length, shownBefore);
      assert.equal(socket.connects, 0);
    }
  });

  test("requires the function told", () => {
    const socket = new Socket();
    assert.throws(() => keepAuthenticated(socket, () => token), TypeError);
    assert.throws(() => keepAuthenticated(socket, token, () => {}), TypeError);
    assert.throws(() => keepAuthenticated(socket, () => token, () => {}, { timeout: 0 }), RangeError);
    assert.equal(socket.listening(), 0);
  });
});

describe("freshToken", () => {
  // connecting calls `auth` as a socket does.
  const connecting = (socket, getToken, auth = freshToken(getToken)) => {
    const sent = [];
    socket.connected = false;
    socket.auth = auth;
    socket.auth((data) => sent.push(data));
    return sent;
  };

  test("sends the token, later or at once, or nothing", async () => {
    for (const given of [token, Promise.resolve(token)]) {
      const sent = connecting(new Socket(), () => given);
      await settled();
      assert.deepEqual(sent, [{ token }]);
      assert.equal(timers.size, 0);
    }
    const sent = connecting(new Socket(), () => null);
    await settled();
    assert.deepEqual(sent, [{}]);
  });

  for (const [name, change] of Object.entries({
    "a newer connect": (socket) => socket.auth(() => {}),
    "another connection": (socket) => { socket.io.engine = {}; },
    "having left": (socket) => socket.disconnect(),
  })) {
    test(`sends nothing after ${name}`, async () => {
      const socket = new Socket();
      let late;
      const sent = connecting(socket, () => new Promise((resolve) => { late ??= resolve; }));
      change(socket);
      late(token);
      await settled();
      assert.deepEqual(sent, []);
    });

    test(`neither tells nor asks again after ${name}`, async () => {
      const socket = new Socket();
      const heard = [];
      socket.on("connect_error", (error) => heard.push(error));
      let asked = 0;
      let fail;
      connecting(socket, () => new Promise((_, reject) => { asked++; fail ??= reject; }));
      change(socket);
      const before = asked;
      fail(new Error("late"));
      await settled();
      assert.deepEqual(heard, []);
      await tick(10000);
      assert.equal(asked, before);
    });
  }

  for (const [name, change] of Object.entries({
    "another connection": (socket) => { socket.io.engine = {}; },
    "having left": (socket) => socket.disconnect(),
  })) test(`does not go on asking after ${name}`, async () => {
    const socket = new Socket();
    let asked = 0;
    connecting(socket, () => { asked++; throw new Error("1"); });
    await settled();
    change(socket);
    await tick(10000);
    assert.equal(asked, 1);
  });

  test("two sockets that share it do not affect each other", async () => {
    const auth = freshToken(() => token);
    const sent = [connecting(new Socket(), null, auth), connecting(new Socket(), null, auth)];
    await settled();
    assert.deepEqual(sent, [[{ token }], [{ token }]]);
  });

  test("reports a failure, and calls getToken again at growing intervals", async () => {
    const socket = new Socket();
    const heard = [];
    socket.once("connect_error", (error) => heard.push(["once", error.cause.message]));
    socket.on("connect_error", (error) => heard.push(["on", error.cause.message]));
    const answers = [new Error("1"), new Error("2"), token];
    const sent = connecting(socket, () => {
      const next = answers.shift();
      if (next instanceof Error) throw next;
      return next;
    });
    await settled();
    assert.deepEqual(heard, [["once", "1"], ["on", "1"]]);
    await tick(999);
    assert.equal(heard.length, 2);
    await tick(1);
    assert.deepEqual(heard.slice(2), [["on", "2"]]);
    await tick(1999);
    assert.deepEqual(sent, []);
    await tick(1);
    assert.deepEqual(sent, [{ token }]);
    assert.equal(socket.active, true);
  });

  test("treats a missing answer as a failure", async () => {
    const socket = new Socket();
    const heard = [];
    socket.on("connect_error", (error) => heard.push(error.message));
    connecting(socket, () => new Promise(() => {}));
    await tick(20000);
    assert.deepEqual(heard, ["socketio-jwt: no token within 20000 ms"]);
  });

  test("disconnects if reconnection is off", async () => {
    const socket = new Socket();
    socket.io.reconnects = false;
    let asked = 0;
    let active;
    socket.on("connect_error", () => { active = socket.active; });
    connecting(socket, () => { asked++; throw new Error("1"); });
    await tick(60000);
    assert.equal(active, false);
    assert.equal(asked, 1);
  });

  test("throws if it is not the option `auth`", () => {
    const auth = freshToken(() => token);
    assert.throws(() => auth(() => {}), TypeError);
  });
});

describe("freshQuery", () => {
  // The parts of an old client's manager that the package uses.
  const made = (query, uri = "http://localhost") => {
    const opened = [];
    const heard = [];
    const manager = {
      uri, opts: { query }, nsps: {}, readyState: "closed", skipReconnect: true,
      timeout: () => 20000,
      open(done, options) {
        this.readyState = "opening";
        opened.push({ query: this.opts.query, uri: this.uri, done, options });
      },
      close() { this.readyState = "closed"; },
      emitAll: (...args) => heard.push(args),
      on(event, listener) { this[event] = listener; },
      maybeReconnectOnOpen: () => heard.push(["maybeReconnectOnOpen"]),
    };
    return { io: manager, manager, opened, heard };
  };

  test("the query keeps its other parameters", async () => {
    const odd = "a/+=&?#%";
    const queries = [
      [undefined, { token: odd }],
      [{ token: "stale", room: "1" }, { token: odd, room: "1" }],
      ["room=1&token=stale&x=%20", `room=1&x=%20&token=${encodeURIComponent(odd)}`],
      ["token=a&token=b&tokens=c&token", `tokens=c&token=${encodeURIComponent(odd)}`],
      ["", `token=${encodeURIComponent(odd)}`],
    ];
    for (const [before, after] of queries) {
      const socket = made(before);
      const copy = structuredClone(before);
      freshQuery(socket, () => odd);
      socket.manager.open();
      await settled();
      assert.deepEqual(socket.opened.map(({ query }) => query), [after]);
      assert.deepEqual(before, copy, "the caller's own object was written to");
    }
  });

  test("without a token the query has none, not even the stale one", async () => {
    for (const [before, after] of [[{ token: "stale", room: "1" }, { room: "1" }], ["token=stale&room=1", "room=1"]]) {
      const socket = made(before);
      freshQuery(socket, () => undefined);
      socket.manager.open();
      await settled();
      assert.deepEqual(socket.opened[0].query, after);
    }
  });

  test("a query in the URL is treated like the option", async () => {
    const socket = made({ token: "ignored by the client" }, "http://localhost/admin?token=stale&room=1#x");
    freshQuery(socket, () => "fresh");
    socket.manager.open();
    await settled();
    assert.equal(socket.opened[0].uri, "http://localhost/admin");
    assert.equal(socket.opened[0].query, "room=1&token=fresh");
  });

  test("every namespace that has a query gets the fresh token", async () => {
    const socket = made();
    Object.assign(socket.manager.nsps, { "/": {}, "/a": { query: "token=stale" }, "/b": { query: { token: "stale" } } });
    freshQuery(socket, () => "fresh");
    socket.manager.open();
    await settled();
    assert.deepEqual(socket.manager.nsps, { "/": {}, "/a": { query: "token=fresh" }, "/b": { query: { token: "fresh" } } });
  });

  test("it opens once, with its arguments", async () => {
    const socket = made();
    let asked = 0;
    freshQuery(socket, () => String(++asked));
    const done = () => {};
    assert.equal(socket.manager.open(done, { a: 1 }), socket.manager);
    assert.equal(socket.manager.connect(), socket.manager);
    assert.equal(socket.manager.skipReconnect, false);
    await settled();
    socket.manager.open();
    await settled();
    assert.equal(asked, 1);
    assert.equal(socket.opened.length, 1);
    assert.equal(socket.opened[0].done, done);
    assert.deepEqual(socket.opened[0].options, { a: 1 });
  });

  test("it opens nothing after close, and the right one after close and open", async () => {
    const socket = made();
    const late = [];
    freshQuery(socket, () => new Promise((resolve) => late.push(resolve)));
    socket.manager.open();
    socket.manager.close();
    late[0]("one");
    await settled();
    assert.deepEqual(socket.opened, []);

    socket.manager.open();
    socket.manager.close();
    socket.manager.open();
    late[1]("two");
    await settled();
    assert.deepEqual(socket.opened, []);
    late[2]("three");
    await settled();
    assert.deepEqual(socket.opened.map(({ query }) => query), [{ token: "three" }]);
  });

  test("a failure is reported like a server that cannot be reached", async () => {
    const cause = new Error("down");
    const socket = made();
    freshQuery(socket, () => { throw cause; });
    socket.manager.open();
    await settled();
    const [[event, error], ...rest] = socket.heard;
    assert.equal(event, "connect_error");
    assert.equal(error.cause, cause);
    assert.deepEqual(rest, [["maybeReconnectOnOpen"]]);
    assert.equal(socket.manager.readyState, "closed");

    let given;
    socket.manager.open((error) => { given = error; });
    await settled();
    assert.equal(given.data.cause, cause);
    assert.deepEqual(socket.opened, []);
  });

  test("a missing answer is a failure", async () => {
    const socket = made();
    freshQuery(socket, () => new Promise(() => {}));
    socket.manager.open();
    await tick(20000);
    assert.equal(socket.heard[0][1].message, "socketio-jwt: no token within 20000 ms");
  });

  test("it is not for later clients", () => {
    assert.throws(() => freshQuery(new Socket(), () => token), /freshToken/);
  });
});

describe("after a temporary refusal of one namespace", () => {
  const refusedFor = (retryAfter) => Object.assign(new Error("busy"), { data: { ...busy, retryAfter } });
  const members = (socket) => Reflect.ownKeys(socket).filter((name) => name !== "auth");

  // The three functions of the package, each with a socket that was just refused, and a way to refuse it again.
  const ways = {
    freshToken: async (socket) => {
      socket.connected = false;
      socket.auth = freshToken(() => token);
      const connecting = async () => {
        socket.auth(() => {});
        await settled();
      };
      await connecting();
      return { connecting, refuse: (error) => socket.hear("connect_error", error), admit: () => socket.hear("connect") };
    },
    "keepAuthenticated, before there is a connection": async (socket) => {
      socket.connected = false;
      const stop = keepAuthenticated(socket, () => token, () => {});
      return {
        stop, connecting: settled, refuse: (error) => socket.hear("connect_error", error),
        admit: async () => {
          socket.connected = true;
          socket.hear("connect");
          await settled();
          socket.hear("authenticated");
          await settled();
          socket.connected = false;
          socket.hear("disconnect", "transport close");
          await settled();
        },
      };
    },
    "keepAuthenticated, as an answer": async (socket) => {
      socket.connected = false;
      const heard = [];
      const stop = keepAuthenticated(socket, () => token, (error) => heard.push(error));
      const connecting = async () => {
        socket.connected = true;
        socket.hear("connect");
        await settled();
      };
      await connecting();
      return {
        stop, connecting, heard,
        refuse: (error) => {
          socket.hear("unauthorized", { message: error.message, data: error.data });
          socket.connected = false;
          socket.hear("disconnect", "io server disconnect");
        },
        admit: () => socket.hear("authenticated"),
      };
    },
    freshQuery: async (socket) => {
      const { io: manager } = socket;
      Object.assign(socket, { active: undefined, subs: [], nsp: "/x", connected: false });
      Object.assign(manager, { emitAll() {}, uri: "http://localhost", opts: {}, nsps: { "/x": socket }, on(event, listener) { this[event] = listener; } });
      socket.disconnect = function disconnect() { this.subs = null; };
      freshQuery(socket, () => token);
      return {
        connecting: settled, refuse: ({ data }) => manager.packet({ type: 4, nsp: "/x", data }), admit: () => manager.packet({ type: 0, nsp: "/x" }),
      };
    },
  };

  for (const [name, way] of Object.entries(ways)) describe(name, () => {
    test("it connects again after the time that the server asked for, and no sooner", async () => {
      const socket = new Socket();
      const { refuse } = await way(socket);
      refuse(refusedFor(3));
      await tick(2999);
      assert.equal(socket.connects, 0);
      await tick(1);
      assert.equal(socket.connects, 1);
    });

    test("a random part is added, and never taken off", async () => {
      const socket = new Socket();
      socket.io.randomizationFactor = () => 0.5;
      const { refuse } = await way(socket);
      const random = Math.random;
      Math.random = () => 0.999;
      try {
        refuse(refusedFor(10));
      } finally {
        Math.random = random;
      }
      await tick(14_994);
      assert.equal(socket.connects, 0);
      await tick(1);
      assert.equal(socket.connects, 1);
    });

    test("without a time, or with a short one, it takes the delay of the manager, which grows", async () => {
      const socket = new Socket();
      const { refuse, connecting } = await way(socket);
      for (const [n, ms] of [1000, 2000, 4000, 5000, 5000].entries()) {
        refuse(refusedFor(n % 2 ? undefined : 0.5));
        await tick(ms - 1);
        assert.equal(socket.connects, n);
        await tick(1);
        assert.equal(socket.connects, n + 1);
        await connecting();
      }
    });

    test("it ends after reconnectionAttempts, and begins to count again once admitted", async () => {
      const socket = new Socket();
      socket.io.reconnectionAttempts = () => 2;
      const { refuse, connecting, admit } = await way(socket);
      for (const expected of [1, 2, 2]) {
        refuse(refusedFor(1));
        await tick(60_000);
        assert.equal(socket.connects, expected);
        await connecting();
      }
      await admit();
      await connecting();
      refuse(refusedFor(1));
      await tick(60_000);
      assert.equal(socket.connects, 3);
    });

    test("a final refusal stays final", async () => {
      for (const data of [told, { ...busy, temporary: false }, { ...busy, temporary: "yes" }, undefined, null, "busy", 7]) {
        const socket = new Socket();
        const { refuse } = await way(socket);
        refuse(Object.assign(new Error("no"), { data }));
        await tick(60_000);
        assert.equal(socket.connects, 0);
      }
    });

    test("it does not connect if reconnection is off, or is switched off meanwhile", async () => {
      for (const meanwhile of [false, true]) {
        const socket = new Socket();
        socket.io.reconnects = meanwhile;
        const { refuse } = await way(socket);
        refuse(refusedFor(1));
        socket.io.reconnects = false;
        await tick(60_000);
        assert.equal(socket.connects, 0);
      }
    });

    for (const method of ["disconnect", "close"]) test(`it stays away after ${method}()`, async () => {
      const socket = new Socket();
      const { refuse, connecting } = await way(socket);
      refuse(refusedFor(1));
      socket[method]();
      await tick(60_000);
      assert.equal(socket.connects, 0);
      // After the application connects it, it works as before.
      if (name === "freshQuery") return;
      socket.active = true;
      socket.connect();
      await connecting();
      refuse(refusedFor(1));
      await tick(60_000);
      assert.equal(socket.connects, 2);
    });

    test("it does not connect if an earlier listener disconnects it", async () => {
      const socket = new Socket();
      const events = ["connect_error", "unauthorized"];
      for (const event of events) socket.on(event, () => socket.disconnect());
      const { refuse } = await way(socket);
      if (name === "freshQuery") socket.disconnect();
      refuse(refusedFor(1));
      await tick(60_000);
      assert.equal(socket.connects, 0);
    });

    test("it connects once if the application connects it meanwhile", async () => {
      for (const method of ["connect", "open"]) {
        const socket = new Socket();
        const { refuse } = await way(socket);
        refuse(refusedFor(1));
        socket[method]();
        await tick(60_000);
        assert.equal(socket.connects, 1);
      }
    });

    test("it sends no second CONNECT if it is connected by then", async () => {
      const socket = new Socket();
      const { refuse } = await way(socket);
      refuse(refusedFor(1));
      socket.connected = true;
      await tick(60_000);
      assert.equal(socket.connects, 0);
    });

    test("clients that connect on their own on a new connection are not connected again", async () => {
      const socket = new Socket();
      const { refuse } = await way(socket);
      refuse(refusedFor(1));
      socket.io.engine = {};
      await tick(60_000);
      assert.equal(socket.connects, 0); // its `active` is still true, as in 3

      if (name === "freshQuery") return;
      const destroyed = new Socket();
      const other = await way(destroyed);
      destroyed.active = false; // as 4 leaves it
      other.refuse(refusedFor(1));
      destroyed.io.engine = {};
      await tick(60_000);
      assert.equal(destroyed.connects, 1);
    });
  });

  for (const name of Object.keys(ways).filter((name) => name.startsWith("keepAuthenticated"))) test(`${name}: it ends with stop, and leaves nothing behind`, async () => {
    const socket = new Socket();
    const before = members(socket);
    const { refuse, stop } = await ways[name](socket);
    refuse(refusedFor(1));
    stop();
    assert.deepEqual(members(socket), before);
    assert.equal(socket.listening(), 0);
    assert.equal(timers.size, 0);
  });

  test("keepAuthenticated reports the refusal once, and lets the client reconnect after a closed transport", async () => {
    const socket = new Socket();
    const { heard } = await ways["keepAuthenticated, as an answer"](socket);
    socket.hear("unauthorized", { data: busy });
    assert.equal(heard.length, 0);
    socket.connected = false;
    socket.hear("disconnect", "transport close");
    await tick(60_000);
    assert.deepEqual(heard.map(refusal), [busy]);
    assert.equal(socket.connects, 0);
  });

  test("authenticate, which tries once, rejects at once", async () => {
    const socket = new Socket();
    const end = outcome(authenticate(socket, token));
    await settled();
    socket.hear("unauthorized", { data: busy });
    await settled();
    assert.deepEqual(refusal(end.error), busy);
    socket.hear("disconnect", "io server disconnect");
    await tick(60_000);
    assert.equal(socket.connects, 0);
  });

  test("freshToken finds its listeners removed, and adds them again", async () => {
    const socket = new Socket();
    const { connecting, refuse } = await ways.freshToken(socket);
    socket.removeAllListeners();
    await connecting();
    await connecting();
    assert.equal(socket.listening(), 2);
    refuse(refusedFor(1));
    await tick(1000);
    assert.equal(socket.connects, 1);
  });

  test("freshToken connects once, if a listener before it has connected it already", async () => {
    const socket = new Socket();
    socket.on("connect_error", () => {
      socket.connect();
      socket.auth(() => {});
    });
    const { refuse } = await ways.freshToken(socket);
    refuse(refusedFor(1));
    await settled();
    await tick(60_000);
    assert.equal(socket.connects, 1);
  });

  test("both ways on one socket connect it once", async () => {
    const socket = new Socket();
    const { refuse } = await ways.freshToken(socket);
    const stop = keepAuthenticated(socket, () => token, () => {});
    refuse(refusedFor(1));
    await tick(60_000);
    assert.equal(socket.connects, 1);
    stop();
    assert.equal(Object.hasOwn(socket, "connect"), true, "freshToken still watches");
  });

  test("a method that other code has replaced meanwhile stays replaced", async () => {
    const socket = new Socket();
    const own = () => "own";
    socket.close = own;
    const stop = keepAuthenticated(socket, () => token, () => {});
    assert.equal(socket.close(), "own");
    const spy = () => "spy";
    socket.connect = spy;
    stop();
    assert.equal(socket.connect, spy);
    assert.equal(socket.close, own);
    assert.equal(Object.hasOwn(socket, "disconnect"), false);
  });

  test("clients 1 and 2: packets for \"/\", or for unknown namespaces, change nothing", async () => {
    const socket = new Socket();
    await ways.freshQuery(socket);
    for (const nsp of ["/", "/other"]) socket.io.packet({ type: 4, nsp, data: busy });
    await tick(60_000);
    assert.equal(socket.connects, 0);
  });

  test("clients 1 and 2: keepAuthenticated uses the packet, because 2 repeats the refusal of \"/\" to all", async () => {
    const socket = new Socket();
    const { io: manager } = socket;
    const listeners = new Set();
    Object.assign(socket, { active: undefined, subs: [], nsp: "/x", connected: false });
    Object.assign(manager, { emitAll() {}, on: (_, f) => listeners.add(f), off: (_, f) => listeners.delete(f) });
    const stop = keepAuthenticated(socket, () => token, () => {});
    const packet = (nsp, data) => listeners.forEach((f) => f({ type: 4, nsp, data }));
    packet("/", busy);
    packet("/other", busy);
    packet("/x", told);
    await tick(60_000);
    assert.equal(socket.connects, 0);
    packet("/x", busy);
    await tick(60_000);
    assert.equal(socket.connects, 1);
    stop();
    assert.equal(listeners.size, 0);
  });
});

describe("keepFresh", () => {
  const stay = (options = {}, getToken = async () => token) => {
    const socket = new Socket();
    socket.connected = false;
    socket.auth = { own: 1, token: "old" };
    const happened = { refreshed: [], refused: [], stopped: [] };
    const asked = [];
    const tell = (name) => (what) => happened[name].push(what);
    const fresh = keepFresh(socket, (why) => { asked.push(why); return getToken(asked.length); }, {
      onRefreshed: tell("refreshed"), onRefused: tell("refused"), onStopped: tell("stopped"), ...options,
    });
    const enter = async (lease) => {
      let payload;
      socket.auth((sent) => { payload = sent; });
      await settled();
      socket.connected = true;
      socket.hear("connect");
      socket.hear("authenticated", lease);
      return payload;
    };
    const answer = async (told) => { socket.sent.at(-1)[2](told); await settled(); };
    return { socket, fresh, happened, asked, enter, answer };
  };

  test("shows a fresh token, asks for the lease, and keeps the application's own members", async () => {
    const { enter } = stay();
    assert.deepEqual(await enter(), { own: 1, lease: true, token });
  });

  test("answers the warning once, and tells what has changed", async () => {
    const { socket, happened, asked, enter, answer } = stay();
    await enter({ expiresIn: 600, refresh: true });
    socket.hear("token_expiring", { expiresIn: 60 });
    socket.hear("token_expiring", { expiresIn: 60, now: true });
    await settled();
    assert.deepEqual(socket.sent.map(([event, payload]) => [event, payload]), [["authenticate", { token, lease: true }]]);
    await answer({ expiresIn: 600, refresh: true, joined: ["a"] });
    assert.deepEqual(happened, { refreshed: [{ expiresIn: 600, refresh: true, joined: ["a"], left: [] }], refused: [], stopped: [] });
    assert.deepEqual(asked, [{}, {}]);
  });

  test("does not refresh a lease that may not be refreshed", async () => {
    const { socket, enter } = stay();
    await enter({ expiresIn: 600, refresh: false });
    socket.hear("token_expiring", { expiresIn: 60 });
    await settled();
    assert.deepEqual(socket.sent, []);
    assert.equal(timers.size, 0);
  });

  test("a challenge that comes during a refresh is answered by another token", async () => {
    const { socket, asked, enter, answer } = stay();
    await enter({ expiresIn: 600, refresh: true });
    socket.hear("token_expiring", {});
    socket.hear("token_challenge", { maxAge: 5 });
    await settled();
    await answer({ expiresIn: 600, refresh: true });
    assert.deepEqual(asked, [{}, {}, { challenge: { maxAge: 5 } }]);
  });

  test("waits as long as a temporary refusal asks, and stays after a final one", async () => {
    const { socket, happened, asked, enter, answer } = stay();
    await enter({ expiresIn: 600, refresh: true });
    socket.hear("token_expiring", {});
    await settled();
    await answer({ error: { ...busy, retryAfter: 5 } });
    await tick(4900);
    assert.equal(asked.length, 2);
    await tick(1500);
    assert.equal(asked.length, 3);
    await answer({ error: { ...told, reason: "subject_changed" } });
    await tick(3600_000);
    assert.equal(asked.length, 3);
    assert.equal(happened.refused.length, 2);
    assert.equal(happened.stopped.length, 0);
    for (const error of happened.refused) assert.ok(!inspect(error, { showHidden: true, depth: 9 }).includes(token));
  });

  const finals = {
    "a revocation": (socket) => socket.hear("unauthorized", { message: "m", data: { ...told, reason: "token_revoked" } }),
    "a final refusal at connect": (socket) => socket.hear("connect_error", Object.assign(new Error("m"), { data: { ...told, reason: "token_audience" } })),
  };
  for (const [name, happens] of Object.entries(finals)) test(`${name} ends it, and nothing remains`, async () => {
    const { socket, fresh, happened, enter } = stay();
    await enter({ expiresIn: 600, refresh: true });
    happens(socket);
    await settled();
    assert.equal(happened.stopped.length, 1);
    assert.equal(socket.active, false);
    assert.equal(socket.listening(), 0, "listeners");
    assert.equal(timers.size, 0, "timers");
    assert.deepEqual(socket.auth, { own: 1, token: "old" });
    await assert.rejects(fresh.refresh(), /has stopped/);
  });

  test("getToken ends it by an error with stop", async () => {
    const { socket, fresh, happened, enter } = stay({}, async (n) => {
      if (n > 1) throw Object.assign(new Error("signed out"), { stop: true });
      return token;
    });
    await enter({ expiresIn: 600, refresh: true });
    await assert.rejects(fresh.refresh(), /getToken failed/);
    assert.equal(happened.stopped[0].cause.message, "signed out");
    assert.equal(socket.listening(), 0);
  });
});
