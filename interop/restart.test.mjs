// Restarts under load, with clients of all versions: a server whose socket a supervisor holds, as systemd does, and one of two nodes.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, test } from "node:test";
import { startRedis, until } from "./cluster/redis.mjs";
import { allVersions, ask, here, isOld, limit, mint, pause, program, secret, shown, start, startCommand, transports, within } from "./harness.mjs";

const python = process.env.PYTHON || "/usr/bin/python3";
const env = { SOCKETIO_JWT_SECRET: secret, SOCKETIO_JWT_LOG_LEVEL: "warn" };
const kinds = Object.keys(allVersions).flatMap((version) => ["polling", "websocket"].map((transport) => ({ version, transport })));
const eachOf = (list, n) => list.flatMap((item) => Array(n).fill(item));

// A Client is a published JavaScript client. It reconnects by itself, with its default delays.
class Client {
  constructor({ version, transport }, url, name) {
    const io = allVersions[version];
    Object.assign(this, { name: `${name}, ${version} by ${transport}`, connects: [], losses: [], said: [], heard: [], recovered: undefined });
    const token = mint({ sub: name, exp: Math.floor(Date.now() / 1000) + 600 });
    this.socket = io(url, { forceNew: true, transports: transports[transport], ...shown(io, { token }) });
    this.socket.on("connect", () => {
      this.connects.push(Date.now());
      this.recovered = this.socket.recovered;
    });
    this.socket.on("disconnect", () => this.losses.push(Date.now()));
    this.socket.on("said", (who, text) => this.heard.push(`${who} ${text}`));
    this.close = () => (isOld(io) ? this.socket.io.close() : this.socket.io._close());
  }

  // admitted resolves when the server answers on a connection that was made after the given ones.
  async admitted(after) {
    await until(() => `${this.name} is back: ${this.connects.length} connections`, () => this.connects.length > after && this.socket.connected);
    assert.equal((await ask(this.socket, "whoami"))[0].sub, this.name.split(",")[0]);
  }

  // moves makes the client connect to another server next time.
  moves(url) {
    this.socket.io.uri = url;
  }

  // acknowledged emits one event, and again on the next connection if this one ends before the answer.
  acknowledged(event, ...args) {
    const { socket } = this;
    return within(new Promise((resolve) => {
      const emit = () => socket.emit(event, ...args, (...answer) => {
        socket.off("connect", emit);
        resolve(answer[0]);
      });
      socket.on("connect", emit); // the clients keep an event while they are not connected, but not one that was sent
      if (socket.connected) emit();
    }), `${this.name}: ack of ${event} ${args}`);
  }

  // talk emits numbers, one after the other, until it is stopped.
  talk(t, event) {
    let stopped = false;
    t.after(() => (stopped = true));
    const talking = (async () => {
      for (let n = 1; !stopped; n++) {
        const answer = await this.acknowledged(event, String(n));
        assert.deepEqual(answer, event === "say" ? { ok: true } : String(n), this.name);
        this.said.push(String(n));
        await pause(20);
      }
    })();
    talking.catch(() => {});
    return () => (stopped = true, talking);
  }
}

// crowd connects clients and waits until all are admitted.
async function crowd(t, url, list, name) {
  const clients = list.map((kind, n) => new Client(kind, url, `${name} ${n}`));
  t.after(() => clients.forEach((c) => c.close()));
  await Promise.all(clients.map((c) => c.admitted(0)));
  return clients;
}

// pythonClient runs python_session.py, which answers each command with one line.
async function pythonClient(t, url, transport) {
  const child = spawn(python, [join(here, "python_session.py")], { timeout: 180_000, stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout });
  const command = async (...words) => {
    const answer = once(lines, "line");
    child.stdin.write(`${JSON.stringify(words)}\n`);
    return JSON.parse((await within(answer, `python: ${words[0]}`))[0]);
  };
  await command("connect", url, "/", { auth: { token: mint({ sub: "python" }) }, transports: transports[transport], reconnection: true });
  const admitted = async () => {
    await command("heard", "connect");
    assert.equal((await command("call", "whoami")).sub, "python");
  };
  await admitted();
  return { admitted };
}

// knock connects to a port again and again until it is stopped, and returns how often, and what failed.
function knock(t, port) {
  let stopped = false;
  t.after(() => (stopped = true));
  const knocking = (async () => {
    const failures = [];
    let count = 0;
    for (; !stopped; count++) {
      const socket = connect(port, "127.0.0.1");
      await once(socket, "connect").catch((error) => failures.push(error.code));
      socket.destroy();
      await pause(3);
    }
    return { count, failures };
  })();
  return () => (stopped = true, knocking);
}

