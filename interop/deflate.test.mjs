// permessage-deflate: the published clients, from Node and in Chromium, compress what they send and understand what they receive, and
// the bytes on the wire become fewer. A server without the option accepts no extension.
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { connect, createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { bundle, converse, launch, tab } from "./browser.mjs";
import { allVersions, arrive, ask, assertTransport, dial, isOld, limit, mint, shown, startServer, transports } from "./harness.mjs";

const packages = { "4.8.4": "socket.io-client", "3.1.3": "socket.io-client-3", "2.5.0": "socket.io-client-2", "1.7.4": "socket.io-client-1" };
const accepted = /^sec-websocket-extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r?$/im;

let browser;
let server;
let plain;
before(async () => {
  const flags = ["-eio3", "-client-files", dirname(bundle("socket.io-client"))];
  [browser, server, plain] = await Promise.all([launch(), startServer([...flags, "-deflate"]), startServer(flags)]);
});
after(async () => {
  await browser?.close();
  await Promise.all([server?.stop(), plain?.stop()]);
});

// tap forwards connections to the server. It records what passes on those that become a WebSocket.
async function tap(t, { addr }) {
  const [host, port] = addr.split(":");
  const webSockets = [];
  const open = new Set();
  const proxy = createServer((client) => {
    const onward = connect(port, host);
    const record = { up: [], down: [] };
    client.once("data", (head) => { if (/^upgrade: websocket/im.test(head.toString("latin1"))) webSockets.push(record); });
    client.on("data", (data) => record.up.push(data));
    onward.on("data", (data) => record.down.push(data));
    for (const end of [client, onward]) {
      open.add(end);
      end.on("error", () => {});
      end.on("close", () => { client.destroy(); onward.destroy(); open.delete(end); });
    }
    client.pipe(onward).pipe(client);
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    proxy.close();
    open.forEach((end) => end.destroy());
  });
  const size = (direction) => webSockets.reduce((sum, record) => sum + Buffer.concat(record[direction]).length, 0);
  const response = () => Buffer.concat(webSockets[0].down).toString("latin1").split("\r\n\r\n")[0];
  return { addr, url: `http://127.0.0.1:${proxy.address().port}`, size, response };
}

const text = "a long text with Grüße 😀, again and again; ".repeat(400); // some 19 KB
const length = Buffer.byteLength(text);

for (const [version, io] of Object.entries(allVersions)) for (const transport of ["websocket", "upgrade"]) describe(`${version} by ${transport}`, () => {
  for (const compress of [true, false]) test(compress ? "messages are compressed in both directions" : "a server without the option compresses nothing", limit, async (t) => {
    const wire = await tap(t, compress ? server : plain);
    const socket = dial(t, io, wire.url, "/", { ...shown(io, { token: mint() }), transports: transports[transport], perMessageDeflate: { threshold: 0 } });
    await arrive(socket, "handshake");
    await assertTransport(socket, transport);
    for (let i = 0; i < 3; i++) {
      const [back, data] = await ask(socket, "echo", text, new Uint8Array(10_000).buffer);
      assert.equal(back, text);
      assert.deepEqual(new Uint8Array(data), new Uint8Array(10_000));
      assert.deepEqual(await ask(socket, "echo", i), [i]);
    }
    assert.equal(accepted.test(wire.response()), compress, wire.response());
    for (const direction of ["up", "down"]) {
      const size = wire.size(direction);
      assert.ok(compress ? size < length : size > 3 * length, `${direction}: ${size} bytes for three times ${length} and 10,000`);
    }
  });
});

for (const version of Object.keys(allVersions)) for (const transport of ["websocket", "upgrade"]) {
  test(`the bundle of ${version} in Chromium by ${transport}`, limit, async (t) => {
    const wire = await tap(t, server);
    const page = await tab(t, browser, `${wire.url}/page`);
    if (version !== "4.8.4") await page.addScriptTag({ path: bundle(packages[version]) });
    const io = allVersions[version];
    const bytes = Array(5000).fill(7);
    const outcome = await converse(page, {
      url: wire.url, texts: [text, "short", text], bytes,
      options: { ...(isOld(io) ? {} : { auth: { token: mint() } }), transports: transports[transport] },
      query: isOld(io) ? { token: mint() } : undefined,
    });
    assert.deepEqual(outcome.said, [text, "short", text].map((said) => [said, bytes]), JSON.stringify(outcome).slice(0, 300));
    assert.deepEqual(outcome.echoed[1], bytes);
    if (transport === "upgrade") return; // some messages have passed by polling
    assert.match(wire.response(), accepted);
    for (const direction of ["up", "down"]) assert.ok(wire.size(direction) < length, `${direction}: ${wire.size(direction)} bytes`);
  });
}
