// What every test file here needs: the server under test, tokens, clients of all versions, and waiting that has a bound.
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

// isOld tells the clients of Socket.IO 1 and 2. They speak Engine.IO 3, which the server takes with -eio3, have no auth payload, and
// hear a refusal as the event "error", its bare payload.
export const isOld = (io) => io.protocol === 4;

export const transports = {
  polling: ["polling"],
  websocket: ["websocket"],
  upgrade: ["polling", "websocket"],
};

// gates names the namespace of the test server that is behind each mode of the gate.
export const gates = { handshake: "/", event: "/admin" };

// --- waiting ---------------------------------------------------------------------------------------------------------

// limit is the ceiling of a test, and patience that of one wait in it. They end what would never end by itself, and are no
// measure of speed: the machine may be busy with something else.
export const limit = { timeout: 240_000 };
export const patience = 60_000;

// within rejects, naming what was waited for, when a promise takes longer than ms.
export function within(promise, what, ms = patience) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// heard resolves with the arguments of the next such event of a socket, manager or engine.
export function heard(emitter, event, ms) {
  return within(new Promise((resolve) => emitter.once(event, (...args) => resolve(args))), `event "${event}"`, ms);
}

// ask emits an event and resolves with the arguments of its acknowledgement.
export function ask(socket, event, ...args) {
  return within(new Promise((resolve) => socket.emit(event, ...args, (...answer) => resolve(answer))), `ack of "${event}"`);
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// --- tokens ----------------------------------------------------------------------------------------------------------
// They are made here and not by the project's own code, so that a mistake common to signing and verifying would show.

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

// seal signs a payload, whatever it is.
export function seal(payload, { alg = "HS256", key = secret } = {}) {
  const input = `${base64url(JSON.stringify({ alg, typ: "JWT" }))}.${base64url(payload)}`;
  return `${input}.${signers[alg](input, key)}`;
}

// mint makes a token that is good for a minute; a claim given as undefined is left out.
export function mint(claims = {}, options) {
  const now = Math.floor(Date.now() / 1000);
  return seal(JSON.stringify({ iss: issuer, aud: audience, sub: "alice", iat: now, exp: now + 60, ...claims }), options);
}

const minutes = (n) => Math.floor(Date.now() / 1000) + 60 * n;

const invalid = (message, reason) => ({ message, code: "invalid_token", reason });

// refusals are the payloads that must not open a gate, and what their sender is told, in both modes; in a query, which holds
// nothing but text, some are told otherwise.
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

// toldTo is what a client of that kind is told in that mode.
export const toldTo = (io, mode, { told, toldInQuery }) => (isOld(io) && mode === "handshake" && toldInQuery) || told;

// assertRefused checks every member of what a refused peer was told: `data` of a CONNECT_ERROR, the payload of "error", or that of
// "unauthorized".
export function assertRefused(outcome, told) {
  assert.equal(outcome.admitted, false, "admitted");
  const { message, data } = outcome.error;
  assert.equal(message, told.message);
  assert.deepEqual({ ...data, id: typeof data.id }, { type: "UnauthorizedError", id: "string", ...told });
  assert.match(data.id, /^\S+$/);
}

// --- clients ---------------------------------------------------------------------------------------------------------

// attempt connects once with a payload, in either mode, and says how that ended. It runs here and, sent there as text, in a
// page: it must lean on nothing outside itself. Who is undeterred goes on after an "error": to the clients of Socket.IO 2 a refusal of
// "/", where all of the old ones knock unasked, is one of each namespace.
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
        const sent = new Uint8Array([0, 1, 127, 128, 255]).buffer; // in all versions a buffer is binary, in some a view is not
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

// door names the namespace where attempt knocks, in that mode. Old clients are answered in "/" before there can be an upgrade.
export const door = (io, mode, transport) => (isOld(io) && mode === "handshake" && transport === "upgrade" ? "/second" : gates[mode]);

// shown gives the options by which a client shows a payload in its handshake.
export const shown = (io, payload) => (isOld(io) ? { query: payload } : { auth: payload });

// renew makes a socket show what payload() gives each time it connects.
export function renew(io, socket, payload) {
  if (!isOld(io)) return void (socket.auth = (give) => give(payload()));
  // Joined unasked, "/" has but the query of the engine; any other namespace brings one in its CONNECT.
  const show = () => {
    if (socket.nsp === "/") socket.io.opts.query = payload();
    else socket.query = new URLSearchParams(payload()).toString();
  };
  show();
  socket.io.on("reconnect_attempt", show);
}

// dial opens a connection that ends with the test. Nothing comes back by itself unless the options say so.
export function dial(t, io, url, namespace, options = {}) {
  const socket = io(url + namespace, { forceNew: true, reconnection: false, ...options });
  t.after(() => (isOld(io) ? socket.io.close() : socket.io._close()));
  return socket;
}

// arrive connects a dialled socket, authenticates it where its mode asks for that, and resolves once it is admitted.
export async function arrive(socket, mode, token) {
  if (!socket.connected) await heard(socket, "connect");
  if (mode === "event") {
    const admitted = heard(socket, "authenticated");
    socket.emit("authenticate", { token });
    await admitted;
  }
  return socket;
}

// enter dials and arrives.
export function enter(t, io, { url, transport, mode, namespace = gates[mode], token = mint(), ...options }) {
  const credentials = mode === "handshake" ? shown(io, { token }) : {};
  const socket = dial(t, io, url, namespace, { transports: transports[transport], ...credentials, ...options });
  return arrive(socket, mode, token);
}

// assertTransport checks that the connection really runs on what the test says, waiting for an upgrade that is under way.
export async function assertTransport(socket, transport) {
  const engine = socket.io.engine;
  if (transport === "upgrade" && engine.transport.name === "polling") await heard(engine, "upgrade");
  assert.equal(engine.transport.name, transport === "polling" ? "polling" : "websocket");
}

// --- the programs under test -----------------------------------------------------------------------------------------

// Nothing is left behind, however this process ends; even killed, since the test server watches its standard input.
export const leftovers = new Set();
process.on("exit", () => leftovers.forEach((remove) => remove()));
process.once("SIGTERM", () => process.exit(143));

// program returns the path of one of the project's programs: what the environment names, or what is built here and now.
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
  // stop asks the program to end and checks that it ends well, open connections or not. It may be called again.
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
  return { line, log, stop, kill };
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
    // A token with the claim `wait` is held up in the Authorize hook: waiting resolves when it is there, release lets it go on.
    waiting: (name) => call("POST", "waiting", { name }),
    release: (name) => call("POST", "release", { name }),
  };
}

// startCommand runs `socketio-jwt serve`.
export async function startCommand(flags = [], env = {}) {
  const command = await start(program("TESTCOMMAND", "../cmd/socketio-jwt"), ["serve", ...flags], env);
  return { ...command, url: /^Serving at (\S+)$/.exec(command.line)[1] };
}
