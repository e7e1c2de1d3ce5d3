// node server.mjs bare|thream|auth0 HS256|RS256|ES256
//
// One Socket.IO server on a free loopback port, which it prints when it listens. It checks tokens with the package
// of its first argument, as that package's README shows it, and answers "broadcast" by sending it to everybody.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { createRequire } from "node:module";
import { Server } from "socket.io";

const [kind, alg] = process.argv.slice(2);
const { BENCH_SECRET: secret, BENCH_PUBLIC_KEY: publicKeyFile, BENCH_CERTIFICATE: certificateFile, BENCH_DEFLATE: deflate } = process.env;
const key = alg === "HS256" ? secret : readFileSync(publicKeyFile, "utf8");

const certificate = certificateFile && readFileSync(certificateFile, "utf8"); // with its key
const http = certificate ? createSecureServer({ cert: certificate, key: certificate }) : createServer();
const io = new Server(http, { pingInterval: 25000, pingTimeout: 20000, perMessageDeflate: Boolean(deflate), serveClient: false });

switch (kind) {
  case "bare":
    break;
  case "thream": {
    const { authorize } = await import("@thream/socketio-jwt");
    io.use(authorize({ secret: alg === "HS256" ? key : async () => key, algorithms: [alg] }));
    break;
  }
  case "auth0": {
    const { authorize } = createRequire(import.meta.url)("socketio-jwt");
    io.use(authorize({ secret: key, handshake: true, algorithms: [alg] }));
    break;
  }
  default:
    throw new Error(`unknown kind ${kind}`);
}

let handled = 0; // events
io.on("connection", (socket) => {
  socket.on("broadcast", (data) => io.emit("broadcast", data));
  socket.on("burst", ({ t, n, pad }) => {
    for (let i = 0; i < n; i++) io.emit("broadcast", { t: t + i, pad });
  });
  socket.on("echo", (data, done) => done(data));
  socket.on("join", (rooms, done) => {
    socket.join(rooms);
    done(rooms);
  });
  socket.on("rooms", ({ t, n, pad }) => {
    for (let i = 0; i < n; i++) io.to(`room-${i}`).emit("broadcast", { t: t + i, pad });
  });
  for (const event of ["func", "scan", "raw"]) { // the kinds of handlers of the other server
    socket.on(event, (text) => {
      if (typeof text === "string") handled++;
    });
  }
  socket.on("handled", (done) => done(handled));
});

http.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
  console.log(`ready 127.0.0.1:${http.address().port}`);
});
