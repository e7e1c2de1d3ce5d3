// Headless Chromium, and pages from other origins.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { once } from "node:events";
import { dirname, join } from "node:path";
import puppeteer from "puppeteer-core";
import { attempt } from "./harness.mjs";

const require = createRequire(import.meta.url);

// bundle is the file of the published browser bundle of a client package.
export const bundle = (name) => join(dirname(require.resolve(`${name}/package.json`)), "dist", "socket.io.js");

export function launch() {
  return puppeteer.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    pipe: true,
    args: [
      // Chromium's sandbox refuses to run as root; the pages here are our own.
      ...(process.getuid() === 0 ? ["--no-sandbox"] : []),
      "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
  });
}

// tab opens a page in a profile of its own, without cookies, which ends with the test.
export async function tab(t, browser, url) {
  const context = await browser.createBrowserContext();
  t.after(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(url);
  return page;
}

// attemptIn runs attempt in a page that has the browser bundle as `io`.
export const attemptIn = (page, options) => page.evaluate(`(${attempt})(io, ${JSON.stringify(options)})`);

// serveElsewhere serves an empty page with a bundle at another port, hence from another origin, and gives that port. Beside it
// is the module of clients/js.
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