describe("a restart with socket activation", () => {
  test("refuses no connection, and all clients are back", limit, async (t) => {
    const args = [program("TESTCOMMAND", "../cmd/socketio-jwt"), "serve", "--eio3"];
    const supervisor = await start(program("SUPERVISOR", "./supervisor"), args, env);
    t.after(() => supervisor.stop());
    const { addr } = JSON.parse(supervisor.line);
    const clients = await crowd(t, `http://${addr}`, eachOf(kinds.filter(({ version }) => version !== "3.1.3"), 8), "user");
    const pythons = await Promise.all(["polling", "websocket"].map((transport) => pythonClient(t, `http://${addr}`, transport)));
    const stopTalking = clients.map((c) => c.talk(t, "echo"));
    const stopKnocking = knock(t, Number(addr.split(":")[1]));
    await pause(300);

    const restarted = once(supervisor.lines, "line");
    supervisor.child.stdin.write("restart\n");
    const { took, code } = JSON.parse((await within(restarted, "the restart"))[0]);
    const begun = Date.now();
    await Promise.all([...clients.map((c) => c.admitted(1)), ...pythons.map((c) => c.admitted())]);
    const back = Date.now() - begun;
    await pause(300);
    await Promise.all(stopTalking.map((stop) => stop()));
    const { count, failures } = await stopKnocking();

    assert.equal(code, 0, supervisor.log.join("\n"));
    assert.deepEqual(failures, [], "refused connections");
    for (const c of clients) assert.deepEqual(c.said, c.said.map((_, n) => String(n + 1)), c.name);
    const acks = clients.reduce((sum, c) => sum + c.said.length, 0);
    t.diagnostic(`restart ${took} ms; ${clients.length + pythons.length} clients back after ${back} ms; ${count} connections, none refused; ${acks} acks`);
  });
});

// A balancer passes connections to the node that it is told, for a client that knows only one address. It does not know sessions, so
// the client must not poll.
async function balance(t, url) {
  let target = new URL(url).port;
  const pipes = new Set();
  const server = createServer((from) => {
    const to = connect(target, "127.0.0.1");
    for (const [a, b] of [[from, to], [to, from]]) {
      pipes.add(a);
      a.pipe(b);
      a.on("error", () => {}).on("close", () => (pipes.delete(a), b.destroy()));
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => (server.close(), pipes.forEach((p) => p.destroy())));
  return { url: `http://127.0.0.1:${server.address().port}`, move: (url) => (target = new URL(url).port) };
}

describe("a node that drains, with streams", () => {
  const drain = 10_000; // long enough to see the rate on a busy machine, where many ends are noticed late, and at once

  test("its clients arrive at the other node at an even rate, with their sessions, and miss nothing", limit, async (t) => {
    const redis = await startRedis();
    t.after(() => redis.stop());
    const flags = ["--addr", "127.0.0.1:0", "--eio3", "--redis", redis.url, "--redis-wire", "streams", "--recovery", "1m", "--drain-time", `${drain}ms`];
    const [a, b] = await Promise.all([1, 2].map(() => startCommand(flags, { ...env, SOCKETIO_JWT_CLUSTER_KEY: secret })));
    t.after(() => Promise.all([a.stop(), b.stop()]));
    const balancer = await balance(t, a.url);
    const current = kinds.filter(({ version }) => version === "4.8.4");
    const old = kinds.filter(({ version }) => isOld(allVersions[version]));
    const movers = (await Promise.all([crowd(t, a.url, eachOf(current, 12), "mover"), crowd(t, a.url, eachOf(old, 6), "old")])).flat();
    const recovering = movers.slice(0, 24);
    const stayers = await crowd(t, b.url, eachOf(current, 2), "stayer");
    const one = await pythonClient(t, balancer.url, "websocket");
    const talkers = [...movers.slice(0, 2), ...movers.slice(12, 14), ...stayers];
    const stopTalking = talkers.map((c) => c.talk(t, "say"));
    await pause(300);

    movers.forEach((c) => c.moves(b.url));
    balancer.move(b.url);
    const begun = Date.now();
    const ended = a.stop().then(() => Date.now() - begun);
    const refused = fetch(`${a.url}/socket.io/?EIO=4&transport=polling`);
    await Promise.all([...movers.map((c) => c.admitted(1)), one.admitted()]);
    const took = await ended;
    await pause(300);
    await Promise.all(stopTalking.map((stop) => stop()));
    const user = (c) => c.name.split(",")[0];
    const arrived = (c, who) => c.heard.includes(`${user(who)} ${who.said.length}`);
    await until("the last events have arrived", () => [...recovering, ...stayers].every((c) => talkers.every((who) => arrived(c, who))));

    const { status, headers } = await refused;
    assert.deepEqual([status, headers.get("connection")], [503, "close"], "a handshake during the drain");
    assert.match(headers.get("retry-after"), /^[1-5]$/);
    for (const c of recovering) assert.equal(c.recovered, true, `${c.name} has lost its session`);
    for (const c of [...recovering, ...stayers]) {
      for (const who of talkers) {
        const heard = c.heard.filter((line) => line.startsWith(`${user(who)} `)).map((line) => line.split(" ").at(-1));
        assert.deepEqual(heard, who.said, `what ${c.name} heard from ${who.name}`);
      }
    }
    // The node closes its connections at an even rate. When the clients are back depends on how busy the machine is.
    const moves = Array(16).fill(0);
    for (const c of movers) moves[Math.min(15, Math.floor((c.losses[0] - begun) / 1000))]++;
    assert.ok(Math.max(...moves) < movers.length / 2, `moves by second: ${moves}`);
    assert.ok(took > drain - 1000, `the node ended after ${took} ms`);
    t.diagnostic(`${movers.length} clients; moves by second: ${moves.join(" ")}; the node ended after ${took} ms`);
  });
});
