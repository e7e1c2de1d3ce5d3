// The published browser bundles in headless Chromium: on our own page, and on pages of other origins, which are refused.
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { after, before, describe, test } from "node:test";
import { attemptIn, bundle, converse, launch, serveElsewhere, tab } from "./browser.mjs";
import { allVersions, assertRefused, door, gates, limit, mint, oldVersions, patience, pause, refusals, startServer, toldTo, transports } from "./harness.mjs";

const packages = { "4.8.4": "socket.io-client", "3.1.3": "socket.io-client-3", "2.5.0": "socket.io-client-2", "1.7.4": "socket.io-client-1" };
const final = (transport) => (transport === "polling" ? "polling" : "websocket");

let browser;
let server;
before(async () => { [browser, server] = await Promise.all([launch(), startServer(["-client-files", dirname(bundle("socket.io-client")), "-eio3"])]); });
after(async () => {
  await browser?.close();
  await server?.stop();
});

// The page of the test server loads the bundle of 4.8.4 from the server's own /socket.io/socket.io.js.
async function home(t, version = "4.8.4") {
  const page = await tab(t, browser, `${server.url}/page`);
  if (version !== "4.8.4") await page.addScriptTag({ path: bundle(packages[version]) });
  return page;
}

for (const [version, io] of Object.entries(allVersions)) for (const transport of Object.keys(transports)) for (const mode of Object.keys(gates)) {
  describe(`the bundle of ${version} in Chromium by ${transport}, ${mode} mode`, () => {
    const visit = (page, payload) => attemptIn(page, {
      url: server.url, namespace: door(io, mode, transport), mode, payload, transports: transports[transport], afterUpgrade: transport === "upgrade",
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
      for (const [name, refusal] of Object.entries(refusals)) await t.test(name, limit, async () => {
        const outcome = await visit(page, refusal.payload());
        assertRefused(outcome, toldTo(io, mode, refusal));
        assert.equal(outcome.transport, final(transport));
      });
    });
  });
}

// The two kinds of foreign origins: "same-site", another port of the same host, and "cross-site", another host.
const elsewhere = { "another port": "127.0.0.1", "another host": "localhost" };

// The upgrade is left out: a page that may not poll never gets that far.
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
      for (let waited = 0; !logged() && waited < patience; waited += 20) await pause(20); // the log comes through another pipe
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

for (const version of Object.keys(allVersions)) for (const transport of Object.keys(transports)) {
  test(`the cookie of our own page is a token, with ${version} by ${transport}`, limit, async (t) => {
    const page = await home(t, version);
    await page.evaluate(`document.cookie = "token=${mint({ sub: "cookie" })}; path=/; SameSite=Strict"`);
    const outcome = await attemptIn(page, { url: server.url, namespace: "/cookie", mode: "handshake", transports: transports[transport], undeterred: true });
    assert.equal(outcome.claims?.sub, "cookie", JSON.stringify(outcome));
  });
}

// The encodings that the old bundles use for their packets.
const ways = {
  polling: { transports: transports.polling },
  websocket: { transports: transports.websocket },
  upgrade: { transports: transports.upgrade },
  JSONP: { transports: transports.polling, forceJSONP: true },
  "polling, with base64": { transports: transports.polling, forceBase64: true },
  "websocket, with base64": { transports: transports.websocket, forceBase64: true },
};
const texts = ["größe ÿ", "日本語 😀", "a\nb", "a\\nb", "a\\\nb \\\\n \r\n", "\u2028 \u2029", "\"quotes' `${x}` </script><!--", "% %20 + & = ;", " "];
const bytes = Array.from({ length: 256 }, (_, n) => n);

