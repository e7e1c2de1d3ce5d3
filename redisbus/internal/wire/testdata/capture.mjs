// Writes what the adapters of Node send, one line for each message:
//
//     node capture.mjs PORT WIRE > WIRE.jsonl
//
// WIRE is classic, sharded or streams. It needs a redis-server on the port that is used by nothing
// else, socket.io 4.8.4 and its client, @socket.io/redis-adapter 8.3.0, @socket.io/redis-emitter
// 5.1.0, @socket.io/redis-streams-adapter 0.3.1 and redis 4.7.1. The recorder counts as a node, so
// some calls run into their timeouts.
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { Emitter } from "@socket.io/redis-emitter";
import { createAdapter as createStreamsAdapter } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";
import { io as connect } from "socket.io-client";

const [port, wire] = process.argv.slice(2);
const newClient = async () => {
  const client = createClient({ url: `redis://127.0.0.1:${port}` });
  await client.connect();
  return client;
};

async function startNode() {
  const http = createServer();
  await new Promise((done) => http.listen(0, "127.0.0.1", done));
  const pub = await newClient();
  const sub = await newClient();
  const adapter = { classic: () => createAdapter(pub, sub), sharded: () => createShardedAdapter(pub, sub), streams: () => createStreamsAdapter(pub) }[wire]();
  const server = new Server(http, { adapter });
  server.on("connection", (socket) => {
    socket.data.n = 1;
    socket.join("r1");
  });
  server.of("/admin");
  return [server, http.address().port];
}

const [a] = await startNode();
const [b, portB] = await startNode();
const client = connect(`http://127.0.0.1:${portB}`, { auth: { token: "tok1" }, transports: ["websocket"] });
await new Promise((done) => client.on("connect", done));
client.on("q", (...args) => args.pop()("answer1", 2));
client.on("qb", (...args) => args.pop()(Buffer.from([1, 2, 1])));
client.on("q0", (...args) => args.pop()());
b.on("hello", (x, answer) => answer?.("hi from " + x));
b.on("bin", (x, answer) => answer?.(Buffer.from([9])));
await sleep(300);

let step = "";
const show = (payload, channel) => {
  const bytes = payload[0] === 0x7b ? { json: payload.toString() } : { hex: payload.toString("hex") };
  console.log(JSON.stringify({ step, channel: String(channel), ...bytes }));
};
const recorder = await newClient();
if (wire === "sharded") {
  const uid = a.of("/").adapter.uid;
  for (const suffix of ["", "r1#", "room2#", uid + "#"]) {
    await recorder.sSubscribe("socket.io#/#" + suffix, show, true);
  }
  await recorder.sSubscribe("socket.io#/admin#", show, true);
} else {
  await recorder.pSubscribe("socket.io*", show, true);
}

async function run(name, call) {
  step = name;
  await Promise.resolve(call()).catch(() => {});
  await sleep(100);
}
await run("emit", () => a.emit("test", 1, "2", Buffer.from([3, 4])));
await run("emit text", () => a.emit("test", "é", { a: [1.5, null] }));
await run("to room", () => a.to("r1").emit("x"));
await run("to number", () => a.to(123).emit("x"));
await run("to id", () => a.to("eSC5ssmxsiQFi66JAAAA").emit("x"));
await run("to rooms", () => a.to("r1").to("r2").except("r3").emit("x"));
await run("volatile", () => a.volatile.emit("x"));
await run("flags", () => a.volatile.compress(false).emit("x"));
await run("admin", () => a.of("/admin").emit("x"));
await run("ack", () => a.timeout(1000).to("r1").emitWithAck("q", "a"));
await run("ack binary", () => a.timeout(1000).emitWithAck("qb", Buffer.from([7])));
await run("ack empty", () => a.timeout(1000).emitWithAck("q0"));
await run("join", () => a.in("r1").except("r3").socketsJoin(["r5", "r6"]));
await run("leave", () => a.in("r1").socketsLeave("r5"));
await run("fetch", () => a.in("r1").fetchSockets());
await run("rooms", () => a.of("/").adapter.allRooms?.());
await run("server side", () => a.serverSideEmit("hello", "w"));
await run("server side ack", () => a.serverSideEmitWithAck("hello", "w"));
await run("server side binary", () => a.serverSideEmitWithAck("bin", Buffer.from([1, 2])));
await run("server side placeholder", () => a.serverSideEmit("none", { _placeholder: true, num: 0 }));
await run("disconnect", () => a.in("r9").disconnectSockets(true));
if (wire === "classic") {
  const emitter = new Emitter(await newClient());
  await run("emitter emit", () => emitter.emit("e", 1));
  await run("emitter binary", () => emitter.emit("e", Buffer.from([1]), { a: 1.5 }));
  await run("emitter room", () => emitter.to("r1").emit("e"));
  await run("emitter rooms", () => emitter.to(["r1", "r2"]).except("r3").volatile.emit("e", "x"));
  await run("emitter admin", () => emitter.of("admin").emit("e"));
  await run("emitter join", () => emitter.in("r1").socketsJoin("r7"));
  await run("emitter leave", () => emitter.in("r1").except("r2").socketsLeave(["r7", "r8"]));
  await run("emitter server side", () => emitter.serverSideEmit("hello", "w"));
  await run("emitter disconnect", () => emitter.in("r9").disconnectSockets(true));
}
if (wire === "streams") {
  for (const { message } of await (await newClient()).xRange("socket.io", "-", "+")) {
    console.log(JSON.stringify({ step: "entry", fields: message }));
  }
}
process.exit(0);
