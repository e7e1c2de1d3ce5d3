// A node of a cluster: npm socket.io with a published adapter. Its only argument is JSON: {"name", "redis": url or
// [urls of a Redis Cluster], "wire", "options" of the adapter, "recovery": ms}. It prints {"addr"} once it listens, then reads
// commands as lines of JSON and answers each with a line {"id", "ok"} or {"id", "error"}. ../clusterserver does the same in Go.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { createClient, createCluster } from "redis";
import { createAdapter as classic, createShardedAdapter as sharded } from "@socket.io/redis-adapter";
import { createAdapter as streams } from "@socket.io/redis-streams-adapter";
import { Server } from "socket.io";
import { pack, unpack } from "./values.mjs";

const given = JSON.parse(process.argv[2]);

async function connect() {
  const client = Array.isArray(given.redis)
    ? createCluster({ rootNodes: given.redis.map((url) => ({ url })) })
    : createClient({ url: given.redis });
  client.on("error", (err) => console.error("redis:", err.message));
  await client.connect();
  return client;
}

const makers = {
  classic: async () => classic(await connect(), await connect(), given.options),
  sharded: async () => sharded(await connect(), await connect(), given.options),
  streams: async () => streams(await connect(), given.options),
};

const adapter = await makers[given.wire]();
const http = createServer();
const io = new Server(http, {
  adapter,
  transports: ["websocket", "polling"],
  ...(given.recovery && { connectionStateRecovery: { maxDisconnectionDuration: given.recovery } }),
});
const noted = []; // the server-side events that other nodes sent

function serve(nsp) {
  nsp.on("connection", (socket) => {
    socket.on("join", async (rooms, ack) => (await socket.join(rooms), ack()));
    socket.on("leave", async (rooms, ack) => (await Promise.all(rooms.map((room) => socket.leave(room))), ack()));
    socket.on("data", (name, ack) => ((socket.data.name = name), ack()));
    socket.on("broadcast", (to, args, ack) => {
      (to.rooms ?? []).reduce((all, room) => all.to(room), socket.broadcast).emit(...unpack(args));
      ack();
    });
  });
  nsp.on("note", (...args) => noted.push(args));
  nsp.on("hello", (...args) => args.pop()([given.name, ...args]));
}
["/", "/admin"].forEach((name) => serve(io.of(name)));
io.of(/^\/dynamic-/).on("connection", () => {});

// target returns the broadcast operator that a command describes.
function target({ nsp = "/", rooms, except, volatile, compress, local, timeout }) {
  let to = io.of(nsp);
  if (rooms) to = to.to(rooms);
  if (except) to = to.except(except);
  if (volatile) to = to.volatile;
  if (compress !== undefined) to = to.compress(compress);
  if (local) to = to.local;
  if (timeout) to = to.timeout(timeout);
  return to;
}

const commands = {
  emit: (c) => void target(c).emit(...unpack(c.args)),
  ask: (c) => new Promise((resolve) =>
    target(c).emit(...unpack(c.args), (err, answers) => resolve({ answers: pack(answers ?? []), partial: Boolean(err) }))),
  join: (c) => target(c).socketsJoin(c.join),
  leave: (c) => target(c).socketsLeave(c.leave),
  disconnect: (c) => target(c).disconnectSockets(c.close),
  fetch: async (c) => ({
    sockets: (await target(c).fetchSockets()).map(({ id, rooms, data, handshake }) => ({ id, rooms: [...rooms].map(String), data, handshake })),
    partial: false,
  }),
  note: (c) => io.of(c.nsp ?? "/").serverSideEmit("note", ...unpack(c.args)),
  noted: () => pack(noted.splice(0)),
  hello: (c) => new Promise((resolve) =>
    io.of(c.nsp ?? "/").serverSideEmit(c.event ?? "hello", ...unpack(c.args), (err, answers) => resolve({ answers: pack(answers), partial: Boolean(err) }))),
  rooms: (c) => [...io.of(c.nsp ?? "/").adapter.rooms.keys()].map(String), // of this node
  allRooms: async (c) => [...(await io.of(c.nsp ?? "/").adapter.allRooms())].map(String),
  nodes: (c) => io.of(c.nsp ?? "/").adapter.serverCount(), // with itself
};

http.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ addr: `127.0.0.1:${http.address().port}` })));
process.on("SIGTERM", () => process.exit(0));

const input = createInterface({ input: process.stdin });
input.on("close", () => process.exit(0));
input.on("line", async (line) => {
  const command = JSON.parse(line);
  let answer;
  try {
    answer = { id: command.id, ok: await commands[command.do](command) };
  } catch (err) {
    answer = { id: command.id, error: err.message };
  }
  console.log(JSON.stringify(answer));
});