for (const version of Object.keys(oldVersions)) for (const [way, options] of Object.entries(ways)) {
  test(`texts and bytes with the bundle of ${version} by ${way}`, limit, async (t) => {
    const page = await home(t, version);
    const requests = [];
    const binary = [];
    page.on("request", (request) => requests.push(new URL(request.url())));
    page.on("response", (response) => response.headers()["content-type"] === "application/octet-stream" && binary.push(response.url()));
    const outcome = await converse(page, { url: server.url, query: { token: mint() }, texts, bytes, options });
    assert.deepEqual(outcome, { echoed: [texts, bytes], said: texts.map((text) => [text, bytes]) });
    // Check that it is the version it should be.
    const polls = requests.filter(({ searchParams }) => searchParams.get("transport") === "polling");
    assert.equal(polls.length > 0, options.transports.includes("polling"));
    assert.equal(polls.every(({ searchParams }) => searchParams.has("j")), way === "JSONP" || polls.length === 0);
    if (way === "polling") assert.ok(binary.length > 0, "no payload of bytes");
    if (way === "JSONP" || options.forceBase64) assert.deepEqual(binary, []);
  });
}

for (const version of Object.keys(oldVersions)) for (const [where, host] of Object.entries(elsewhere)) {
  describe(`a page from ${where} with the bundle of ${version}`, () => {
    // abroad opens such a page, with a logged-in user's token as a cookie, and also returns its origin.
    const abroad = async (t) => {
      const origin = `http://${host}:${await serveElsewhere(t, packages[version])}`;
      const page = await tab(t, browser, origin);
      await page.browserContext().setCookie({ name: "token", value: mint({ sub: "cookie" }), domain: new URL(server.url).hostname, path: "/" });
      return { page, origin };
    };
    const welcoming = async (t, flags) => {
      const friendly = await startServer(["-eio3", ...flags]);
      t.after(() => friendly.stop());
      return friendly;
    };
    const knock = (page, to, more) => attemptIn(page, { url: to.url, mode: "handshake", ...more });
    // The token in the query, or the cookie.
    const keys = () => [{ namespace: "/", payload: { token: mint({ sub: "query" }) } }, { namespace: "/cookie", undeterred: true }];

    test("stays outside, by token and by cookie", limit, async (t) => {
      const { page } = await abroad(t);
      for (const transport of ["polling", "websocket"]) for (const key of keys()) {
        const outcome = await knock(page, server, { transports: transports[transport], ...key });
        assert.equal(outcome.admitted, false);
        assert.equal(outcome.error?.message, transport === "polling" ? "xhr poll error" : "websocket error", JSON.stringify(outcome));
      }
    });

    test("is let in where its origin is listed, by token and by cookie", limit, async (t) => {
      const { page, origin } = await abroad(t);
      const friendly = await welcoming(t, ["-origin", origin]);
      for (const transport of Object.keys(transports)) {
        const byToken = await knock(page, friendly, { transports: transports[transport], ...keys()[0] });
        assert.equal(byToken.claims?.sub, "query", JSON.stringify(byToken));
        assert.deepEqual(byToken.echoed, [0, 1, 127, 128, 255]);
        // To another host the browser itself sends no cookie of this kind.
        if (host !== "127.0.0.1") continue;
        const byCookie = await knock(page, friendly, { transports: transports[transport], ...keys()[1] });
        assert.equal(byCookie.claims?.sub, "cookie", JSON.stringify(byCookie));
      }
    });

    test("is let in by token but never by cookie where the rule is waived", limit, async (t) => {
      const { page } = await abroad(t);
      const careless = await welcoming(t, ["-insecure-any-origin"]);
      for (const transport of Object.keys(transports)) {
        const byToken = await knock(page, careless, { transports: transports[transport], ...keys()[0] });
        assert.equal(byToken.claims?.sub, "query", JSON.stringify(byToken));
        assertRefused(await knock(page, careless, { transports: transports[transport], namespace: "/cookie" }), refusals.missing.told);
      }
    });

    test("gets nothing by JSONP, listed or not", limit, async (t) => {
      const { page, origin } = await abroad(t);
      for (const to of [server, await welcoming(t, ["-origin", origin])]) for (const key of keys()) {
        const outcome = await knock(page, to, { transports: transports.polling, options: { forceJSONP: true }, ...key });
        assert.equal(outcome.admitted, false);
        assert.equal(outcome.error?.message, "jsonp poll error", JSON.stringify(outcome));
      }
    });
  });
}
