// What every test file here needs: the server under test, tokens, clients of all versions, and waits with a time limit.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createHmac, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import io1 from "socket.io-client-1";
import io2 from "socket.io-client-2";
import { io as io3 } from "socket.io-client-3";
import { io as io4 } from "socket.io-client";

export const here = dirname(fileURLToPath(import.meta.url));

export const versions = { "4.8.4": io4, "3.1.3": io3 };
export const oldVersions = { "2.5.0": io2, "1.7.4": io1 };
export const allVersions = { ...versions, ...oldVersions };

// isOld reports whether a client is of Socket.IO 1 or 2. Those speak Engine.IO 3, which the server accepts with -eio3, have no auth
// payload, and receive a refusal as the event "error", whose argument is the payload itself.
export const isOld = (io) => io.protocol === 4;

export const transports = {
  polling: ["polling"],
  websocket: ["websocket"],
  upgrade: ["polling", "websocket"],
};

// gates has the test server's namespace for each mode of the gate.
export const gates = { handshake: "/", event: "/admin" };

// --- waiting ---------------------------------------------------------------------------------------------------------

// limit bounds a test, and patience one wait in it. They end tests that would never end, and do not
// measure speed: the machine may be busy. PATIENCE sets the milliseconds of one wait, for use while tests are written.
export const limit = { timeout: 240_000 };
export const patience = Number(process.env.PATIENCE ?? 60_000);

// within rejects if a promise takes longer than ms. The error names what was awaited.
export function within(promise, what, ms = patience) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// heard resolves with the arguments of the next event of that name from a socket, manager or engine.
export function heard(emitter, event, ms) {
  return within(new Promise((resolve) => emitter.once(event, (...args) => resolve(args))), `event "${event}"`, ms);
}

// ask emits an event and resolves with the arguments of its acknowledgement.
export function ask(socket, event, ...args) {
  return within(new Promise((resolve) => socket.emit(event, ...args, (...answer) => resolve(answer))), `ack of "${event}"`);
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// --- tokens ----------------------------------------------------------------------------------------------------------
// They are made here and not by the project's own code, so that a mistake shared by signing and verifying would show.

export const secret = randomBytes(32).toString("hex");
export const issuer = "https://issuer.example";
export const audience = "interop";

const base64url = (value) => Buffer.from(value).toString("base64url");

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });

const signers = {
  HS256: (input, key) => createHmac("sha256", key).update(input).digest("base64url"),
  HS512: (input, key) => createHmac("sha512", key).update(input).digest("base64url"),
  RS256: (input) => sign("sha256", Buffer.from(input), privateKey).toString("base64url"),
  none: () => "",
};

// seal signs any payload.
export function seal(payload, { alg = "HS256", key = secret } = {}) {
  const input = `${base64url(JSON.stringify({ alg, typ: "JWT" }))}.${base64url(payload)}`;
  return `${input}.${signers[alg](input, key)}`;
}

// mint makes a token that is valid for a minute. A claim that is undefined is left out.
export function mint(claims = {}, options) {
  const now = Math.floor(Date.now() / 1000);
  return seal(JSON.stringify({ iss: issuer, aud: audience, sub: "alice", iat: now, exp: now + 60, ...claims }), options);
}

const minutes = (n) => Math.floor(Date.now() / 1000) + 60 * n;

const invalid = (message, reason) => ({ message, code: "invalid_token", reason });

// refusals has the payloads that a gate must refuse, and what their sender is told, in both modes. A query holds only text, so
// some answers differ there.
export const refusals = {
  missing: {
    payload: () => ({}),
    told: { message: "no token provided", code: "credentials_required", reason: "token_missing" },
  },
  "not a string": {
    payload: () => ({ token: 123 }),
    told: invalid("invalid token datatype", "token_malformed"),
    toldInQuery: invalid("jwt malformed", "token_malformed"),
  },
  "badly formed": {
    payload: () => ({ token: "Bearer one two" }),
    told: { message: "Format is Authorization: Bearer [token]", code: "credentials_bad_format", reason: "token_malformed" },
    toldInQuery: invalid("jwt malformed", "token_malformed"),
  },
  malformed: { payload: () => ({ token: "no-token-at-all" }), told: invalid("jwt malformed", "token_malformed") },
  "bad signature": {
    payload: () => ({ token: mint({}, { key: "another secret of at least thirty-two bytes" }) }),
    told: invalid("invalid signature", "token_signature"),
  },
  "wrong algorithm": { payload: () => ({ token: mint({}, { alg: "HS512" }) }), told: invalid("invalid algorithm", "token_algorithm") },
  "algorithm of a key pair": { payload: () => ({ token: mint({}, { alg: "RS256" }) }), told: invalid("invalid algorithm", "token_algorithm") },
  "algorithm none": {
    payload: () => ({ token: mint({}, { alg: "none" }) }),
    told: invalid("jwt signature is required", "token_unsigned"),
  },
  expired: { payload: () => ({ token: mint({ exp: minutes(-2) }) }), told: invalid("jwt expired", "token_expired") },
  "not yet valid": { payload: () => ({ token: mint({ nbf: minutes(2) }) }), told: invalid("jwt not active", "token_not_active") },
  "wrong audience": { payload: () => ({ token: mint({ aud: "somebody else" }) }), told: invalid("jwt audience invalid", "token_audience") },
  "wrong issuer": { payload: () => ({ token: mint({ iss: "https://other.example" }) }), told: invalid("jwt issuer invalid", "token_issuer") },
};

