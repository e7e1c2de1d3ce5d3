// node node.mjs classic|sharded|streams REDIS
//
// One node of a cluster of Node's servers, joined by the adapter for that wire. It listens on two free loopback ports, which it
// prints: one for clients, and one for the commands of the bench.
import { createServer } from "node:http";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { createAdapter as createStreamsAdapter } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const [wire, redis] = process.argv.slice(2);

const client = async () => {
  const c = createClient({ url: `redis://${redis}` });
  c.on("error", (error) => console.error(error.message));
  await c.connect();
  return c;
};

const adapters = {
  classic: async () => createAdapter(await client(), await client()),
  sharded: async () => createShardedAdapter(await client(), await client()),
  streams: async () => createStreamsAdapter(await client()),
};

const http = createServer();
const io = new Server(http, {
  adapter: await adapters[wire](), pingInterval: 25000, pingTimeout: 20000, perMessageDeflate: false, serveClient: false,
});

io.on("connection", (socket) => {
  socket.on("join", (room, done) => {
    socket.join(room);
    done();
  });
  socket.on("say", (data) => io.to("room").emit("broadcast", data));
});

// publish sends broadcasts to the room, as many every 5 ms as the rate asks for.
let number = 0; // of the last broadcast
const publish = (messages, rate, pad) => new Promise((resolve) => {
  const start = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const due = Math.min(messages, Math.floor((performance.now() - start) * rate / 1000));
    for (; sent < due; sent++) io.to("room").emit("broadcast", { t: ++number, pad });
    if (sent === messages) {
      clearInterval(timer);
      resolve();
    }
  }, 5);
});

// fetch asks for all sockets again and again, and resolves with the microseconds that each answer took.
const fetch = async (messages, rate, sockets) => {
  const took = [];
  for (let i = 0; i < messages; i++) {
    const start = performance.now();
    const found = await io.fetchSockets();
    took.push(Math.round((performance.now() - start) * 1000));
    if (found.length !== sockets) throw new Error(`${found.length} sockets instead of ${sockets}`);
    await new Promise((resolve) => setTimeout(resolve, 1000 / rate));
  }
  return took;
};

const commands = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  const value = (name) => Number(searchParams.get(name));
  try {
    if (pathname === "/publish") await publish(value("messages"), value("rate"), "x".repeat(value("padding")));
    const took = pathname === "/fetch" ? await fetch(value("messages"), value("rate"), value("sockets")) : [];
    response.end(JSON.stringify({ took }));
  } catch (error) {
    response.writeHead(500).end(error.message);
  }
});

const listen = (server) => new Promise((resolve) => server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => resolve(server.address().port)));
console.log(`ready 127.0.0.1:${await listen(http)} 127.0.0.1:${await listen(commands)}`);
