// What a token lets its bearer do: rooms from its claims, events that need rights, and rooms that a client asks for.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { allVersions, ask, assertRefused, attempt, dial, enter, heard, isOld, limit, mint, startServer } from "./harness.mjs";

const clients = ["4.8.4", "2.5.0"];

let server;
let oldServer;
before(async () => { [server, oldServer] = await Promise.all([startServer(), startServer(["-eio3"])]); });
after(() => Promise.all([server?.stop(), oldServer?.stop()]));

const modes = { handshake: "/rights", event: "/rights-event" };
const now = () => Math.floor(Date.now() / 1000);

// outcome returns the answer of an event without its id, which must be there if the event was refused.
async function outcome(socket, event, ...args) {
  const [answer] = await ask(socket, event, ...args);
  if (answer?.error?.code) {
    assert.match(answer.error.id, /^\S+$/);
    delete answer.error.id;
  }
  return answer;
}

const forbidden = (message, reason) => ({ error: { code: "forbidden", message, reason } });

const rooms = async (socket) => (await ask(socket, "rooms"))[0];

for (const version of clients) {
  const io = allVersions[version];
  const at = () => (isOld(io) ? oldServer : server);

  for (const [mode, namespace] of Object.entries(modes)) describe(`${version}, mode ${mode}`, { concurrency: true }, () => {
    const come = (t, claims) => enter(t, io, { url: at().url, transport: "websocket", mode, namespace, token: mint({ sub: `${version}-${mode}-${t.name}`, ...claims }) });

    test("rooms", limit, async (t) => {
      const sub = `${version}-${mode}-rooms`;
      const tenants = [`${sub}-a`, `${sub}-b`];
      const socket = await come(t, { sub, tenants });
      assert.deepEqual(await rooms(socket), ["lobby", ...tenants.map((name) => `tenant:${name}`), `user:${sub}`]);
      const news = heard(socket, "news");
      await at().broadcast({ namespace, room: `tenant:${tenants[1]}` }, "news", 1);
      assert.deepEqual(await news, [1]);
      // A refresh moves the socket, and its acknowledgement says so.
      const [told] = await ask(socket, "authenticate", { token: mint({ sub, tenants: [tenants[1], `${sub}-c`] }) });
      assert.ok(told.refresh && told.expiresIn > 0 && !told.error, JSON.stringify(told));
      assert.deepEqual([told.joined, told.left], [[`tenant:${sub}-c`], [`tenant:${sub}-a`]]);
      assert.deepEqual(await rooms(socket), ["lobby", `tenant:${sub}-b`, `tenant:${sub}-c`, `user:${sub}`]);
      const again = await ask(socket, "authenticate", { token: mint({ sub, tenants: [`${sub}-c`, `${sub}-b`] }) });
      assert.ok(!("joined" in again[0]) && !("left" in again[0]), JSON.stringify(again));
    });

    test("a token with impossible rooms", limit, async () => {
      const outcome = await attempt(io, { url: at().url, namespace, mode, payload: { token: mint({ tenants: "x".repeat(300) }) }, transports: ["websocket"] });
      assertRefused(outcome, { message: "jwt claim invalid", code: "invalid_token", reason: "token_claim" });
    });

    test("rights", limit, async (t) => {
      const socket = await come(t, { scope: "read", resource_access: { chat: { roles: ["user"] } }, age: 17 });
      assert.deepEqual(await outcome(socket, "edit"), forbidden("insufficient scope", "insufficient_scope"));
      assert.deepEqual(await outcome(socket, "moderate"), forbidden("insufficient role", "insufficient_role"));
      assert.deepEqual(await outcome(socket, "adult"), forbidden("adults only", "too_young"));
      const refused = heard(socket, "unauthorized");
      socket.emit("edit");
      const [error, callback] = await refused;
      assert.deepEqual({ ...error, data: { ...error.data, id: typeof error.data.id } }, {
        message: "insufficient scope", inner: { message: "insufficient scope" },
        data: { code: "forbidden", message: "insufficient scope", reason: "insufficient_scope", id: "string", event: "edit" },
      });
      callback(); // as listeners for the npm package do; the socket stays
      const { sub } = (await ask(socket, "whoami"))[0];
      await ask(socket, "authenticate", { token: mint({ sub, jti: "2", scope: "read edit", resource_access: { chat: { roles: ["moderator"] } }, age: 18 }) });
      for (const event of ["edit", "moderate", "adult"]) assert.equal(await outcome(socket, event), "done by 2");
      assert.ok(socket.connected);
    });

    test("step-up", limit, async (t) => {
      const socket = await come(t, { auth_time: now() - 7200, acr: "silver" });
      const { sub } = (await ask(socket, "whoami"))[0];
      const challenge = heard(socket, "token_challenge");
      const paid = ask(socket, "pay");
      assert.deepEqual(await challenge, [{ maxAge: 3600, acrValues: ["gold"] }]);
      assert.deepEqual(await ask(socket, "echo", 1), [1], "a later event does not wait");
      await ask(socket, "authenticate", { token: mint({ sub, jti: "weak", auth_time: now(), acr: "silver" }) });
      await ask(socket, "authenticate", { token: mint({ sub, jti: "strong", auth_time: now(), acr: "gold" }) });
      assert.deepEqual(await paid, ["done by strong"]);
      assert.equal(await outcome(socket, "pay"), "done by strong");
    });

    test("step-up without an answer", limit, async (t) => {
      const socket = await come(t);
      const challenge = heard(socket, "token_challenge");
      const refused = await outcome(socket, "pay-soon");
      assert.deepEqual(refused, forbidden("authentication is not recent or strong enough", "insufficient_user_authentication"));
      assert.deepEqual(await challenge, [{ acrValues: ["gold"] }]);
      assert.ok(socket.connected);
    });

    test("rooms that a client asks for", limit, async (t) => {
      const other = await come(t, { sub: `${version}-${mode}-other` });
      const socket = await come(t);
      const { sub } = (await ask(socket, "whoami"))[0];
      assert.equal(await outcome(socket, "join", "chat:1"), "done");
      assert.equal(await outcome(socket, "join", `user:${sub}`), "done");
      for (const room of [`user:${version}-${mode}-other`, other.id, "tenant:x", "chat:", "lobby"]) {
        assert.deepEqual(await outcome(socket, "join", room), { error: "room not allowed" }, room);
      }
      assert.deepEqual(await rooms(socket), ["chat:1", "lobby", `user:${sub}`]);
    });
  });

  test(`${version}: a guest is told to log in`, limit, async (t) => {
    const socket = dial(t, io, at().url, "/rights-guests", { transports: ["websocket"] });
    await heard(socket, "connect");
    assert.deepEqual(await outcome(socket, "edit"), forbidden("login required", "login_required"));
    assert.deepEqual(await rooms(socket), ["lobby"]);
    const admitted = heard(socket, "authenticated");
    socket.emit("authenticate", { token: mint({ sub: `${version}-guest`, jti: "1", scope: "edit" }) });
    await admitted;
    assert.equal(await outcome(socket, "edit"), "done by 1");
    assert.deepEqual(await rooms(socket), ["lobby", `user:${version}-guest`]);
  });
}