// toldTo returns what that kind of client is told in that mode.
export const toldTo = (io, mode, { told, toldInQuery }) => (isOld(io) && mode === "handshake" && toldInQuery) || told;

// assertRefused checks every member of what a refused client was told: `data` of a CONNECT_ERROR, or the payload of "error" or
// "unauthorized".
export function assertRefused(outcome, told) {
  assert.equal(outcome.admitted, false, "admitted");
  const { message, data } = outcome.error;
  assert.equal(message, told.message);
  assert.deepEqual({ ...data, id: typeof data.id }, { type: "UnauthorizedError", id: "string", ...told });
  assert.match(data.id, /^\S+$/);
}

// --- clients ---------------------------------------------------------------------------------------------------------

// attempt connects once with a payload, in either mode, and returns the outcome. It also runs in a page, as text, so it must not
// use names from outside. With undeterred it continues after an "error": clients of Socket.IO 2 report a refusal of "/", which all
// old clients join without being asked, in each namespace.
export function attempt(io, { url, namespace, mode, payload, transports, afterUpgrade, options, undeterred = mode === "event" }) {
  return new Promise((resolve) => {
    const shown = mode === "handshake" ? payload : undefined;
    const credentials = io.protocol === 4 ? { query: shown } : { auth: shown };
    const socket = io(url + namespace, { forceNew: true, reconnection: false, autoConnect: false, transports, ...credentials, ...options });
    const outcome = { admitted: false };
    const timer = setTimeout(() => end({ late: true }), 60_000);
    const end = (more) => {
      clearTimeout(timer);
      resolve({ ...outcome, transport: socket.io.engine.transport.name, ...more });
      socket.disconnect();
    };
    const admitted = () => {
      outcome.admitted = true;
      socket.emit("whoami", (claims) => {
        const sent = new Uint8Array([0, 1, 127, 128, 255]).buffer; // a buffer is binary in all versions, a view only in some
        socket.emit("echo", { deep: [sent] }, (back) => end({ claims, echoed: Array.from(new Uint8Array(back.deep[0])) }));
      });
    };
    if (!undeterred) socket.on("error", (data) => end({ error: { message: data.message, data } }));
    socket.on("connect_error", (err) => end({ error: { message: err.message, data: err.data } }));
    socket.on("connect", () => {
      if (mode === "handshake") admitted();
      else socket.emit("authenticate", payload);
    });
    socket.on("authenticated", admitted);
    socket.on("unauthorized", (error, ack) => {
      outcome.error = error;
      ack();
    });
    socket.on("disconnect", (reason) => end({ reason }));
    if (afterUpgrade) socket.io.open(() => socket.io.engine.once("upgrade", () => socket.connect()));
    else socket.connect();
  });
}

// door returns the namespace that attempt joins in that mode. Old clients are answered in "/" before an upgrade is possible.
export const door = (io, mode, transport) => (isOld(io) && mode === "handshake" && transport === "upgrade" ? "/second" : gates[mode]);

// shown returns the options with which a client sends a payload in its handshake.
export const shown = (io, payload) => (isOld(io) ? { query: payload } : { auth: payload });

// renew makes a socket send a new payload() each time it connects.
export function renew(io, socket, payload) {
  if (!isOld(io)) return void (socket.auth = (give) => give(payload()));
  // "/" is joined implicitly and has only the query of the engine; any other namespace has one in its CONNECT.
  const show = () => {
    if (socket.nsp === "/") socket.io.opts.query = payload();
    else socket.query = new URLSearchParams(payload()).toString();
  };
  show();
  socket.io.on("reconnect_attempt", show);
}

// dial opens a connection that ends with the test. It does not reconnect unless the options say so.
export function dial(t, io, url, namespace, options = {}) {
  const socket = io(url + namespace, { forceNew: true, reconnection: false, ...options });
  t.after(() => (isOld(io) ? socket.io.close() : socket.io._close()));
  return socket;
}

