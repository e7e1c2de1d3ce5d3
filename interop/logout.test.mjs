// A user who logs out at an OpenID Connect issuer, npm oidc-provider, leaves every socket of the session, on the node that received
// the logout token and on one that is joined with it by a bus.
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import Provider from "oidc-provider";
import io2 from "socket.io-client-2";
import { io as io4 } from "socket.io-client";
import { attempt, dial, heard, isOld, limit, pause, program, shown, start, within } from "./harness.mjs";

const client = "chat-web";
const clientSecret = randomBytes(32).toString("hex");
const api = "https://chat.example";
const callback = "https://app.example/callback";

let issuer, nodes, provider, web, server;
const outcomes = []; // of the logout tokens that the issuer has sent

before(async () => {
  web = createServer((request, response) => provider.callback()(request, response));
  await new Promise((resolve) => web.listen(0, "127.0.0.1", resolve));
  issuer = `http://127.0.0.1:${web.address().port}`;
  server = await start(program("LOGOUTSERVER", "./logoutserver"), ["-issuer", issuer, "-client", client, "-api", api], {});
  nodes = JSON.parse(server.line).nodes.map((address) => `http://${address}`);
  provider = new Provider(issuer, configuration());
  provider.on("backchannel.success", () => outcomes.push("success"));
  provider.on("backchannel.error", (ctx, error) => outcomes.push(error.message));
});

after(async () => {
  await server?.stop();
  web?.closeAllConnections();
  web?.close();
});

function configuration() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return {
    clients: [{
      client_id: client,
      client_secret: clientSecret,
      redirect_uris: [callback],
      backchannel_logout_uri: `${nodes[0]}/logout`,
      backchannel_logout_session_required: true,
    }],
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: "k1" }] },
    cookies: { keys: [randomBytes(16).toString("hex")] },
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    features: {
      backchannelLogout: { enabled: true },
      devInteractions: { enabled: true },
      rpInitiatedLogout: { enabled: true, logoutSource: (ctx, form) => { ctx.body = form; } },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({ scope: "chat", accessTokenFormat: "jwt", audience: api }),
      },
    },
    // Access tokens have no sid by default.
    extraTokenClaims: (ctx, token) => token.sid && { sid: token.sid },
  };
}

// A Browser keeps cookies and follows the issuer's redirects, as far as the application's callback.
class Browser {
  cookies = new Map();

  async request(url, form) {
    const response = await fetch(url, {
      method: form ? "POST" : "GET",
      body: form && new URLSearchParams(form),
      headers: { cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
      redirect: "manual",
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
      if (value) this.cookies.set(name, value);
      else this.cookies.delete(name);
    }
    const text = await response.text();
    assert.ok(response.status < 400, `${url}: ${response.status} ${text}`);
    return { text, location: response.headers.get("location") && new URL(response.headers.get("location"), url).href };
  }

  // login returns an access token and an ID token for a user.
  async login(user) {
    const verifier = randomBytes(32).toString("base64url");
    let { location } = await this.request(`${issuer}/auth?` + new URLSearchParams({
      client_id: client, response_type: "code", redirect_uri: callback, scope: "openid chat", resource: api,
      code_challenge: createHash("sha256").update(verifier).digest("base64url"), code_challenge_method: "S256",
    }));
    while (!location.startsWith(callback)) {
      const page = await this.request(location);
      location = page.location;
      if (location) continue;
      const [, action] = /action="([^"]+)"/.exec(page.text);
      const [, prompt] = /name="prompt" value="([^"]+)"/.exec(page.text);
      ({ location } = await this.request(action, { prompt, login: user, password: "any" }));
    }
    const response = await fetch(`${issuer}/token`, {
      method: "POST",
      headers: { authorization: `Basic ${Buffer.from(`${client}:${clientSecret}`).toString("base64")}` },
      body: new URLSearchParams({
        grant_type: "authorization_code", code: new URL(location).searchParams.get("code"), redirect_uri: callback, code_verifier: verifier, resource: api,
      }),
    });
    const tokens = await response.json();
    assert.ok(response.ok, JSON.stringify(tokens));
    return { access: tokens.access_token, id: tokens.id_token };
  }

  // logout logs the user out at the issuer.
  async logout(idToken) {
    const { text } = await this.request(`${issuer}/session/end?` + new URLSearchParams({ id_token_hint: idToken }));
    const [, action] = /action="([^"]+)"/.exec(text);
    const [, xsrf] = /name="xsrf" value="([^"]+)"/.exec(text);
    await this.request(action, { xsrf, logout: "yes" });
  }
}

