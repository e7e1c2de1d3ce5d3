// A cluster of nodes in Node and in Go on one Redis, with clients on each node.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { io } from "socket.io-client";
import { ask, heard, program, start, within } from "../harness.mjs";
import { startRedis, startRedisCluster, until } from "./redis.mjs";
import { pack } from "./values.mjs";

const script = fileURLToPath(new URL("node.mjs", import.meta.url));

// startNode starts a node of that kind, "node" or "go". Its do(command, members) gives it a command.
export async function startNode(kind, name, redis, { wire, options, recovery, unbound }) {
  const given = JSON.stringify({ name, redis, wire, options, recovery, unbound });
  const running = kind === "node" ? await start(process.execPath, [script, given]) : await start(program("CLUSTERSERVER", "./clusterserver"), [given]);
  const waiting = new Map();
  running.lines.on("line", (line) => {
    const { id, ok, error } = JSON.parse(line);
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    error === undefined ? resolve(ok) : reject(new Error(`${name}: ${error}`));
  });
  running.child.once("exit", () => waiting.forEach(({ reject }) => reject(new Error(`${name} has ended\n${running.log.slice(-20).join("\n")}`))));
  let count = 0;
  const send = (command) =>
    new Promise((resolve, reject) => {
      waiting.set(++count, { resolve, reject });
      running.child.stdin.write(JSON.stringify({ id: count, ...command }) + "\n");
    });
  return {
    ...running,
    kind,
    name,
    url: `http://${JSON.parse(running.line).addr}`,
    do: (what, members = {}) => within(send({ do: what, ...members }), `${name}: ${what}`),
    emit: (to, ...args) => within(send({ do: "emit", ...to, args: pack(args) }), `${name}: emit`),
    signal: (signal) => process.kill(running.child.pid, signal),
  };
}

// A Client is a published client on a node. It keeps what it hears, and answers the event "ask" with its name.
export class Client {
  heard = []; // [event, ...arguments], without the flushes

  constructor(node, name, { namespace = "/", ...options } = {}) {
    Object.assign(this, { node, name });
    this.flushed = new Set();
    this.socket = io(node.url + namespace, { forceNew: true, reconnection: false, transports: ["websocket"], auth: { token: `secret of ${name}` }, query: { token: "secret of the query" }, extraHeaders: { Cookie: "session=secret of the cookie", Authorization: "Bearer secret of the header" }, ...options });
    this.socket.onAny((event, ...args) => {
      if (event === "flush") return this.flushed.add(args[0]);
      if (typeof args.at(-1) === "function") this.answer(event, args.pop(), args);
      this.heard.push([event, ...args]);
    });
  }

  answer(event, ack, args) {
    if (event === "ask") ack(this.name);
    if (event === "ask-echo") ack(args[0]);
    if (event === "ask-binary") ack(Buffer.from(this.name), "a second argument");
    if (event === "ask-some" && args[0] !== this.name) ack(this.name);
  }

  get id() {
    return this.socket.id;
  }
  connected = () => (this.socket.connected ? undefined : heard(this.socket, "connect"));
  do = (event, ...args) => ask(this.socket, event, ...args);
  close = () => this.socket.io._close();
}

let counter = 0;
// fresh returns a name that no other test uses.
export const fresh = (what) => `${what}-${++counter}`;

// startCluster starts nodes of the kinds, for example ["node", "go"], with two clients each.
export async function startCluster(kinds, { redisCluster = false, ...options }) {
  const redis = redisCluster ? await startRedisCluster() : await startRedis();
  const cluster = new Cluster(redis, options);
  try {
    for (const [i, kind] of kinds.entries()) {
      const node = await startNode(kind, `${kind}${i}`, redisCluster ? redis.urls : redis.url, options);
      cluster.nodes.push(node);
      for (const letter of ["a", "b"]) cluster.clients.push(new Client(node, node.name + letter));
    }
    await Promise.all(cluster.clients.map((c) => c.connected()));
    await cluster.settle();
    if (redisCluster) await cluster.fence();
  } catch (err) {
    await Promise.all(cluster.nodes.map((n) => n.kill()));
    await redis.stop();
    throw err;
  }
  return cluster;
}

