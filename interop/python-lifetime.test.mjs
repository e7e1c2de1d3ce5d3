// A token's life with Debian's python3-socketio: warning, refresh, end, rights, revocation, tickets and opaque tokens.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { gates, here, issuer, limit, mint, pause, program, secret, start, startServer, transports } from "./harness.mjs";

// Only Debian's interpreter finds Debian's packages.
const python = process.env.PYTHON || "/usr/bin/python3";

// session runs python_session.py until the test ends. Its methods send one command each, and resolve with the answer.
function session(t) {
  const child = spawn(python, [join(here, "python_session.py")], { timeout: 180_000 });
  t.after(() => child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout });
  const failed = Promise.all([text(child.stderr), once(child, "exit")]).then(([err, how]) => {
    throw new Error(`python ended (${how})\n${err}`);
  });
  failed.catch(() => {});
  const command = async (...words) => {
    const answer = once(lines, "line");
    child.stdin.write(`${JSON.stringify(words)}\n`);
    return JSON.parse((await Promise.race([answer, failed]))[0]);
  };
  const methods = ["connect", "emit", "call", "heard", "story"];
  return Object.fromEntries(methods.map((name) => [name, (...args) => command(name, ...args)]));
}

// come connects a new session in that mode of the gate, shows the token, and resolves once the socket is admitted. A token that
// ends soon is a function that makes it, because on a busy machine the interpreter takes seconds to start.
async function come(t, { url, namespace, mode, token, payload = {}, ...options }) {
  const client = session(t);
  await client.story(); // it has started
  const credentials = () => ({ token: typeof token === "function" ? token() : token, ...payload });
  await client.connect(url, namespace, { transports: transports.websocket, ...options, ...(mode === "handshake" && { auth: credentials() }) });
  await client.heard("connect");
  if (mode === "handshake") return client;
  const told = await client.call("authenticate", credentials());
  assert.equal(told.error, undefined);
  return Object.assign(client, { told, args: await client.heard("authenticated") });
}

const soon = (seconds) => Math.floor(Date.now() / 1000) + seconds;

// A token that ends during a test lasts long enough for a busy machine to log in, and to refresh after the warning,
// which comes between half and three quarters of its time.
const short = 10;
const warned = 40;

// withoutID checks that a refusal has an ID, and returns the rest.
function withoutID({ id, ...rest }) {
  assert.match(id, /^\S+$/);
  return rest;
}

