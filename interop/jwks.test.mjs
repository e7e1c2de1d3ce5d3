// An issuer that is down for a while, or has a new key, as clients experience it.
import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { describe, test } from "node:test";
import { ask, audience, dial, heard, issuer, limit, patience, pause, startServer, transports, versions, within } from "./harness.mjs";

const namespaces = { handshake: "/issuer", event: "/issuer-event" };

// publisher is an issuer with one key, whose set is at the same URL each time it is up.
class Publisher {
  #keys = [];
  #port = 0;
  #server;

  constructor() { this.rotate(); }

  rotate() { this.#keys = [...this.#keys, { kid: `key-${this.#keys.length + 1}`, ...generateKeyPairSync("rsa", { modulusLength: 2048 }) }]; }

  // open publishes the keys until close, or until the test ends: a server that stays would keep this process.
  async open(t) {
    t.after(() => this.close());
    this.#server = createServer((request, response) => {
      const keys = this.#keys.map(({ kid, publicKey }) => ({ ...publicKey.export({ format: "jwk" }), kid, use: "sig" }));
      response.setHeader("Content-Type", "application/json").end(JSON.stringify({ keys }));
    }).listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = this.#server.address().port;
  }

  close() {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(resolve)); // also if it is closed
  }

  get url() { return `http://127.0.0.1:${this.#port}/keys`; }

  // token returns a token signed with the newest key.
  token(claims) {
    const { kid, privateKey } = this.#keys.at(-1);
    const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const exp = Math.floor(Date.now() / 1000) + 60;
    const input = `${encode({ alg: "RS256", typ: "JWT", kid })}.${encode({ iss: issuer, aud: audience, sub: "ada", exp, ...claims })}`;
    return `${input}.${sign("sha256", Buffer.from(input), privateKey).toString("base64url")}`;
  }
}

// come dials, and authenticates at each connect, as a program does that must stay connected.
function come(t, publisher, { io, url, mode, transport }) {
  let visits = 0;
  const payload = () => ({ token: publisher.token({ visit: ++visits }) });
  const socket = dial(t, io, url, namespaces[mode], {
    transports: transports[transport], reconnection: true, reconnectionDelay: 200, reconnectionDelayMax: 500, autoConnect: false,
  });
  if (mode === "handshake") socket.auth = (give) => give(payload());
  else socket.on("connect", () => socket.emit("authenticate", payload()));
  socket.refused = [];
  socket.on("connect_error", (err) => { if (err.data) socket.refused.push(err.data); }); // a final refusal, which must not occur here
  socket.on("unauthorized", ({ data }) => { if (data.reason !== "keys_unavailable") socket.refused.push(data); });
  socket.connect();
  return socket;
}

const everybody = Object.entries(versions).flatMap(([version, io]) => Object.keys(namespaces).flatMap((mode) =>
  Object.keys(transports).map((transport) => ({ who: `${version} by ${transport}, ${mode} mode`, io, mode, transport }))));

describe("keys that an issuer publishes", () => {
  test("an outage of five seconds before the first key: clients come back by themselves until they are let in", limit, async (t) => {
    const publisher = new Publisher();
    await publisher.open(t); // for its port
    await publisher.close();
    const server = await startServer(["-keys", publisher.url]);
    t.after(() => server.stop());
    const sockets = everybody.map((one) => ({ ...one, socket: come(t, publisher, { ...one, url: server.url }) }));
    const welcomed = sockets.map(({ who, socket }) => heard(socket, "welcome", 2 * patience).then(() => who));
    assert.equal(await Promise.race([...welcomed, pause(5_000).then(() => "nobody")]), "nobody");
    await publisher.open(t);
    await Promise.all(welcomed);
    for (const { who, socket } of sockets) {
      assert.ok((await ask(socket, "whoami"))[0].visit > 1, `${who} came once`);
      assert.deepEqual(socket.refused, [], who);
    }
  });

  test("an outage with 200 clients: they back off, hear connect_error, and are back soon after the keys are", limit, async (t) => {
    const publisher = new Publisher();
    await publisher.open(t);
    await publisher.close();
    const server = await startServer(["-keys", publisher.url, "-only-keys"]);
    t.after(() => server.stop());
    let opened = 0, errors = 0;
    const told = [];
    const clients = Array.from({ length: 200 }, (_, i) => {
      const mode = i % 2 ? "event" : "handshake";
      const socket = dial(t, versions["4.8.4"], server.url, namespaces[mode], {
        transports: i % 4 < 2 ? ["websocket"] : ["polling", "websocket"], reconnection: true, autoConnect: false,
      });
      const payload = () => ({ token: publisher.token() });
      if (mode === "handshake") socket.auth = (give) => give(payload());
      else socket.on("connect", () => socket.emit("authenticate", payload()));
      socket.on("unauthorized", ({ data }) => told.push(data));
      socket.on("connect_error", () => errors++);
      socket.io.on("open", () => opened++);
      socket.connect();
      return socket;
    });
    await within(new Promise((resolve) => {
      const look = setInterval(() => { if (errors >= clients.length) resolve(clearInterval(look)); }, 100);
    }), "a connect_error for each client");
    const before = opened;
    await pause(10_000);
    const rate = (opened - before) / 10;
    t.diagnostic(`${rate} connections a second in the outage, ${errors} connect_errors, ${server.log.length} lines in the log`);
    assert.ok(rate < 5, `${rate} connections a second`);
    assert.ok(server.log.length <= 20, server.log.join("\n"));
    for (const { temporary, retryAfter, reason } of told) {
      assert.deepEqual({ temporary, reason, whole: Number.isInteger(retryAfter) }, { temporary: true, reason: "keys_unavailable", whole: true });
    }
    const begun = Date.now();
    const welcomed = clients.map((socket) => heard(socket, "welcome", 2 * patience));
    await publisher.open(t);
    await Promise.all(welcomed);
    t.diagnostic(`all were back ${Date.now() - begun} ms after the keys`);
  });

  test("an outage when the keys are known is not noticed, and a new key works at once when it is over", limit, async (t) => {
    const publisher = new Publisher();
    await publisher.open(t);
    const server = await startServer(["-keys", publisher.url]);
    t.after(() => server.stop());
    const enter = () => Promise.all(everybody.map((one) => heard(come(t, publisher, { ...one, url: server.url }), "welcome", 2 * patience)));
    await enter();
    await publisher.close();
    await enter();
    publisher.rotate();
    await publisher.open(t);
    await enter();
  });
});
