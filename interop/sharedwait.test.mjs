// One goroutine that waits for all idle WebSockets (--shared-wait): clients of all versions come, talk, rest and go. The server has an
// instance of epoll for them, beside that of Go's runtime, while any of them is connected.
import assert from "node:assert/strict";
import { readdirSync, readlinkSync } from "node:fs";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { until } from "./cluster/redis.mjs";
import { allVersions, ask, assertTransport, dial, enter, heard, isOld, limit, mint, pause, renew, secret, shown, startCommand, startServer, transports, within } from "./harness.mjs";

const kinds = Object.keys(allVersions).flatMap((version) => ["websocket", "upgrade"].map((transport) => ({ version, transport, io: allVersions[version] })));
const env = { SOCKETIO_JWT_SECRET: secret, SOCKETIO_JWT_LOG_LEVEL: "warn", SOCKETIO_JWT_SHARED_WAIT: "true" };
const soon = (seconds) => Math.floor(Date.now() / 1000) + seconds;

// open counts the descriptors of a process whose targets match, as "socket:[" or "[eventpoll]".
function open({ child: { pid } }, kind) {
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).includes(kind);
    } catch {
      return false; // closed since
    }
  }).length;
}

const leave = (io, socket) => (isOld(io) ? socket.io.close() : socket.io._close());

test("serve: clients talk after a rest, and the last one to leave ends the wait", limit, async (t) => {
  const server = await startCommand(["--addr", "127.0.0.1:0", "--eio3"], env);
  t.after(() => server.stop());
  const [epolls, sockets] = [open(server, "[eventpoll]"), open(server, "socket:[")];
  for (let round = 0; round < 2; round++) {
    const all = await Promise.all(kinds.flatMap((kind) => [1, 2, 3].map(async (n) => {
      const { version, transport, io } = kind;
      const sub = `${version} by ${transport} ${n}`;
      const socket = dial(t, io, server.url, "/", { transports: transports[transport], ...shown(io, { token: mint({ sub }) }) });
      await heard(socket, "connect");
      await assertTransport(socket, transport);
      return { io, sub, socket, heard: [] };
    })));
    for (const one of all) one.socket.on("said", (who, text) => one.heard.push(`${who} ${text}`));
    await until("the server waits with an instance of its own", () => open(server, "[eventpoll]") === epolls + 1);
    for (let visit = 0; visit < 3; visit++) {
      await pause(50);
      const long = "x".repeat(visit * 300_000);
      await Promise.all(all.map(async ({ socket, sub }) => {
        assert.equal((await ask(socket, "whoami"))[0].sub, sub);
        assert.deepEqual(await ask(socket, "echo", long), [long]);
      }));
    }
    await ask(all[0].socket, "say", "hello");
    await until("all have heard it", () => all.every((one) => one.heard.length === 1));
    for (const { io, socket } of all.slice(1)) leave(io, socket);
    assert.equal((await ask(all[0].socket, "whoami"))[0].sub, all[0].sub);
    leave(all[0].io, all[0].socket);
    await until("nothing is left", () => open(server, "[eventpoll]") === epolls && open(server, "socket:[") <= sockets);
  }
});

describe("what ends a WebSocket that rests", { concurrency: true }, () => {
  for (const { version, transport, io } of kinds) test(`${version} by ${transport}: its token`, limit, async (t) => {
    const server = await startServer(["-leeway", "-1s", "-eio3", "-shared-wait"]);
    t.after(() => server.stop());
    const options = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200, autoConnect: false, transports: transports[transport] };
    const socket = dial(t, io, server.url, "/", options);
    let asked = 0;
    const first = mint({ exp: soon(8), sub: "first" });
    renew(io, socket, () => ({ token: asked++ === 0 ? first : mint({ sub: "fresh" }) }));
    const welcomes = [];
    socket.on("welcome", (sub) => welcomes.push(sub));
    socket.connect();
    await until("the client is back", () => welcomes.includes("fresh"));
    assert.equal((await ask(socket, "whoami"))[0].sub, "fresh");
    assert.equal(welcomes[0], "first");
  });

  test("a peer that vanishes, or answers no ping", limit, async (t) => {
    const server = await startServer(["-heartbeat", "500ms", "-shared-wait"]);
    t.after(() => server.stop());
    const before = open(server, "socket:[");
    const [host, port] = server.addr.split(":");
    const request = `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: ${server.addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    const peers = await Promise.all(Array.from({ length: 40 }, async () => {
      const peer = connect(port, host).on("error", () => {});
      peer.write(request);
      await within(new Promise((resolve) => peer.once("data", resolve)), "the response");
      return peer;
    }));
    assert.ok(open(server, "socket:[") >= before + 40);
    for (const peer of peers.slice(0, 10)) peer.destroy();
    for (const peer of peers.slice(10, 20)) peer.resetAndDestroy();
    for (const peer of peers.slice(20, 30)) peer.end();
    const ended = peers.slice(30).map((peer) => within(new Promise((resolve) => peer.once("close", resolve)), "the end of a silent peer"));
    peers.forEach((peer) => peer.resume());
    await Promise.all(ended);
    await until("nothing is left", () => open(server, "socket:[") <= before);
  });

  for (const ending of ["stop", "kill"]) test(`the server, by ${ending}`, limit, async (t) => {
    let server = await startServer(["-eio3", "-shared-wait"]);
    t.after(() => server.stop());
    const all = await Promise.all(kinds.map(async ({ version, transport, io }) => {
      const options = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 };
      const socket = await enter(t, io, { url: server.url, transport, mode: "handshake", token: mint({ sub: version }), ...options });
      await assertTransport(socket, transport);
      const left = [];
      socket.on("disconnect", (reason) => left.push(reason));
      return { version, socket, left };
    }));
    await server[ending]();
    server = await startServer(["-addr", server.addr, "-eio3", "-shared-wait"]);
    await until("all are back", () => all.every(({ socket, left }) => left.length === 1 && socket.connected));
    for (const { version, socket } of all) assert.equal((await ask(socket, "whoami"))[0].sub, version);
  });
});
