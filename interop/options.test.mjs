// The documented options of the published clients, one by one: which of them change what a client sends, and that the server still
// serves it. Options that concern only the client itself (reconnection and its delays, timeout) are in the other files.
import assert from "node:assert/strict";
import { createServer, request as forward, Agent } from "node:http";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { Fetch, NodeWebSocket } from "engine.io-client";
import { io as io4 } from "socket.io-client";
import { allVersions, ask, assertTransport, dial, heard, isOld, limit, mint, patience, shown, startServer, transports } from "./harness.mjs";

let server;
let proxy;
before(async () => {
  server = await startServer(["-eio3"]);
  proxy = await startProxy(server.addr);
});
after(async () => {
  proxy?.close();
  await server?.stop();
});

// startProxy forwards requests, sets a sticky cookie as load balancers do, and records the requests. While `closedTo` names a
// transport, it answers that one with an error.
async function startProxy(addr) {
  const [host, port] = addr.split(":");
  const sticky = "route=a; Path=/";
  const state = { seen: [], closedTo: "", take: () => state.seen.splice(0) };
  const note = ({ method, url, headers }) => {
    const { pathname, searchParams } = new URL(url, "http://proxy");
    state.seen.push({ method, pathname, query: Object.fromEntries(searchParams), headers });
    return state.closedTo === searchParams.get("transport");
  };
  const proxy = createServer((request, response) => {
    if (note(request)) return void response.writeHead(500).end();
    const onward = forward({ host, port, method: request.method, path: request.url, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode, { ...answer.headers, "set-cookie": sticky });
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  });
  const open = new Set();
  proxy.on("upgrade", (request, client, head) => {
    if (note(request)) return void client.destroy();
    const onward = connect(port, host);
    for (const end of [client, onward]) {
      open.add(end);
      end.on("error", () => {});
      end.on("close", () => { client.destroy(); onward.destroy(); open.delete(end); });
    }
    const lines = [`${request.method} ${request.url} HTTP/1.1`];
    for (let i = 0; i < request.rawHeaders.length; i += 2) lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
    onward.write(lines.join("\r\n") + "\r\n\r\n");
    onward.write(head);
    onward.pipe(client).pipe(onward);
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  state.url = `http://127.0.0.1:${proxy.address().port}`;
  state.close = () => {
    proxy.close();
    proxy.closeAllConnections();
    open.forEach((end) => end.destroy());
  };
  return state;
}

// visit connects with the options, sends a text and a binary argument, and returns the socket and the requests that the proxy recorded.
async function visit(t, io, options) {
  proxy.take();
  const socket = dial(t, io, proxy.url, "/", { ...shown(io, { token: mint() }), ...options });
  await heard(socket, "connect");
  if (options.transports?.length > 1 && options.upgrade !== false && !options.rememberUpgrade) await assertTransport(socket, "upgrade");
  const [back] = await ask(socket, "echo", { text: "Grüße 😀", data: new Uint8Array([0, 127, 128, 255]).buffer });
  assert.equal(back.text, "Grüße 😀");
  assert.deepEqual([...new Uint8Array(back.data)], [0, 127, 128, 255]);
  return { socket, seen: proxy.take() };
}

// The effect of each option; `see` looks at one request. `not` names a kind of client that lacks the option.
const cases = {
  "path without a slash at its end": { options: { path: "/socket.io" }, see: (r) => assert.equal(r.pathname, "/socket.io/") },
  "query": { options: { query: { room: "lobby", name: "Zoë & co" } }, see: (r) => assert.deepEqual([r.query.room, r.query.name], ["lobby", "Zoë & co"]), token: true },
  "timestampRequests: true": { options: { timestampRequests: true }, see: (r) => assert.ok(r.query.t) },
  "timestampRequests: false": { options: { timestampRequests: false }, see: (r) => assert.equal(r.query.t, undefined) },
  "timestampParam": { options: { timestampRequests: true, timestampParam: "ts" }, see: (r) => assert.ok(r.query.ts) },
  "forceBase64": { options: { forceBase64: true }, see: (r) => assert.equal(r.query.b64, "1") },
  "extraHeaders": { options: { extraHeaders: { "X-Tenant": "a" } }, see: (r) => assert.equal(r.headers["x-tenant"], "a") },
  "protocols": { options: { protocols: ["chat.v2", "chat.v1"] }, upgrade: (r) => assert.match(r.headers["sec-websocket-protocol"], /^chat\.v2, ?chat\.v1$/), not: ["2.5.0", "1.7.4"] },
  "perMessageDeflate": { options: { perMessageDeflate: { threshold: 0 } }, upgrade: (r) => assert.match(r.headers["sec-websocket-extensions"], /permessage-deflate/) },
  "closeOnBeforeunload": { options: { closeOnBeforeunload: true } },
  "useNativeTimers": { options: { useNativeTimers: true } },
  "autoUnref": { options: { autoUnref: true } },
  "requestTimeout": { options: { requestTimeout: 20_000 } },
  "withCredentials": { options: { withCredentials: true } },
  "multiplex: false": { options: { multiplex: false } },
  "agent": { options: { agent: new Agent({ keepAlive: true, maxSockets: 4 }) } },
};

for (const [version, io] of Object.entries(allVersions)) {
  describe(version, () => {
    for (const [name, { options, see, upgrade, not, token }] of Object.entries(cases)) {
      if (not?.includes(version) || token && isOld(io)) continue;
      for (const transport of Object.keys(transports)) test(`${name}, by ${transport}`, limit, async (t) => {
        const { seen } = await visit(t, io, { transports: transports[transport], ...options });
        assert.ok(seen.length > 0);
        if (see) seen.forEach(see);
        if (upgrade) seen.filter((r) => r.headers.upgrade).forEach(upgrade);
      });
    }

    test("upgrade: false stays with polling", limit, async (t) => {
      const { socket, seen } = await visit(t, io, { transports: transports.upgrade, upgrade: false });
      await assertTransport(socket, "polling");
      assert.ok(seen.every((r) => r.query.transport === "polling"));
    });

    test("rememberUpgrade begins with the WebSocket the next time", limit, async (t) => {
      const first = await visit(t, io, { transports: transports.upgrade });
      await assertTransport(first.socket, "upgrade");
      const { seen } = await visit(t, io, { transports: transports.upgrade, rememberUpgrade: true });
      assert.deepEqual(seen.map((r) => r.query.transport), ["websocket"]);
    });

    if (version !== "1.7.4") test("transportOptions are those of one transport", limit, async (t) => {
      const { seen } = await visit(t, io, { transports: transports.upgrade, transportOptions: { polling: { extraHeaders: { "X-Tenant": "a" } } } });
      for (const r of seen) assert.equal(r.headers["x-tenant"], r.query.transport === "polling" ? "a" : undefined, r.query.transport);
    });
  });
}

describe("4.8.4 only", () => {
  for (const transport of Object.keys(transports)) test(`addTrailingSlash: false, by ${transport}`, limit, async (t) => {
    const { seen } = await visit(t, io4, { transports: transports[transport], addTrailingSlash: false });
    assert.ok(seen.every((r) => r.pathname === "/socket.io"), JSON.stringify(seen.map((r) => r.pathname)));
  });

  test("withCredentials brings a sticky cookie back", limit, async (t) => {
    const { seen } = await visit(t, io4, { transports: transports.upgrade, withCredentials: true });
    assert.deepEqual(seen.map((r) => r.headers.cookie), seen.map((_, i) => i === 0 ? undefined : "route=a"));
  });

  test("tryAllTransports goes on to the WebSocket where polling is closed", limit, async (t) => {
    proxy.closedTo = "polling";
    t.after(() => { proxy.closedTo = ""; });
    proxy.take();
    const socket = dial(t, io4, proxy.url, "/", { transports: transports.upgrade, tryAllTransports: true, auth: { token: mint() } });
    await heard(socket, "connect");
    assert.equal(socket.io.engine.transport.name, "websocket");
  });

  for (const [name, list, last] of [["Fetch", [Fetch], "polling"], ["NodeWebSocket", [NodeWebSocket], "websocket"], ["Fetch and NodeWebSocket", [Fetch, NodeWebSocket], "websocket"]]) {
    test(`transports: ${name}`, limit, async (t) => {
      const { socket } = await visit(t, io4, { transports: list });
      assert.equal(socket.io.engine.transport.name, last);
    });
  }

  test("transports: webtransport is not offered and not taken", limit, async (t) => {
    const { socket } = await visit(t, io4, { transports: ["polling", "websocket", "webtransport"] });
    assert.equal(socket.io.engine.transport.name, "websocket");
  });

  for (const transport of Object.keys(transports)) test(`extraHeaders show a token, by ${transport}`, limit, async (t) => {
    const { socket } = await visit(t, io4, { transports: transports[transport], auth: {}, extraHeaders: { Authorization: `Bearer ${mint({ sub: "header" })}` } });
    assert.equal((await ask(socket, "whoami"))[0].sub, "header");
  });

  test("ackTimeout ends an emit that is not answered", limit, async (t) => {
    const socket = dial(t, io4, proxy.url, "/", { ackTimeout: 100, auth: { token: mint() } });
    await heard(socket, "connect");
    await assert.rejects(socket.emitWithAck("no-such-event"), /timed out/);
    assert.equal(await socket.timeout(patience).emitWithAck("echo", 1), 1);
  });

  test("retries send an event again, in order, and drop it in the end", limit, async (t) => {
    const queue = dial(t, io4, proxy.url, "/", { retries: 1, ackTimeout: 1000, auth: { token: mint() } });
    await heard(queue, "connect");
    const told = [];
    const dropped = new Promise((resolve) => queue.emit("no-such-event", (error) => { told.push("dropped"); resolve(error); }));
    const answered = new Promise((resolve) => queue.timeout(patience).emit("echo", 2, (error, back) => { told.push("answered"); resolve([error, back]); }));
    assert.match((await dropped).message, /timed out/);
    assert.deepEqual(await answered, [null, 2]);
    assert.deepEqual(told, ["dropped", "answered"]);
  });
});