describe("a lease", { concurrency: true }, () => {
  let server;
  before(async () => { server = await startServer(["-leeway", "-1s"]); });
  after(() => server?.stop());

  test("the peer learns its time, is warned, and refreshes in place", limit, async (t) => {
    let exp;
    const client = await come(t, { url: server.url, namespace: "/life-event", token: () => mint({ sub: "ada", exp: exp = soon(warned) }), payload: { lease: true } });
    const { told, args } = client;
    assert.ok(told.expiresIn > 0 && told.expiresIn <= warned && told.refresh, JSON.stringify(told));
    assert.deepEqual(Object.keys(args[0]), ["expiresIn", "refresh"]);
    const [warning] = await client.heard("token_expiring");
    assert.ok(warning.expiresIn >= 0 && warning.expiresIn <= warned / 2, JSON.stringify(warning));
    const refreshed = await client.call("authenticate", { token: mint({ sub: "ada", visit: 2 }) });
    assert.ok(refreshed.expiresIn > warned && refreshed.refresh, JSON.stringify(refreshed));
    await pause(exp * 1000 + 1000 - Date.now()); // beyond the end of the first token
    assert.equal((await client.call("whoami")).visit, 2);
    const story = await client.story();
    const count = (wanted) => story.filter((event) => event === wanted).length;
    assert.deepEqual(["connect", "authenticated", "token_expiring", "disconnect"].map(count), [1, 1, 1, 0], story.join());
  });

  test("a client that asks in the handshake learns its time and is warned", limit, async (t) => {
    const client = await come(t, { url: server.url, namespace: "/life", mode: "handshake", token: () => mint({ exp: soon(warned) }), payload: { lease: true } });
    const [told] = await client.heard("authenticated");
    assert.ok(told.expiresIn > 0 && told.expiresIn <= warned && told.refresh, JSON.stringify(told));
    const [warning] = await client.heard("token_expiring");
    assert.ok(warning.expiresIn <= warned / 2, JSON.stringify(warning));
  });

  test("a refresh by another user is refused, and the lease stays", limit, async (t) => {
    const client = await come(t, { url: server.url, namespace: "/life-event", token: mint({ sub: "ada", visit: 1 }) });
    const { error } = await client.call("authenticate", { token: mint({ sub: "eve" }) });
    assert.deepEqual([error.code, error.reason], ["invalid_token", "subject_changed"]);
    assert.equal((await client.call("whoami")).visit, 1);
  });

  test("at the end the connection closes, or the socket leaves its namespace", limit, async (t) => {
    for (const namespace of ["/life-event", "/life-leave"]) {
      const client = await come(t, { url: server.url, namespace, token: () => mint({ exp: soon(short) }) });
      assert.equal((await client.heard("unauthorized"))[0].data.reason, "token_expired");
      await client.heard("disconnect");
    }
  });

  for (const transport of Object.keys(transports)) for (const [mode, namespace] of Object.entries({ handshake: "/life", event: "/life-event" })) {
    test(`at the end a client that reconnects comes back, ${mode} by ${transport}`, limit, async (t) => {
      // The Python client upgrades only if it has no list of transports.
      const place = { url: server.url, namespace, mode, transports: transport === "upgrade" ? null : transports[transport], reconnection: true };
      const client = await come(t, { ...place, token: () => mint({ exp: soon(short) }) });
      await client.heard("unauthorized");
      await client.heard("disconnect");
      if (mode === "handshake") {
        // It comes back with the same token, which is not valid any more.
        assert.equal((await client.heard("connect_error"))[0].data.reason, "token_expired");
        return;
      }
      await client.heard("connect");
      const told = await client.call("authenticate", { token: mint({ visit: 2 }) });
      assert.equal(told.error, undefined);
      assert.equal((await client.call("whoami")).visit, 2);
    });
  }

  test("at the end the socket becomes a guest, and may log in again", limit, async (t) => {
    const client = await come(t, { url: server.url, namespace: "/life-guest", token: () => mint({ sub: "ada", exp: soon(short) }) });
    assert.deepEqual(await client.call("rooms"), ["lobby"]);
    assert.equal((await client.heard("unauthorized"))[0].data.reason, "token_expired");
    assert.deepEqual(await client.call("rooms"), []);
    const told = await client.call("authenticate", { token: mint({ sub: "eve" }) });
    assert.ok(told.expiresIn > short, JSON.stringify(told));
    assert.equal((await client.call("whoami")).sub, "eve");
    assert.ok(!(await client.story()).includes("disconnect"));
  });
});

describe("rights", { concurrency: true }, () => {
  let server;
  before(async () => { server = await startServer(); });
  after(() => server?.stop());

  for (const [mode, namespace] of Object.entries({ handshake: "/rights", event: "/rights-event" })) {
    test(`an event needs a scope, which a refresh can bring, mode ${mode}`, limit, async (t) => {
      const sub = `python ${mode}`;
      const client = await come(t, { url: server.url, namespace, mode, token: mint({ sub, scope: "read", tenants: ["a"] }) });
      const { error } = await client.call("edit");
      assert.deepEqual(withoutID(error), { code: "forbidden", message: "insufficient scope", reason: "insufficient_scope" });
      await client.emit("edit");
      const [{ data }] = await client.heard("unauthorized");
      assert.deepEqual([data.code, data.reason, data.event], ["forbidden", "insufficient_scope", "edit"]);
      const told = await client.call("authenticate", { token: mint({ sub, jti: "2", scope: "read edit", tenants: ["b"] }) });
      assert.deepEqual([told.joined, told.left], [["tenant:b"], ["tenant:a"]]);
      assert.equal(await client.call("edit"), "done by 2");
      assert.deepEqual(await client.call("rooms"), ["lobby", "tenant:b", `user:${sub}`]);
    });
  }
});

