// The configurations of deploy/ as they are: nginx, HAProxy and Caddy, with TLS and HTTP/2 at the front, in front of two nodes. The
// same checks run over each proxy.
import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { attemptIn, bundle, launch, tab } from "./browser.mjs";
import { allVersions, ask, assertTransport, dial, heard, isOld, limit, mint, pause, program, secret, shown, start, startCommand, transports, within } from "./harness.mjs";
import { configuration, idle, names, startProxy } from "./proxies.mjs";

const client = "127.0.0.7"; // the proxy, which the nodes trust, is 127.0.0.1
const published = { "4.8.4": allVersions["4.8.4"], "2.5.0": allVersions["2.5.0"] };
const io4 = published["4.8.4"];

let backend, beating, browser;
before(async () => {
  const nodes = async (...flags) => {
    const server = await start(program("PROXYSERVER", "./proxyserver"), flags, { JWT_SECRET: secret });
    return { ...server, ...JSON.parse(server.line) };
  };
  [backend, beating, browser] = await Promise.all([nodes(), nodes("-heartbeat-a", "500ms"), launch({ acceptInsecureCerts: true })]);
});
after(() => Promise.all([backend?.stop(), beating?.stop(), browser?.close()]));

// agentTo makes connections to a proxy from an address of this machine.
const agentTo = ({ certificate }, address = client, keepAlive = true) => new https.Agent({ keepAlive, localAddress: address, family: 4, ca: certificate });

// call dials a proxy from an address. The connection ends with the test.
function call(t, io, proxy, { address, ...options } = {}) {
  const agent = agentTo(proxy, address);
  t.after(() => agent.destroy());
  return dial(t, io, proxy.url, "/", { agent, ...shown(io, { token: mint() }), ...options });
}

const seen = async (socket) => (await ask(socket, "whoami"))[0];
const connected = async (socket) => { if (!socket.connected) await heard(socket, "connect"); return socket; };

// request sends a request and returns its response with the body.
async function request(proxy, path, { method = "GET", headers, body, chunked, address } = {}) {
  const agent = agentTo(proxy, address);
  const sent = https.request(proxy.url + path, { agent, method, headers: { ...headers, ...(chunked ? { "transfer-encoding": "chunked" } : {}) } });
  sent.on("error", () => {}); // the server may answer before it has read everything
  if (headers?.expect) {
    sent.flushHeaders();
    await within(once(sent, "continue"), "100 Continue");
  }
  sent.end(body);
  const [response] = await within(Promise.race([once(sent, "response"), once(sent, "error").then(([error]) => { throw error; })]), `the answer to ${method} ${path}`);
  let text = "";
  for await (const part of response) text += part;
  agent.destroy();
  return { status: response.statusCode, headers: response.headers, text };
}

const handshake = "/socket.io/?EIO=4&transport=polling";

// open opens a session of polling by hand, and returns the path of its requests.
async function open(proxy, headers) {
  const { status, text, headers: got } = await request(proxy, handshake, { headers });
  assert.equal(status, 200, text);
  const cookie = got["set-cookie"]?.[0].split(";")[0];
  return { path: `${handshake}&sid=${JSON.parse(text.slice(1)).sid}`, headers: cookie ? { cookie } : {} };
}

const checks = {};
for (const [version, io] of Object.entries(published)) for (const transport of Object.keys(transports)) {
  checks[`${version} by ${transport}`] = async (t, proxy) => {
    const socket = await connected(call(t, io, proxy, { transports: transports[transport] }));
    await assertTransport(socket, transport);
    const { address, host, path, protocol } = await seen(socket);
    assert.match(address, /^127\.0\.0\.7(:\d+)?$/);
    assert.deepEqual({ host, path, protocol }, { host: new URL(proxy.url).host, path: "/socket.io/", protocol: isOld(io) ? 3 : 4 });
    // The heartbeat, which would end a poll that the proxy holds back, comes after 25 seconds.
    const [told, begin] = [heard(socket, "told"), performance.now()];
    socket.emit("tell", "news");
    assert.deepEqual(await told, ["news"]);
    assert.ok(performance.now() - begin < 15_000, "the proxy held the answer back");
    for (const large of ["x".repeat(900_000), Buffer.alloc(600_000, 7)]) assert.deepEqual(await ask(socket, "echo", large), [large]);
  };
}

checks["under a prefix"] = async (t, proxy) => {
  const socket = await connected(call(t, io4, proxy, { path: "/chat/socket.io/" }));
  await assertTransport(socket, "upgrade");
  assert.equal((await seen(socket)).path, "/socket.io/");
  assert.equal((await request(proxy, `/chat${handshake}`)).status, 200);
};

