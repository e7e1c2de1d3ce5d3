// The package of clients/js in headless Chromium, loaded as the module that it is, beside the published bundles.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, serveElsewhere, tab } from "./browser.mjs";
import { limit, mint, refusals, startServer, transports } from "./harness.mjs";

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

const clients = { "4.8.4": "socket.io-client", "3.1.3": "socket.io-client-3", "2.5.0": "socket.io-client-2", "1.7.4": "socket.io-client-1" };

// visit runs in the page, sent there as text: it connects in one of the ways of the package, loses its connection, and says
// what it saw until it was back, or refused.
function visit({ url, way, old, tokens, transports }) {
  const { authenticate, freshQuery, freshToken, keepAuthenticated, refusal } = window.package;
  const getToken = async () => tokens.shift();
  const inHandshake = way === "fresh";
  const socket = io(url + (inHandshake ? "" : "/admin"), {
    forceNew: true, autoConnect: false, transports, reconnectionDelay: 50, auth: inHandshake && !old ? freshToken(getToken) : undefined,
  });
  if (inHandshake && old) freshQuery(socket, getToken);
  const subjects = [];
  return new Promise((resolve) => {
    const end = (more) => {
      resolve({ subjects, ...more });
      socket.close();
    };
    setTimeout(() => end({ late: true }), 60_000);
    socket.on("welcome", (subject) => {
      subjects.push(subject);
      if (subjects.length === 2) end();
      else if (way === "once") authenticate(socket, getToken).then(() => end({ again: true }));
      else socket.io.engine.close();
    });
    const told = (error) => { if (error) end({ refused: refusal(error), message: error.message }); };
    if (inHandshake) for (const event of ["connect_error", "error"]) socket.on(event, told);
    if (way === "kept") keepAuthenticated(socket, getToken, told);
    if (way === "once") authenticate(socket, getToken).catch(told);
    socket.open();
  });
}

for (const [version, client] of Object.entries(clients)) describe(`beside the bundle of ${version} in Chromium`, () => {
  const old = version < "3";
  let server;
  let page;
  const ending = [];
  before(async () => {
    const all = { after: (end) => ending.unshift(end) }; // instead of one test
    const origin = `http://127.0.0.1:${await serveElsewhere(all, client)}`;
    server = await startServer(["-origin", origin, ...(old ? ["-eio3"] : [])]);
    all.after(server.stop);
    page = await tab(all, browser, origin);
    await page.addScriptTag({ type: "module", content: 'import * as all from "/socketio-jwt-client.js"; window.package = all;' });
    await page.waitForFunction(() => window.package);
  });
  after(async () => { for (const end of ending) await end(); });

  const run = (way, transport, tokens) =>
    page.evaluate(`(${visit})(${JSON.stringify({ url: server.url, way, old, tokens, transports: transports[transport] })})`);

  for (const transport of Object.keys(transports)) {
    for (const way of ["fresh", "kept"]) test(`${way} by ${transport}: it comes back with a fresh token`, limit, async () => {
      const outcome = await run(way, transport, [mint({ sub: "first" }), mint({ sub: "second" })]);
      assert.deepEqual(outcome, { subjects: ["first", "second"] });
    });

    test(`once by ${transport}: it is let in, and hears so again`, limit, async () => {
      assert.deepEqual(await run("once", transport, [mint(), mint()]), { subjects: ["alice"], again: true });
    });

    for (const way of ["fresh", "kept", "once"]) test(`${way} by ${transport}: it knows a refusal`, limit, async () => {
      const { told, payload } = refusals.expired;
      const { subjects, refused } = await run(way, transport, [payload().token]);
      assert.deepEqual(subjects, []);
      assert.deepEqual({ ...refused, id: typeof refused?.id }, { ...told, type: "UnauthorizedError", id: "string", temporary: false });
    });
  }
});