// arrive connects a dialled socket, authenticates it in event mode, and resolves once it is admitted.
export async function arrive(socket, mode, token) {
  if (!socket.connected) await heard(socket, "connect");
  if (mode === "event") {
    const admitted = heard(socket, "authenticated");
    socket.emit("authenticate", { token });
    await admitted;
  }
  return socket;
}

// enter calls dial and arrive.
export function enter(t, io, { url, transport, mode, namespace = gates[mode], token = mint(), ...options }) {
  const credentials = mode === "handshake" ? shown(io, { token }) : {};
  const socket = dial(t, io, url, namespace, { transports: transports[transport], ...credentials, ...options });
  return arrive(socket, mode, token);
}

// assertTransport checks that the connection uses the transport of the test. It waits for an upgrade under way.
export async function assertTransport(socket, transport) {
  const engine = socket.io.engine;
  if (transport === "upgrade" && engine.transport.name === "polling") await heard(engine, "upgrade");
  assert.equal(engine.transport.name, transport === "polling" ? "polling" : "websocket");
}

// --- the programs under test -----------------------------------------------------------------------------------------

// Nothing remains however this process ends. Even if it is killed, the test server ends because its standard input closes.
export const leftovers = new Set();
process.on("exit", () => leftovers.forEach((remove) => remove()));
process.once("SIGTERM", () => process.exit(143));

// program returns the path of one of the project's programs: from the environment, or built now.
export function program(name, folder) {
  const given = process.env[name];
  if (given) return given;
  const dir = mkdtempSync(join(tmpdir(), "socketio-jwt-"));
  leftovers.add(() => rmSync(dir, { recursive: true, force: true }));
  const binary = join(dir, "program");
  execFileSync("go", ["build", "-race", "-o", binary, folder], { cwd: here, stdio: "inherit" });
  return (process.env[name] = binary);
}

// start runs a program, until stop or kill, and waits for its first line.
export async function start(binary, args, env) {
  const child = spawn(binary, args, {
    env: { ...process.env, GORACE: "halt_on_error=1 atexit_sleep_ms=10", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const remove = () => child.kill("SIGKILL");
  leftovers.add(remove);
  const log = [];
  createInterface({ input: child.stderr }).on("line", (line) => log.push(line));
  const lines = createInterface({ input: child.stdout });
  const exited = once(child, "exit").finally(() => leftovers.delete(remove));
  const ended = ([code, signal]) => `${binary} ended (${signal ?? code})\n${log.slice(-20).join("\n")}`;
  const failed = exited.then((how) => Promise.reject(new Error(ended(how))));
  failed.catch(() => {});
  const [line] = await within(Promise.race([once(lines, "line"), failed]), `the first line of ${binary}`);
  // stop asks the program to end and checks that it exits with status 0, with or without open connections. It may be called again.
  let stopping;
  const stop = () => stopping ??= (async () => {
    child.kill("SIGTERM");
    const how = await within(exited, `the end of ${binary}`).finally(remove);
    assert.deepEqual(how, [0, null], ended(how));
  })();
  const kill = async () => {
    remove();
    await within(exited, `the end of ${binary}`);
  };
  return { line, lines, log, stop, kill, child };
}

// startServer runs the test server.
export async function startServer(flags = []) {
  const server = await start(program("TESTSERVER", "./testserver"), ["-issuer", issuer, "-audience", audience, ...flags], { JWT_SECRET: secret });
  const { addr } = JSON.parse(server.line);
  const url = `http://${addr}`;

  const call = async (method, path, query, body) => {
    const response = await fetch(`${url}/test/${path}?${new URLSearchParams(query)}`, { method, body: body && JSON.stringify(body) });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return text && JSON.parse(text);
  };

  return {
    ...server,
    addr,
    url,
    sockets: (namespace) => call("GET", "sockets", { namespace }),
    broadcast: (to, event, ...args) => call("POST", "broadcast", { ...to, event }, args),
    // A token with the claim `wait` blocks in the Authorize hook: waiting resolves when it is there, release ends the block.
    waiting: (name) => call("POST", "waiting", { name }),
    release: (name) => call("POST", "release", { name }),
    revoke: (namespace, subject) => call("POST", "revoke", { namespace, issuer, subject }),
    refreshNow: (namespace) => call("POST", "refresh-now", { namespace }),
  };
}

// startCommand runs `socketio-jwt serve`.
export async function startCommand(flags = [], env = {}) {
  const command = await start(program("TESTCOMMAND", "../cmd/socketio-jwt"), ["serve", ...flags], env);
  return { ...command, url: /^Serving at (\S+)$/.exec(command.line)[1] };
}