export class Cluster {
  nodes = [];
  clients = [];
  fences = []; // rooms

  constructor(redis, options) {
    Object.assign(this, { redis, options });
  }

  // settle waits until each node reaches the clients of each other and counts all of them.
  async settle() {
    await until("the nodes count each other", async () => {
      // After a failure of Redis, a question may be lost.
      const counts = await Promise.all(this.nodes.map((n) => n.do("nodes", { timeout: 2000 }).catch(() => 0)));
      return counts.every((n) => n === this.nodes.length);
    });
    await this.reachable({}, this.clients);
  }

  // fence makes all clients join rooms whose sharded channels are on different masters of a Redis Cluster, because an order holds
  // only for each master.
  async fence() {
    const { masters } = this.redis;
    const found = new Map();
    for (let i = 0; found.size < masters.length; i++) {
      const slot = await masters[0].call("CLUSTER", "KEYSLOT", `socket.io#/#fence-${i}#`);
      found.set(Math.floor((slot * masters.length) / 16384), `fence-${i}`);
    }
    this.fences = [...found.values()];
    await this.enter(this.clients, ...this.fences);
  }

  // reachable waits until each node reaches those clients with an emit to `to`: a subscription to a room takes effect some time
  // after the client has joined.
  async reachable(to, clients) {
    const mark = fresh("probe");
    await until(`reaching ${JSON.stringify(to)}`, async () => {
      for (const n of this.nodes) await n.emit(to, "flush", `${mark} ${n.name}`);
      return clients.every((c) => this.nodes.every((n) => c.flushed.has(`${mark} ${n.name}`)));
    });
  }

  // enter makes the clients join rooms, and waits until every node reaches them there.
  async enter(clients, ...rooms) {
    await Promise.all(clients.map((c) => c.do("join", rooms)));
    for (const room of rooms) await this.reachable({ rooms: [room] }, clients);
  }

  // flush waits until all that the sender has sent has arrived.
  async flush(sender, clients = this.clients) {
    const mark = fresh("flush");
    const marks = [mark, ...this.fences.map((room) => `${mark} ${room}`)];
    await sender.emit({}, "flush", mark);
    for (const room of this.fences) await sender.emit({ rooms: [room] }, "flush", `${mark} ${room}`);
    const arrived = (c) => marks.every((m) => c.flushed.has(m));
    await until(() => `the flush of ${sender.name} to ${clients.filter((c) => !arrived(c)).map((c) => c.name)}`, () => clients.every(arrived));
  }

  // collect returns what each client hears of what the sender does in action, by the client's name; those who hear nothing are
  // left out.
  async collect(sender, action, clients = this.clients) {
    await this.flush(sender, clients);
    clients.forEach((c) => (c.heard = []));
    await action();
    await this.flush(sender, clients);
    return Object.fromEntries(clients.filter((c) => c.heard.length > 0).map((c) => [c.name, c.heard]));
  }

  // heardBy checks that exactly the expected clients hear the event, once and with these arguments.
  async heardBy(sender, expected, action, ...event) {
    const got = await this.collect(sender, action);
    assert.deepEqual(got, Object.fromEntries(expected.map((c) => [c.name, [event]])));
  }

  on = (node) => this.clients.filter((c) => c.node === node);
  others = (...clients) => this.clients.filter((c) => !clients.includes(c));
  // firsts returns one client of each node.
  firsts = () => this.nodes.map((n) => this.on(n)[0]);
  seconds = () => this.nodes.map((n) => this.on(n)[1]);

  // replace connects new clients for those that were disconnected.
  async replace() {
    if (this.clients.every((c) => c.socket.connected)) return;
    this.clients.forEach((c, i) => {
      if (!c.socket.connected) this.clients[i] = new Client(c.node, c.name);
    });
    await Promise.all(this.clients.map((c) => c.connected()));
    await this.reachable({}, this.clients);
    await this.enter(this.clients, ...this.fences);
  }

  async stop() {
    this.clients.forEach((c) => c.close());
    await Promise.all(this.nodes.map((n) => n.stop()));
    await this.redis.stop();
  }
}