describe("revocation", { concurrency: true }, () => {
  let server, url;
  before(async () => {
    server = await start(program("REVOKESERVER", "./revokeserver"), [], { JWT_SECRET: secret });
    url = `http://${JSON.parse(server.line).addr}`;
  });
  after(() => server?.stop());

  const told = { message: "jwt revoked", code: "invalid_token", type: "UnauthorizedError", reason: "token_revoked" };

  for (const transport of Object.keys(transports)) for (const [mode, namespace] of Object.entries(gates)) {
    test(`the socket leaves at once, stays away, and comes in with a new token, ${mode} by ${transport}`, limit, async (t) => {
      const sub = `python ${transport} ${mode}`;
      const token = mint({ sub });
      // The Python client upgrades only if it has no list of transports.
      const place = { url, namespace, mode, transports: transport === "upgrade" ? null : transports[transport] };
      const client = await come(t, { ...place, token, reconnection: true });
      assert.equal(await client.call("whoami"), sub);
      const response = await fetch(`${url}/revoke?${new URLSearchParams({ iss: issuer, sub })}`, { method: "POST" });
      assert.equal(await response.json(), 1);
      assert.deepEqual(withoutID((await client.heard("unauthorized"))[0].data), told);
      await client.heard("disconnect");
      await pause(1000);
      const connects = (await client.story()).filter((event) => event.startsWith("connect"));
      assert.deepEqual(connects, ["connect"], "the client came back");

      await client.connect(url, namespace, { transports: place.transports, ...(mode === "handshake" && { auth: { token } }) });
      if (mode === "handshake") assert.deepEqual(withoutID((await client.heard("connect_error"))[0].data), told);
      else {
        await client.heard("connect");
        assert.deepEqual(withoutID((await client.call("authenticate", { token })).error), told);
      }
      // iat has whole seconds, and the second of the revocation is over by now.
      const again = await come(t, { ...place, token: mint({ sub }) });
      assert.equal(await again.call("whoami"), sub);
    });
  }
});

test("a ticket in the URL admits once", limit, async (t) => {
  const server = await start(program("TICKETSERVER", "./ticketserver"), [], { JWT_SECRET: secret });
  t.after(server.stop);
  const url = `http://${JSON.parse(server.line).addr}`;
  for (const transport of Object.keys(transports)) {
    const response = await fetch(`${url}/ticket`, { method: "POST", headers: { authorization: `Bearer ${mint()}` } });
    const { ticket } = await response.json();
    const connect = async () => {
      const client = session(t);
      await client.connect(`${url}?${new URLSearchParams({ ticket })}`, "/", { transports: transport === "upgrade" ? null : transports[transport] });
      return client;
    };
    const client = await connect();
    await client.heard("connect");
    assert.equal(await client.call("whoami"), "alice");
    const [{ data }] = await (await connect()).heard("connect_error");
    assert.deepEqual([data.code, data.reason], ["invalid_token", "ticket_invalid"], transport);
  }
});

test("an opaque token is introspected", limit, async (t) => {
  const good = "a".repeat(43);
  const issuerServer = createServer(async (request, response) => {
    const active = new URLSearchParams(await text(request)).get("token") === good;
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify(active ? { active, sub: "python", iss: issuer, client_id: "chat", exp: soon(600) } : { active }));
  }).listen(0, "127.0.0.1");
  await once(issuerServer, "listening");
  t.after(() => { issuerServer.closeAllConnections(); issuerServer.close(); });
  const endpoint = `http://127.0.0.1:${issuerServer.address().port}/introspect`;
  const server = await start(program("TICKETSERVER", "./ticketserver"), ["-introspect", endpoint, "-issuer", issuer, "-client", "chat"], { CLIENT_SECRET: secret });
  t.after(server.stop);
  const url = `http://${JSON.parse(server.line).addr}`;
  const client = await come(t, { url, namespace: "/", mode: "handshake", token: good });
  assert.equal(await client.call("whoami"), "python");
  await client.connect(url, "/", { auth: { token: "b".repeat(43) } });
  const [{ data }] = await client.heard("connect_error");
  assert.deepEqual([data.code, data.reason], ["invalid_token", "token_revoked"]);
});
