// The published browser bundles in headless Chromium: on our own page, and on pages of other origins, which stay outside.
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { after, before, describe, test } from "node:test";
import { attemptIn, bundle, launch, serveElsewhere, tab } from "./browser.mjs";
import { assertRefused, gates, mint, pause, refusals, startServer, transports } from "./harness.mjs";

const limit = { timeout: 60_000 };
const clientFiles = ["-client-files", dirname(bundle("socket.io-client"))];
const final = (transport) => (transport === "polling" ? "polling" : "websocket");

let browser;
let server;
before(async () => { [browser, server] = await Promise.all([launch(), startServer(clientFiles)]); });
after(async () => {
  await browser?.close();
  await server?.stop();
});

// The page of the test server loads the bundle of 4.8.4 from the server's own /socket.io/socket.io.js.
async function home(t, version) {
  const page = await tab(t, browser, `${server.url}/page`);
  if (version === "3.1.3") await page.addScriptTag({ path: bundle("socket.io-client-3") });
  return page;
}

for (const version of ["4.8.4", "3.1.3"]) for (const transport of Object.keys(transports)) for (const mode of Object.keys(gates)) {
  describe(`the bundle of ${version} in Chromium by ${transport}, ${mode} mode`, () => {
    const visit = (page, payload) => attemptIn(page, {
      url: server.url, namespace: gates[mode], mode, payload, transports: transports[transport], afterUpgrade: transport === "upgrade",
    });

    test("a good token is let in, and binary comes back", limit, async (t) => {
      const outcome = await visit(await home(t, version), { token: mint({ sub: "browser" }) });
      assert.equal(outcome.admitted, true, JSON.stringify(outcome));
      assert.equal(outcome.transport, final(transport));
      assert.equal(outcome.claims.sub, "browser");
      assert.deepEqual(outcome.echoed, [0, 1, 127, 128, 255]);
    });

    test("no bad token is let in, and each is told why", limit, async (t) => {
      const page = await home(t, version);
      for (const [name, { payload, told }] of Object.entries(refusals)) await t.test(name, limit, async () => {
        const outcome = await visit(page, payload());
        assertRefused(outcome, told);
        assert.equal(outcome.transport, final(transport));
      });
    });
  });
}

// The two ways to be another origin: "same-site", another port of the same host, and "cross-site", another host.
const elsewhere = { "another port": "127.0.0.1", "another host": "localhost" };

// The upgrade is left out: a page that may not poll never comes to it.
for (const transport of ["polling", "websocket"]) for (const [where, host] of Object.entries(elsewhere)) {
  describe(`a page from ${where} by ${transport}`, () => {
    const visit = (page, to, more) => attemptIn(page, { url: to.url, namespace: "/", mode: "handshake", transports: transports[transport], ...more });
    const withCookie = { namespace: "/cookie", options: { withCredentials: true } };
    const setCookie = (page, to) => page.browserContext().setCookie({ name: "token", value: mint({ sub: "cookie" }), domain: new URL(to.url).hostname, path: "/" });

    const assertTurnedAway = async (outcome, origin) => {
      assert.equal(outcome.admitted, false, JSON.stringify(outcome));
      // The transport failed; no namespace answered.
      assert.match(outcome.error.message, /^(xhr poll error|websocket error)$/);
      const logged = () => server.log.some((line) => line.includes(origin) && line.includes("Origins"));
      for (let waited = 0; !logged() && waited < 5_000; waited += 20) await pause(20); // the log comes by a pipe of its own
      assert.ok(logged(), `no line in the log names ${origin} and the option`);
    };

    test("stays outside with the best of tokens", limit, async (t) => {
      const origin = `http://${host}:${await serveElsewhere(t)}`;
      const page = await tab(t, browser, origin);
      await assertTurnedAway(await visit(page, server, { payload: { token: mint() } }), origin);
    });

    test("stays outside with the cookie of a person who is logged in", limit, async (t) => {
      const origin = `http://${host}:${await serveElsewhere(t)}`;
      const page = await tab(t, browser, origin);
      await setCookie(page, server);
      await assertTurnedAway(await visit(page, server, withCookie), origin);
    });

    test("is let in where its origin is listed, by token and by cookie", limit, async (t) => {
      const origin = `http://${host}:${await serveElsewhere(t)}`;
      const friendly = await startServer(["-origin", origin]);
      t.after(() => friendly.stop());
      const page = await tab(t, browser, origin);
      const byToken = await visit(page, friendly, { payload: { token: mint({ sub: "friend" }) } });
      assert.equal(byToken.claims?.sub, "friend", JSON.stringify(byToken));
      assert.equal(byToken.transport, transport);
      // To another host the browser itself sends no cookie of this kind.
      if (host !== "127.0.0.1") return;
      await setCookie(page, friendly);
      const byCookie = await visit(page, friendly, withCookie);
      assert.equal(byCookie.claims?.sub, "cookie", JSON.stringify(byCookie));
    });

    test("is let in by token but never by cookie where the rule is waived", limit, async (t) => {
      const origin = `http://${host}:${await serveElsewhere(t)}`;
      const careless = await startServer(["-insecure-any-origin"]);
      t.after(() => careless.stop());
      const page = await tab(t, browser, origin);
      const byToken = await visit(page, careless, { payload: { token: mint({ sub: "anybody" }) } });
      assert.equal(byToken.claims?.sub, "anybody", JSON.stringify(byToken));
      await setCookie(page, careless);
      assertRefused(await visit(page, careless, { namespace: "/cookie" }), refusals.missing.told);
    });
  });
}

for (const transport of Object.keys(transports)) test(`the cookie of our own page is a token, by ${transport}`, limit, async (t) => {
  const page = await home(t);
  await page.evaluate(`document.cookie = "token=${mint({ sub: "cookie" })}; path=/; SameSite=Strict"`);
  const outcome = await attemptIn(page, { url: server.url, namespace: "/cookie", mode: "handshake", transports: transports[transport] });
  assert.equal(outcome.claims?.sub, "cookie", JSON.stringify(outcome));
});