checks["a client cannot choose its address"] = async (t, proxy) => {
  for (const transport of ["polling", "websocket"]) {
    const extraHeaders = { "X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9", Forwarded: "for=203.0.113.9" };
    const socket = await connected(call(t, io4, proxy, { transports: [transport], extraHeaders }));
    assert.match((await seen(socket)).address, /^127\.0\.0\.7(:\d+)?$/);
  }
};

checks["the origin rule knows the scheme"] = async (t, proxy) => {
  const { host } = new URL(proxy.url);
  for (const [headers, status] of [
    [{ origin: `https://${host}` }, 200],
    [{ origin: `http://${host}` }, 403],
    [{ origin: `http://${host}`, "x-forwarded-proto": "http" }, 403],
    [{ origin: "https://evil.example" }, 403],
    [{ origin: "https://evil.example", "x-forwarded-host": "evil.example" }, 403],
  ]) assert.equal((await request(proxy, handshake, { headers })).status, status, JSON.stringify(headers));
};

// Each way to name a node: all requests of a client, the upgrade included, reach one node, and clients reach both.
const sticky = {
  "a name in the query": (n) => ({ query: { client: `name ${n}` } }),
  "a name in a header": (n) => ({ extraHeaders: { "X-Client": `name ${n}` } }),
  "the address": (n) => ({ address: `127.0.0.${n + 20}` }),
  "a cookie": (n) => ({ address: `127.0.0.${n + 20}`, withCredentials: true, extraHeaders: { "User-Agent": "Mozilla/5.0" } }),
};
for (const [what, options] of Object.entries(sticky)) checks[`sticky by ${what}`] = async (t, proxy) => {
  const there = new Set();
  for (let n = 0; n < 4 || there.size < 2; n++) {
    assert.ok(n < 40, `the proxy uses only ${[...there]}`);
    const socket = await connected(call(t, io4, proxy, options(n)));
    await assertTransport(socket, "upgrade");
    there.add((await seen(socket)).node);
  }
};

checks["a cookie counts more than the address"] = async (t, proxy) => {
  const browser = { "User-Agent": "Mozilla/5.0" };
  const nodes = {};
  for (let n = 20; Object.keys(nodes).length < 2; n++) {
    assert.ok(n < 80, "all addresses reach one node");
    const { headers } = await request(proxy, handshake, { headers: browser, address: `127.0.0.${n}` });
    const cookie = headers["set-cookie"][0].split(";")[0];
    nodes[cookie] ??= `127.0.0.${n}`;
  }
  const [[first], [, second]] = Object.entries(nodes);
  const ask = async (cookie, address) => {
    const socket = await connected(call(t, io4, proxy, { transports: ["polling"], address, extraHeaders: { ...browser, cookie } }));
    return (await seen(socket)).node;
  };
  assert.equal(await ask(first, second), await ask(first, nodes[first]));
};

checks["bodies: chunked, announced, and larger than the limit"] = async (t, proxy) => {
  // admitted opens a session. As nothing answers its pings, it ends after 45 s, which is too soon for all bodies on a busy machine.
  const admitted = async () => {
    const { path, headers } = await open(proxy);
    const post = (body, options = {}) => request(proxy, path, { method: "POST", body, ...options, headers: { "content-type": "text/plain", ...headers, ...options.headers } });
    const taken = async (...args) => {
      const { status, text } = await post(...args);
      assert.deepEqual([status, text], [200, "ok"]);
    };
    await taken(`40{"token":"${mint()}"}`, { chunked: true });
    return { post, taken };
  };
  const { taken } = await admitted();
  await taken('42["echo",1]', { headers: { expect: "100-continue", "content-length": 12 } });
  await taken('42["echo",1]', { headers: { connection: "close" } });
  for (const size of [1_000_001, 2_000_000, 3_900_000]) for (const chunked of [false, true]) {
    const { post, taken } = await admitted();
    const { status, text } = await post(`4${"x".repeat(size)}`, { chunked, headers: chunked ? {} : { "content-length": size + 1 } });
    assert.equal(status, 413, `${size} bytes, chunked ${chunked}: ${text}`);
    await taken('42["echo",1]'); // the session has survived it
  }
};

