// Headless Chromium, and pages from other origins.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { once } from "node:events";
import { dirname, join } from "node:path";
import puppeteer from "puppeteer-core";
import { attempt, patience } from "./harness.mjs";

const require = createRequire(import.meta.url);

// bundle is the path of the published browser bundle of a client package.
export const bundle = (name) => join(dirname(require.resolve(`${name}/package.json`)), "dist", "socket.io.js");

export function launch(options) {
  return puppeteer.launch({
    ...options,
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    pipe: true,
    args: [
      // Chromium's sandbox refuses to run as root; the pages here are our own.
      ...(process.getuid() === 0 ? ["--no-sandbox"] : []),
      "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
  });
}

// tab opens a page in a new profile without cookies. It ends with the test.
export async function tab(t, browser, url) {
  const context = await browser.createBrowserContext();
  t.after(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  await page.goto(url);
  return page;
}

// attemptIn runs attempt in a page that has the browser bundle as `io`.
export const attemptIn = (page, options) => page.evaluate(`(${attempt})(io, ${JSON.stringify(options)})`);

// converse lets a page send texts, each with bytes, and returns what came back: by acknowledgement, and as events.
export const converse = (page, options) => page.evaluate(`(${talk})(io, ${JSON.stringify(options)})`);

// talk runs in a page, as attempt does.
function talk(io, { url, query, texts, bytes, options }) {
  return new Promise((resolve) => {
    const socket = io(url, { forceNew: true, reconnection: false, query, ...options });
    const outcome = { said: [] };
    const timer = setTimeout(() => end({ late: true }), 60_000);
    const end = (more) => {
      clearTimeout(timer);
      resolve({ ...outcome, ...more });
      socket.disconnect();
    };
    for (const failure of ["error", "connect_error", "disconnect"]) socket.on(failure, (why) => end({ [failure]: why.message || why }));
    const buffer = Uint8Array.from(bytes).buffer;
    const numbers = (data) => Array.from(new Uint8Array(data));
    socket.on("said", (who, text, data) => {
      if (outcome.said.push([text, numbers(data)]) === texts.length) end();
    });
    socket.on("connect", () => socket.emit("echo", texts, buffer, (back, data) => {
      outcome.echoed = [back, numbers(data)];
      for (const text of texts) socket.emit("say", text, buffer);
    }));
  });
}

// serveElsewhere serves an empty page with a bundle on another port, hence from another origin, and returns that port. It also
// serves the module of clients/js.
export async function serveElsewhere(t, client = "socket.io-client") {
  const scripts = {
    "/socket.io.js": readFileSync(bundle(client)),
    "/socketio-jwt-client.js": readFileSync(new URL("../clients/js/index.js", import.meta.url)),
  };
  const server = createServer((request, response) => {
    const script = scripts[request.url];
    if (script) return response.setHeader("Content-Type", "text/javascript").end(script);
    response.setHeader("Content-Type", "text/html").end('<!doctype html><title>elsewhere</title><script src="/socket.io.js"></script>');
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return server.address().port;
}