// enter connects a socket that reconnects by itself, and waits until it is admitted.
async function enter(t, io, url, namespace, token) {
  const socket = dial(t, io, url, namespace, { transports: ["websocket"], reconnection: true, reconnectionDelay: 50, ...shown(io, { token }) });
  const refused = new Promise((_, reject) => {
    for (const event of ["connect_error", "error"]) socket.once(event, (error) => reject(new Error(`refused: ${JSON.stringify(error.data ?? error)}`)));
  });
  await Promise.race([heard(socket, "connect"), refused]);
  return socket;
}

// ended resolves with what a socket was told, and when it ended.
function ended(socket) {
  let told;
  socket.once("unauthorized", (error) => { told = error; });
  return within(new Promise((resolve) => {
    socket.once("disconnect", (reason) => resolve({ reason, told: told?.data?.reason, at: performance.now() }));
  }), "the end of a socket");
}

// session logs a user in and opens sockets with the tokens on both nodes.
async function session(t, user) {
  const browser = new Browser();
  const tokens = await browser.login(user);
  const sockets = await Promise.all(nodes.flatMap((url) => [
    enter(t, io4, url, "/", tokens.access),
    enter(t, io4, url, "/id", tokens.id),
    enter(t, io2, url, "/", tokens.access),
  ]));
  return { browser, tokens, sockets };
}

test("a user who logs out leaves every socket of the session within a second", limit, async (t) => {
  const another = await session(t, "ada"); // the same user in another browser
  const bob = await session(t, "bob");
  const others = [...another.sockets, ...bob.sockets];
  const times = [];
  for (let attempts = 0; attempts < 3; attempts++) {
    const ada = await session(t, "ada");
    const ends = ada.sockets.map(ended);
    const begun = performance.now();
    await ada.browser.logout(ada.tokens.id);
    for (const { reason, told, at } of await Promise.all(ends)) {
      assert.equal(reason, "io server disconnect"); // so that clients do not reconnect
      assert.equal(told, "token_revoked");
      times.push({ attempts, ms: at - begun });
    }
    assert.deepEqual(outcomes.splice(0), ["success"]);
    assert.deepEqual(others.filter((socket) => !socket.connected), []);

    // The tokens of the session are refused on both nodes from then on.
    for (const url of nodes) {
      for (const [namespace, token] of [["/", ada.tokens.access], ["/id", ada.tokens.id]]) {
        const outcome = await attempt(io4, { url, namespace, mode: "handshake", payload: { token }, transports: ["websocket"] });
        assert.equal(outcome.admitted, false);
        assert.equal(outcome.error.data.reason, "token_revoked");
        assert.equal(outcome.error.data.code, "invalid_token");
      }
    }
    // The machine may be busy, so one of three attempts is enough.
    if (times.every((time) => time.attempts !== attempts || time.ms < 1000)) break;
  }
  const last = times.at(-1).attempts;
  assert.ok(times.every((time) => time.attempts !== last || time.ms < 1000), JSON.stringify(times));

  t.diagnostic(`the last of ${times.length} sockets ended after ${Math.round(Math.max(...times.map((time) => time.ms)))} ms`);
  await pause(200); // longer than the delay of a reconnection
  assert.ok(others.every((socket) => socket.connected));
});

test("a user who logs in again is admitted", limit, async (t) => {
  const first = await session(t, "ada");
  const ends = first.sockets.map(ended);
  await first.browser.logout(first.tokens.id);
  await Promise.all(ends);
  const tokens = await first.browser.login("ada");
  for (const url of nodes) {
    const socket = await enter(t, io4, url, "/", tokens.access);
    assert.equal(await new Promise((resolve) => socket.emit("whoami", resolve)), "ada");
  }
});

test("an ID token and an access token do not log out", limit, async (t) => {
  const { tokens, sockets } = await session(t, "ada");
  for (const token of [tokens.id, tokens.access]) {
    const response = await fetch(`${nodes[0]}/logout`, { method: "POST", body: new URLSearchParams({ logout_token: token }) });
    assert.equal(response.status, 400);
    assert.equal(response.headers.get("cache-control"), "no-store");
    assert.equal((await response.json()).error, "invalid_request");
  }
  assert.ok(sockets.every((socket) => socket.connected));
});