checks["HEAD, other methods and other paths"] = async (t, proxy) => {
  const head = await request(proxy, handshake, { method: "HEAD" });
  assert.deepEqual([head.status, head.text], [400, ""]);
  assert.equal((await request(proxy, handshake, { method: "PUT" })).status, 400);
  assert.doesNotMatch((await request(proxy, "/ready")).text, /ready/, "the proxy passes only /socket.io/");
  const { status, text } = await request(proxy, "/socket.io/?EIO=4&transport=websocket");
  assert.deepEqual([status, JSON.parse(text).code], [400, 3]);
};

checks["HTTP/2"] = async (t, proxy) => {
  const session = http2.connect(proxy.url, { ca: proxy.certificate, family: 4, localAddress: client });
  t.after(() => session.destroy());
  await within(once(session, "remoteSettings"), "settings");
  const send = async (headers, body) => {
    const stream = session.request({ ":path": handshake, ...headers }, { endStream: body === undefined && headers[":method"] !== "POST" });
    if (body !== undefined) stream.end(body);
    const [response] = await within(once(stream, "response"), "the response");
    let text = "";
    stream.setEncoding("utf8");
    for await (const part of stream) text += part;
    return [response[":status"], text, response];
  };
  const [status, text, response] = await send({});
  assert.equal(status, 200);
  const cookie = [response["set-cookie"] ?? []].flat().map((one) => one.split(";")[0]).join("; ");
  const own = { ":path": `${handshake}&sid=${JSON.parse(text.slice(1)).sid}`, ...(cookie ? { cookie } : {}) };
  const poll = send(own); // it waits while the other stream is answered
  assert.deepEqual((await send({ ...own, ":method": "POST" }, `40{"token":"${mint()}"}`)).slice(0, 2), [200, "ok"]);
  assert.match((await poll)[1], /^40\{"sid"/);
  // The length of this body is unknown.
  assert.equal((await send({ ...own, ":method": "POST" }, `4${"x".repeat(1_500_000)}`))[0], 413);
  // RFC 8441 is a WebSocket by HTTP/2. Browsers open another connection where it is not offered.
  assert.equal(session.remoteSettings.enableConnectProtocol ?? false, proxy.name === "HAProxy");
  if (proxy.name !== "HAProxy") return;
  const stream = session.request({ ":method": "CONNECT", ":protocol": "websocket", ":path": "/socket.io/?EIO=4&transport=websocket", "sec-websocket-version": "13" });
  const [opened] = await within(once(stream, "response"), "the WebSocket");
  assert.equal(opened[":status"], 200);
  const [frame] = await within(once(stream, "data"), "the open packet");
  assert.match(frame.subarray(2).toString(), /^\W{0,2}0\{"sid"/);
  stream.close();
};


// inChromium connects by each transport from a page of the server's own origin. The page and the polls must come by HTTP/2.
async function inChromium(t, { url }) {
  const page = await tab(t, browser, `${url}/health`); // proxies do not pass it, and answer with a page of their own
  await page.addScriptTag({ path: bundle("socket.io-client") });
  for (const [name, list] of Object.entries(transports)) {
    const outcome = await attemptIn(page, { url, namespace: "/", mode: "handshake", payload: { token: mint() }, transports: list });
    assert.ok(outcome.admitted, `${url}, ${name}: ${JSON.stringify(outcome)}`);
  }
  const protocols = await page.evaluate(() => performance.getEntriesByType("resource").filter(({ name }) => name.includes("transport=polling")).map(({ nextHopProtocol }) => nextHopProtocol));
  assert.deepEqual([...new Set(protocols)], ["h2"], url);
}

// Not all checks at once: on a busy machine the nodes would answer so late that the proxies take them for dead.
describe("a proxy in front", { concurrency: names.length }, () => {
  for (const name of names) describe(name, () => {
    let proxy;
    before(async () => { proxy = await startProxy(name, backend); });
    after(() => proxy?.stop());
    for (const [what, check] of Object.entries(checks)) test(what, limit, (t) => check(t, proxy));
  });

  for (const name of names) test(`${name} is reloaded, and restarted`, limit, async (t) => {
    const proxy = await startProxy(name, backend);
    t.after(proxy.stop);
    const sockets = [];
    for (const transport of ["polling", "websocket"]) for (const io of Object.values(published)) {
      // A new connection for each request, as without an agent: Node may hang for long on one that the proxy has just closed.
      const options = { agent: agentTo(proxy, client, false), reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 };
      sockets.push(await connected(call(t, io, proxy, { transports: [transport], ...options })));
    }
    const lost = new Set();
    for (const socket of sockets) socket.on("disconnect", () => lost.add(socket));
    // works asks until there is an answer: a client whose connection was cut comes back by itself.
    const works = async (socket) => {
      for (let answer; !answer;) {
        await connected(socket);
        answer = await Promise.race([ask(socket, "echo", 1), heard(socket, "disconnect").then(() => undefined)]);
      }
    };
    await proxy.reload();
    await pause(500);
    await Promise.all(sockets.map(works));
    await connected(call(t, io4, proxy));
    // Caddy 2.6 closes WebSockets at a reload. Of polling clients, each proxy may close the connection between two requests.
    if (name !== "Caddy") for (const socket of sockets.slice(2)) assert.ok(!lost.has(socket), `${name} has cut a WebSocket`);
    lost.clear();
    await proxy.restart();
    await within((async () => { while (sockets.some((socket) => !lost.has(socket))) await pause(20); })(), "the end of all connections");
    await Promise.all(sockets.map(works));
  });

  test("without a proxy: serve speaks TLS itself", limit, async (t) => {
    const dir = mkdtempSync(join(tmpdir(), "tls-"));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    const [cert, key] = ["cert.pem", "key.pem"].map((file) => join(dir, file));
    writeFileSync(cert, backend.certificate);
    writeFileSync(key, backend.key, { mode: 0o600 });
    const server = await startCommand(["--addr", "localhost:0", "--eio3", "--tls-cert", cert, "--tls-key", key], { SOCKETIO_JWT_SECRET: secret });
    t.after(server.stop);
    server.certificate = backend.certificate;
    for (const io of Object.values(published)) for (const transport of Object.keys(transports)) {
      const socket = await connected(call(t, io, server, { transports: transports[transport], address: "127.0.0.1" }));
      await assertTransport(socket, transport);
      assert.deepEqual(await ask(socket, "echo", 1), [1]);
      socket.disconnect();
    }
    await inChromium(t, server);
    const session = http2.connect(server.url, { ca: backend.certificate });
    t.after(() => session.destroy());
    const [settings] = await within(once(session, "remoteSettings"), "settings");
    assert.ok(!settings.enableConnectProtocol, "it offers WebSockets by HTTP/2");
  });

  test("Chromium, by HTTP/2", limit, async (t) => {
    await Promise.all(names.map(async (name) => {
      const proxy = await startProxy(name, backend);
      t.after(proxy.stop);
      await inChromium(t, proxy);
    }));
  });
});

// After the others, because they must not hold up this process for as long as the timeouts.
describe("the idle timeout of a proxy is longer than a heartbeat", { concurrency: true }, () => {
  const short = "4s";
  for (const name of names) test(name, limit, async (t) => {
    const settings = configuration(name).match(new RegExp(`(proxy_read_timeout|timeout (client|server|tunnel)) +${idle}`, "g"));
    assert.equal(settings?.length ?? 0, { nginx: 1, HAProxy: 3, Caddy: 0 }[name]); // Caddy has no such timeout
    const proxy = await startProxy(name, beating, { timeout: name === "Caddy" ? idle : short });
    t.after(proxy.stop);

    // dialNode returns a socket of a node, and when it ended. Another name reaches another node.
    const dialNode = async (io, transport, node) => {
      for (let n = 0; n < 100; n++) {
        const socket = await connected(call(t, io, proxy, { transports: [transport], query: { client: `${n}`, ...(isOld(io) ? { token: mint() } : {}) } }));
        const begin = performance.now();
        const ended = new Promise((resolve) => socket.once("disconnect", (reason) => resolve({ reason, after: performance.now() - begin })));
        const there = await Promise.race([seen(socket), ended]);
        if (there.node === node) return { socket, ended };
        socket.disconnect();
      }
      assert.fail(`no name reaches node ${node}`);
    };
    const both = Object.values(published).flatMap((io) => ["polling", "websocket"].map((transport) => [io, transport]));
    // Node a sends a heartbeat each half second, node b after 25 seconds.
    const [heard, silent] = await Promise.all(["a", "b"].map((node) => Promise.all(both.map(([io, transport]) => dialNode(io, transport, node)))));
    if (name === "Caddy") {
      await pause(5000);
      for (const { socket } of silent) assert.ok(socket.connected, "Caddy has cut a connection");
    } else {
      for (const { ended } of silent) {
        const { reason, after } = await within(ended, "the end of a silent connection");
        assert.match(reason, /^transport (close|error)$/);
        assert.ok(after < 20_000, `it ended after ${after} ms`);
      }
      await pause(1000);
    }
    for (const { socket } of heard) assert.deepEqual(await ask(socket, "echo", 1), [1]); // no new one
  });
});
