// The client in Go, package socketio/client, against Node's server 4.8.4.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { Server } from "socket.io";
import { limit, program } from "./harness.mjs";

const transports = { polling: "polling", websocket: "websocket", upgrade: "polling,websocket" };
const checks = ["events", "order", "namespaces", "refusal", "disconnected", "reconnection", "transport", "left"];

// serve furnishes one server for each test, so that the checks do not see each other.
async function serve(options) {
  const http = createServer();
  const io = new Server(http, {
    pingInterval: 300,
    ...options,
    allowRequest: (request, give) => give(null, !request.url.includes("refuse=1")),
  });
  for (const name of ["/", "/admin", "/watch"]) {
    io.of(name).use((socket, next) => next(socket.handshake.auth.token === "good" ? undefined : new Error("bad token")));
    io.of(name).on("connection", (socket) => {
      const { visit, namespace } = socket.handshake.auth;
      let words = "";
      socket.on("echo", (value, ack) => ack(value));
      socket.on("repeat", (number, data) => socket.emit("repeated", number, data));
      socket.on("question", () => socket.emit("question", 42, Buffer.from("bytes"), (...answer) => socket.emit("answered", ...answer)));
      socket.on("whoami", (ack) => ack({ id: socket.id, client: socket.client.id, visit, namespace }));
      socket.on("kick", () => socket.disconnect());
      socket.on("drop", () => socket.conn.close());
      socket.on("news", (...numbers) => numbers.forEach((number) => io.of(name).emit("news", number, Buffer.from("bytes"))));
      socket.on("drop before news", (...numbers) => {
        socket.conn.close();
        numbers.forEach((number) => io.of(name).emit("news", number, Buffer.from("bytes")));
      });
      socket.on("count", (of, ack) => ack(io.of(of).sockets.size));
      socket.on("transport", (ack) => ack(socket.conn.transport.name));
      socket.on("last words", (data, ack) => { if (data.length === 100_000) words = "last words"; ack(); });
      if (name === "/") socket.on("disconnect", (reason) => io.of("/watch").emit("left", reason, words));
    });
  }
  io.of("/closed").use((socket, next) => next(Object.assign(new Error("not you"), { data: { code: 7 } })));
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  return { io, url: `http://127.0.0.1:${http.address().port}` };
}

const binary = program("GOCLIENT", "./goclient");
const run = async (check, url, list) => {
  const { stdout } = await promisify(execFile)(binary, ["-url", url, "-transports", list, check], { timeout: 90_000 });
  assert.equal(stdout.trim(), `ok ${check}`);
};

for (const [name, list] of Object.entries(transports)) {
  describe(`by ${name}`, () => {
    let server;
    before(async () => { server = await serve(); });
    after(() => server?.io.close());
    for (const check of checks) {
      test(check, limit, () => run(check, server.url, list));
    }
    for (const [check, options] of Object.entries({ heartbeat: { pingTimeout: 2000 }, recovery: { connectionStateRecovery: {} } })) {
      test(check, limit, async (t) => {
        const special = await serve(options);
        t.after(() => special.io.close());
        await run(check, special.url, list);
      });
    }
  });
}
