// WebTransport: the bundle of socket.io-client in Chromium, over QUIC on the loopback interface. Node has no WebTransport of its own.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, serveElsewhere, tab } from "./browser.mjs";
import { limit, mint, startServer } from "./harness.mjs";

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

// visit connects from a page. The server admits pages of that origin, or of another one.
async function visit(t, { payload = { token: mint({ sub: "quic" }) }, namespace = "/", foreign = false, size = 30_000 } = {}) {
  const port = await serveElsewhere(t);
  const server = await startServer(["-webtransport", "-heartbeat", "1s", "-origin", foreign ? "https://other.example" : `http://127.0.0.1:${port}`]);
  t.after(() => server.stop());
  const { webtransport, hash } = JSON.parse(server.line);
  const page = await tab(t, browser, `http://127.0.0.1:${port}/`);
  return page.evaluate(`(${talk})(io, ${JSON.stringify({ url: `https://${webtransport}${namespace}`, hash, payload, size })})`);
}

// talk runs in the page.
function talk(io, { url, hash, payload, size }) {
  return new Promise((resolve) => {
    const value = Uint8Array.from(atob(hash), (c) => c.charCodeAt(0));
    const socket = io(url, {
      auth: payload, reconnection: false, forceNew: true, transports: ["webtransport"],
      transportOptions: { webtransport: { serverCertificateHashes: [{ algorithm: "sha-256", value }] } },
    });
    const outcome = {};
    const end = (more) => {
      resolve({ ...outcome, ...more });
      socket.disconnect();
    };
    socket.on("connect_error", (error) => end({ error: error.message, code: error.data?.code }));
    socket.on("disconnect", (reason) => end({ reason }));
    socket.on("connect", () => {
      outcome.transport = socket.io.engine.transport.name;
      const text = "é".repeat(size);
      socket.emit("echo", text, new Uint8Array([0, 127, 128, 255]), (back, data) => {
        Object.assign(outcome, { same: back === text, data: Array.from(new Uint8Array(data)) });
        let pings = 0;
        socket.io.engine.on("ping", () => { if (++pings === 2) end({ pings }); });
      });
    });
  });
}

test("a good token is let in, text and bytes come back, and pings arrive", limit, async (t) => {
  assert.deepEqual(await visit(t), { transport: "webtransport", same: true, data: [0, 127, 128, 255], pings: 2 });
});

test("a bad token is refused, and the client is told why", limit, async (t) => {
  const { error, code, transport } = await visit(t, { payload: { token: mint({ exp: 1 }) } });
  assert.deepEqual([error, code, transport], ["jwt expired", "invalid_token", undefined]);
});

test("a message beyond the limit ends the connection", limit, async (t) => {
  const { reason, same } = await visit(t, { size: 600_000 });
  assert.deepEqual([reason, same], ["transport error", undefined]);
});

test("a page of a foreign origin is refused", limit, async (t) => {
  const { error, transport } = await visit(t, { foreign: true });
  assert.deepEqual([error, transport], ["webtransport error", undefined]);
});
