#!/usr/bin/env node
// A backend for `socketio-jwt serve --upstream-webhook`, without any package.
//
//     SECRET_FILE=hook.txt PORT=9100 node backend.mjs
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const secret = readFileSync(process.env.SECRET_FILE, "utf8").trim();

// verify reports whether socketio-jwt has sent the body, and not more than 5 minutes ago.
function verify(secret, headers, body) {
  const { "webhook-id": id, "webhook-timestamp": at, "webhook-signature": signatures } = headers;
  if (!id || !signatures || !/^\d+$/.test(at ?? "") || Math.abs(Date.now() / 1000 - Number(at)) > 300) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const expected = createHmac("sha256", key).update(`${id}.${at}.`).update(body).digest();
  return signatures.split(" ").some((signature) => {
    const [version, code = ""] = signature.split(",");
    const given = Buffer.from(code, "base64");
    return version === "v1" && given.length === expected.length && timingSafeEqual(given, expected);
  });
}

// answer decides about a message. The result becomes the JSON of the response.
function answer(message) {
  const name = message.user?.subject ?? "guest";
  switch (message.type) {
    case "connect":
      if (name === "mallory") return { refuse: { message: "you are banned", code: "banned", reason: "banned" } };
      return { join: ["lobby"], emit: [{ event: "welcome", args: [name] }] };
    case "event":
      return answerEvent(message, name);
    default: // "disconnect"
      console.error(`${name} has left: ${message.reason}`);
      return {};
  }
}

function answerEvent({ event, args, attachments, user }, name) {
  switch (event) {
    case "say":
      if (typeof args[0] !== "string") return { ack: [{ error: "say a text" }] };
      return { ack: [{ ok: true }], emit: [{ event: "said", args: [name, args[0]], rooms: ["lobby"] }] };
    case "echo":
      return { ack: args, attachments };
    case "whoami":
      return { ack: [user] };
    case "leave":
      return { ack: ["bye"], leave: ["lobby"], disconnect: {} };
    default:
      return { ack: [{ error: `there is no event ${event}` }] };
  }
}

const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(chunks);
    if (request.method !== "POST" || !verify(secret, request.headers, body)) {
      response.writeHead(401).end();
      return;
    }
    response.writeHead(200, { "Content-Type": "application/json" });
    response.end(JSON.stringify(answer(JSON.parse(body))));
  });
});
server.listen(Number(process.env.PORT ?? 9100), "127.0.0.1", () => console.log(`backend at http://127.0.0.1:${server.address().port}`));
process.on("SIGTERM", () => process.exit(0));
