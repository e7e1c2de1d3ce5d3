// A node in Node, which does the same as main.go. It is configured by the same variables.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { createAdapter as createStreamsAdapter } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const { NAME, REDIS, WIRE, SECRET, ADDR = "127.0.0.1:0" } = process.env;

// claims returns the claims of a token (HS256) that is valid now.
function claims(token) {
  const [head, payload, signature] = String(token).split(".");
  const want = createHmac("sha256", SECRET).update(`${head}.${payload}`).digest();
  const got = Buffer.from(signature ?? "", "base64url");
  if (got.length !== want.length || !timingSafeEqual(got, want)) throw new Error("invalid signature");
  if (JSON.parse(Buffer.from(head, "base64url")).alg !== "HS256") throw new Error("invalid algorithm");
  const read = JSON.parse(Buffer.from(payload, "base64url"));
  if (!(read.exp > Date.now() / 1000)) throw new Error("jwt expired");
  return read;
}

const redis = createClient({ url: REDIS });
redis.on("error", (error) => console.error(`redis: ${error.message}`)); // without a listener the process would end
await redis.connect();
const subscriber = redis.duplicate();
subscriber.on("error", () => {});

const options = {};
if (WIRE === "streams") {
  options.adapter = createStreamsAdapter(redis);
  options.connectionStateRecovery = { maxDisconnectionDuration: 120_000, skipMiddlewares: false };
} else {
  await subscriber.connect();
  options.adapter = (WIRE === "sharded" ? createShardedAdapter : createAdapter)(redis, subscriber);
}

const http = createServer();
const io = new Server(http, options);
io.use((socket, next) => {
  try {
    socket.data.user = claims(socket.handshake.auth.token).sub;
    next();
  } catch (error) {
    next(error);
  }
});
io.on("connection", (socket) => {
  socket.join("lobby");
  socket.on("say", (text, done) => {
    io.to("lobby").emit("said", socket.data.user, text);
    done?.(true);
  });
  socket.on("where", (answer) => answer(NAME));
});

const [host, port] = ADDR.split(":");
http.listen(Number(port), host, () => console.log(JSON.stringify({ addr: `${host}:${http.address().port}` })));
process.on("SIGTERM", () => io.close(() => process.exit(0)));
