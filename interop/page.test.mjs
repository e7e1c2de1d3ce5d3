// The page of the command, operated in headless Chromium as a user would: log in, connect in either mode, send events, try bad
// tokens, reconnect. At the end, the page's client by itself, against a WebSocket that misbehaves.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { launch, tab } from "./browser.mjs";
import { audience, here, issuer, limit, mint, patience, pause, program, refusals, secret, startCommand } from "./harness.mjs";

const namespaces = { handshake: "/", event: "/admin" };

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

// serve runs the command until the test ends.
async function serve(t, { flags = [], port = 0, env } = {}) {
  const command = await startCommand(["--addr", `localhost:${port}`, ...flags], env);
  t.after(command.stop);
  return { ...command, port: Number(new URL(command.url).port) };
}

// visit opens the page in a new profile. A browser error fails the test: a broken script, or
// a violation of the page's content security policy.
async function visit(t, server, viewport = { width: 1280, height: 900 }) {
  const page = await tab(t, browser, "about:blank");
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  // The browser logs refused logins and failed connections, which are part of some tests.
  page.on("console", (message) => message.type() === "error" && !/WebSocket|Failed to load resource/.test(message.text()) && complaints.push(message.text()));
  t.after(() => assert.deepEqual(complaints, []));
  await page.setViewport(viewport);
  await page.goto(server.url);
  await page.waitForSelector("#login:not([hidden]), #paste:not([hidden])");
  return page;
}

const text = (page, selector) => page.$eval(selector, (element) => element.innerText.trim());
const status = (page, wanted) => page.waitForFunction((wanted) => document.querySelector("#status-text").textContent === wanted, {}, wanted);
const hears = (page, wanted) => page.waitForFunction((wanted) => [...document.querySelectorAll("#talk .message")].some((row) => row.querySelector(".words").textContent === wanted), {}, wanted);
const messages = (page) => page.$$eval("#talk .message", (rows) => rows.map((row) => [row.querySelector(".who").textContent, row.querySelector(".words").textContent]));
const notes = (page) => page.$$eval("#talk .note span", (rows) => rows.map((row) => row.textContent));

async function logIn(page, name) {
  await page.type("#username", name);
  await page.keyboard.press("Enter");
  await page.waitForSelector("#token:not([hidden])");
}

// connect connects with the token of the login, or the pasted one.
async function connect(page, mode) {
  await page.click(`input[value=${mode}]`);
  await page.click("#connect");
}

async function enter(t, server, name, mode) {
  const page = await visit(t, server);
  await logIn(page, name);
  await connect(page, mode);
  await status(page, `Connected as ${name}`);
  return page;
}

// operators resolves with the URL of a server's listener for operators.
async function operators({ log }) {
  for (let waited = 0; waited < patience; waited += 20) {
    const found = log.map((line) => /listening for operators" addr=(\S+)/.exec(line)?.[1]).find(Boolean);
    if (found) return `http://${found}`;
    await pause(20);
  }
  throw new Error("the server does not listen for operators");
}

async function say(page, words) {
  await page.type("#text", words);
  await page.keyboard.press("Enter");
}

// $$eval would find the elements in a first step, and the page may replace them before the second one.
const readClaims = (page) => page.evaluate(() => Object.fromEntries(
  [...document.querySelectorAll("#claims dt")].map((dt) => [dt.textContent, dt.nextElementSibling.firstChild.textContent])));
const readRefusal = (page, id) => page.$eval(id, (box) => ({
  headline: box.querySelector(".headline").textContent,
  ...Object.fromEntries([...box.querySelectorAll("dt")].map((dt) => [dt.textContent, dt.nextElementSibling.textContent])),
}));

for (const mode of ["handshake", "event"]) describe(`the page in ${mode} mode`, () => {
  test("logs in, connects, and shows claims and remaining time", limit, async (t) => {
    const server = await serve(t);
    const page = await visit(t, server);
    assert.equal(await page.$eval("#connect", (button) => button.disabled), true, "connecting without a token");
    await logIn(page, "ada");
    const claims = await readClaims(page);
    assert.equal(claims.sub, "ada");
    assert.equal(Number(claims.exp) - Number(claims.iat), 15 * 60);
    assert.match(await text(page, "#confirmed"), /has not verified them yet/);

    const before = await text(page, "#left");
    assert.match(before, /^1[45]:\d\d$/);
    await page.waitForFunction((before) => document.querySelector("#left").textContent !== before, {}, before);

    await connect(page, mode);
    await status(page, "Connected as ada");
    await page.waitForFunction(() => /The server has verified it/.test(document.querySelector("#confirmed").textContent));

    const wire = await text(page, "#wire");
    assert.match(wire, mode === "event" ? /42\/admin,\["authenticate",\{"token":"eyJ/ : /40\{"token":"eyJ/);
    assert.doesNotMatch(wire, /eyJ[\w-]+\.[\w-]+\./, "a whole token in the log of packets");
    assert.ok(!server.log.join("\n").includes("eyJhbGci"), "a token in the server's log");
    assert.match(await text(page, "#snippet"), new RegExp(`"${server.url}${namespaces[mode]}"`));

    await page.click("#connect");
    await status(page, "Disconnected");
  });

  test("talks with the sockets of its namespace only", limit, async (t) => {
    const server = await serve(t);
    const [ada, grace] = [await enter(t, server, "ada", mode), await enter(t, server, "grace", mode)];
    const elsewhere = await enter(t, server, "eve", mode === "event" ? "handshake" : "event");
    const markup = `<img src=x onerror="document.title='owned'">`;
    await say(ada, "good morning");
    await hears(grace, "good morning");
    await say(grace, markup);
    await hears(ada, markup);
    const all = [["ada", "good morning"], ["grace", markup]];
    assert.deepEqual(await messages(ada), all);
    assert.deepEqual(await messages(grace), all);
    assert.equal(await ada.title(), "socketio-jwt");
    assert.equal(await ada.$("#talk img"), null);

    await say(elsewhere, "is anybody here?");
    await hears(elsewhere, "is anybody here?");
    assert.deepEqual(await messages(elsewhere), [["eve", "is anybody here?"]]);
    assert.equal((await messages(ada)).length, 2);
  });

  test("says why each bad token is refused", limit, async (t) => {
    const server = await serve(t);
    const page = await enter(t, server, "ada", mode);
    const expected = {
      "No token": refusals.missing.told,
      "Not a token": refusals.malformed.told,
      "Wrong signature": refusals["bad signature"].told,
      "Another subject": refusals["bad signature"].told,
      "Unsigned": refusals["algorithm none"].told,
      "Expired": refusals.expired.told,
    };
    const buttons = await page.$$("#trials button");
    assert.equal(buttons.length, Object.keys(expected).length);
    for (const button of buttons) {
      const name = await button.evaluate((element) => element.textContent);
      await button.click();
      await page.waitForFunction((name) => document.querySelector("#outcome .headline")?.textContent.includes(name), {}, name);
      const { headline, id, ...told } = await readRefusal(page, "#outcome");
      assert.equal(headline, `“${name}” was refused`);
      assert.deepEqual(told, expected[name], name);
      assert.ok(server.log.some((line) => line.includes(`id=${id}`)), `the server's log has no ${id}`);
    }
    assert.equal(await text(page, "#status-text"), "Connected as ada");
    await say(page, "still here");
    await hears(page, "still here");
  });

  test("refreshes its lease when the server warns, and when the user asks", limit, async (t) => {
    const server = await serve(t, { flags: ["--token-life", "4s"] });
    const page = await enter(t, server, "ada", mode);
    const { exp } = await readClaims(page);
    const refreshed = (times) => page.waitForFunction((times) => [...document.querySelectorAll("#talk .note span")]
      .filter((row) => row.textContent.startsWith("Refreshed:")).length >= times, {}, times);
    await page.waitForSelector("#lease:not([hidden])");
    assert.match(await text(page, "#lease-left"), /^The server ends this socket in \d+:\d\d\.$/);
    await refreshed(1);
    assert.ok((await notes(page)).some((line) => line.startsWith("The server warns:")));
    assert.ok(Number((await readClaims(page)).exp) > Number(exp));
    await page.click("#refresh");
    await refreshed(2);
    const said = await notes(page);
    assert.ok(!said.some((line) => line.includes("closed the connection")), said);
    assert.doesNotMatch(await text(page, "#wire"), /eyJ[\w-]+\.[\w-]+\./, "a whole token in the log of packets");
  });

  test("says that its token was revoked elsewhere, and requests no other by itself", limit, async (t) => {
    const env = { SOCKETIO_JWT_ADMIN_SECRET: secret };
    const server = await serve(t, { flags: ["--admin", "127.0.0.1:0"], env });
    const page = await enter(t, server, "ada", mode);
    const requests = [];
    page.on("request", (request) => requests.push(new URL(request.url()).pathname));
    const revoked = execFileSync(program("TESTCOMMAND", "../cmd/socketio-jwt"), [
      "revoke", "--server", await operators(server), "--issuer", "", "--subject", "ada", // the tokens of the login have no iss
    ], { env: { ...process.env, ...env }, encoding: "utf8" });
    assert.match(revoked, /1 socket/);

    await status(page, "Revoked");
    const { headline, id, ...told } = await readRefusal(page, "#refusal");
    assert.equal(headline, "The token was revoked");
    assert.deepEqual(told, { message: "jwt revoked", code: "invalid_token", reason: "token_revoked" });
    const said = await notes(page);
    assert.equal(said.at(-1), "The token was revoked elsewhere, so the server ended the socket. Log in again.");
    await pause(2000); // longer than the first delays of a reconnection
    assert.deepEqual([await text(page, "#status-text"), await notes(page), requests], ["Revoked", said, []]);

    // The token is refused from then on, and that of a new login is accepted.
    await page.click("#connect");
    await status(page, "Revoked");
    assert.deepEqual(requests, []);
    await page.click("#login button");
    await page.waitForFunction(() => !document.querySelector("#connect").disabled && document.querySelector("#refusal").hidden);
    await page.click("#connect");
    await status(page, "Connected as ada");
  });

  test("reconnects with a new token when the old one expires", limit, async (t) => {
    const server = await serve(t, { flags: ["--token-life", "3s"] });
    const page = await enter(t, server, "ada", mode);
    await page.click("#keep-fresh"); // off
    const { exp } = await readClaims(page);
    const cameIn = mode === "event" ? `Connected as ada, after "authenticate".` : "Connected as ada.";
    await page.waitForFunction((line) => [...document.querySelectorAll("#talk .note span")].filter((row) => row.textContent === line).length >= 2, {}, cameIn);
    const said = (await notes(page)).filter((line) => !line.startsWith("The server warns:"));
    assert.deepEqual(said.slice(0, 3), [cameIn, "The token expired, so the server closed the connection.", cameIn]);
    assert.ok(Number((await readClaims(page)).exp) > Number(exp));
    assert.match(await text(page, "#wire"), /"reason":"token_expired"/);
  });

  test("reconnects after the server restarted with another secret", limit, async (t) => {
    const first = await serve(t);
    const page = await enter(t, first, "ada", mode);
    const { iat } = await readClaims(page);
    await page.waitForFunction((iat) => Date.now() / 1000 > Number(iat) + 1, {}, iat); // so that the next token has another iat
    await first.stop();
    await page.waitForFunction(() => document.querySelector("#status").dataset.state === "wait");
    const second = await serve(t, { port: first.port });
    await status(page, "Connected as ada");
    assert.ok(second.log.some((line) => line.includes("reason=token_signature")), "the old token was not refused");
    await say(page, "back again");
    await hears(page, "back again");
  });

  test("takes a pasted token where there is no issuer, and says why a bad one is refused", limit, async (t) => {
    const server = await serve(t, { flags: ["--issuer", issuer, "--audience", audience], env: { SOCKETIO_JWT_SECRET: secret } });
    const page = await visit(t, server);
    assert.equal(await page.$eval("#login", (form) => form.hidden), true, "a login without an issuer");
    const use = async (token) => {
      await page.type("#pasted", token);
      await page.click("#paste button");
    };
    await use("no token");
    assert.match(await text(page, "#login-error"), /not a JSON Web Token/);

    await use(mint({ aud: "somebody else" }));
    await connect(page, mode);
    await status(page, "Refused");
    const { headline, id, ...told } = await readRefusal(page, "#refusal");
    assert.equal(headline, "The server refused the socket");
    assert.deepEqual(told, refusals["wrong audience"].told);
    assert.ok(server.log.some((line) => line.includes(`id=${id}`)));

    await use(`Bearer ${mint({ sub: "grace" })}`);
    assert.equal(await page.$eval("#refusal", (box) => box.hidden), true, "the old refusal is still shown");
    await page.click("#connect");
    await status(page, "Connected as grace");
  });
});

test("sends any event with JSON arguments, by either transport, and shows the acknowledgement", limit, async (t) => {
  const server = await serve(t);
  const page = await enter(t, server, "ada", "handshake");
  await page.click(".composer summary");
  await page.type("#event", "echo");
  const emit = async (args) => {
    await page.$eval("#args", (box, args) => { box.value = args; }, args);
    await page.click("#compose button");
  };
  const acks = (count) => page.waitForFunction((count) => [...document.querySelectorAll("#talk .kind")].filter((kind) => kind.textContent.startsWith("ack,")).length === count, {}, count);
  await emit("[1, ");
  assert.match(await text(page, "#compose-error"), /not valid JSON/);
  await emit('["x", {"a": [1, 2]}]');
  await acks(1);
  assert.equal(await page.$eval("#talk .event:last-child code", (code) => code.textContent), '"x", {"a":[1,2]}');
  assert.equal(await text(page, "#compose-error"), "");
  assert.match(await text(page, "#facts"), /socket id\s+\S{20}/);

  await page.click(".settings summary");
  await page.select("#transport", "polling");
  await page.waitForFunction(() => /transport\s*polling[^]*socket id/.test(document.querySelector("#facts").textContent));
  await status(page, "Connected as ada");
  await emit('"by polling"');
  await acks(2);
  assert.equal(await page.$eval("#talk .event:last-child code", (code) => code.textContent), '"by polling"');
  await page.click("#connect");
  await status(page, "Disconnected");
});

test("keeps what is typed and said while it reconnects", limit, async (t) => {
  const first = await serve(t);
  const page = await enter(t, first, "ada", "handshake");
  await page.type("#text", "said mean");
  await first.stop();
  await page.waitForFunction(() => document.querySelector("#status").dataset.state === "wait");
  await page.keyboard.type("while"); // the field still has the focus
  await page.keyboard.press("Enter");
  assert.equal(await page.$eval("#text", (field) => [field.value, field.disabled].join()), ",false");
  await serve(t, { port: first.port });
  await hears(page, "said meanwhile");
});

test("saves settings without tokens", limit, async (t) => {
  const server = await serve(t);
  const page = await enter(t, server, "ada", "handshake");
  const token = await page.$eval("#compact", (box) => box.textContent);
  await page.click(".settings summary");
  const set = (id, value) => page.$eval(id, (field, value) => { field.value = value; field.dispatchEvent(new Event("change")); }, value);
  await set("#payload", JSON.stringify({ token, room: "lobby" }));
  await set("#namespace", "/admin");
  await page.type("#save-name", "mine");
  await page.click("#save button");
  const stored = await page.evaluate(() => JSON.stringify(localStorage));
  assert.match(stored, /lobby/);
  assert.ok(!stored.includes(token.split(".")[1]), "a token was saved");

  await page.reload();
  await page.waitForSelector("#login:not([hidden])");
  assert.equal(await page.$eval("#namespace", (field) => field.value), "/");
  await page.click(".settings summary");
  await page.select("#saved", "mine");
  assert.deepEqual(await page.$$eval("#namespace, #payload", (fields) => fields.map((field) => field.value)), ["/admin", '{"token":"$token","room":"lobby"}']);
  await page.$eval("#forget", (button) => button.click()); // the header may cover it, after the reload
  assert.equal(await page.$$eval("#saved option", (options) => options.length), 1);
  assert.doesNotMatch(await page.evaluate(() => JSON.stringify(localStorage)), /lobby/);
});

test("shows why a connection could not be opened, and how each ended", limit, async (t) => {
  const server = await serve(t, { flags: ["--no-login"], env: { SOCKETIO_JWT_SECRET: secret } });
  const page = await visit(t, server);
  const set = (id, value) => page.$eval(id, (field, value) => { field.value = value; field.dispatchEvent(new Event("change")); }, value);
  await page.type("#pasted", mint({ sub: "ada" }));
  await page.click("#paste button");
  await set("#url", `${server.url}/elsewhere/`);
  await page.click("#connect");
  await page.waitForFunction(() => /http\s*HTTP 404/.test(document.querySelector("#wire").innerText));
  await set("#url", `${server.url}/`); // socket.io-client's default path
  await status(page, "Connected as ada");
  await server.stop();
  await page.waitForFunction(() => /closed\s*the connection was closed \(WebSocket code \d+\)|closed\s*the server closed/.test(document.querySelector("#wire").innerText));
  await page.type("#filter", "connect");
  const lines = await page.$$eval("#wire li", (rows) => rows.filter((row) => row.offsetParent).map((row) => row.textContent.toLowerCase()));
  assert.ok(lines.length > 0 && lines.every((line) => line.includes("connect")));
});

test("the page fits a small screen, in the middle of everything", limit, async (t) => {
  const server = await serve(t);
  const page = await visit(t, server, { width: 360, height: 740 });
  const name = "a-name-without-any-space-that-is-as-long-as-names-may-be-here-ok";
  await logIn(page, name);
  await connect(page, "event");
  await status(page, `Connected as ${name}`);
  await say(page, "w".repeat(300));
  await hears(page, "w".repeat(300));
  await (await page.$("#trials button")).click();
  await page.waitForSelector("#outcome:not([hidden])");
  for (const summary of await page.$$("main summary")) await summary.evaluate((element) => element.parentElement.open = true);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
  await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
  assert.equal(await page.$eval("#status", (element) => element.getBoundingClientRect().top < 60), true, "the state scrolled away");
});

// --- the page's client by itself -------------------------------------------------------------------------------------

describe("the page's own client", () => {
  // FakeSocket is a WebSocket whose other end is the test.
  class FakeSocket {
    static OPEN = 1;
    static all = [];
    readyState = 1;
    sent = [];
    constructor() { FakeSocket.all.push(this); }
    send(data) { this.sent.push(data); }
    close() { this.readyState = 3; }
    receive(...all) { for (const data of all) this.onmessage?.({ data }); }
  }
  const open = '0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}';

  // clock lets a test control the time and the timers of the client.
  const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout, now: Date.now };
  function clock(t) {
    let [now, last, timers] = [1_000_000, 0, new Map()];
    globalThis.setTimeout = (todo, ms) => timers.set(++last, { todo, at: now + ms }) && last;
    globalThis.clearTimeout = (id) => timers.delete(id);
    Date.now = () => now;
    t.after(() => {
      [globalThis.setTimeout, globalThis.clearTimeout, Date.now] = [real.setTimeout, real.clearTimeout, real.now];
    });
    return function tick(ms) {
      const end = now + ms;
      for (;;) {
        const due = [...timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
        if (!due) break;
        timers.delete(due[0]);
        now = due[1].at;
        due[1].todo();
      }
      now = end;
    };
  }

  let Socket;
  before(async () => {
    const source = readFileSync(join(here, "..", "console", "page", "socket.js"), "utf8");
    ({ Socket } = await import(`data:text/javascript,${encodeURIComponent(source)}`));
  });

  // joined returns a client in a namespace, its socket, the calls it made, and its clock.
  async function joined(t, options = {}) {
    globalThis.WebSocket = FakeSocket;
    FakeSocket.all = [];
    const tick = clock(t);
    const calls = [];
    const hooks = Object.fromEntries(["connected", "refused", "event", "disconnected"].map((hook) => [hook, (...args) => calls.push([hook, ...args])]));
    const client = new Socket({ url: "http://x/socket.io/", auth: () => ({ token: "t" }), ...hooks, ...options });
    client.connect();
    const [socket] = FakeSocket.all;
    socket.receive(open);
    await null; await null; // auth may be asynchronous
    socket.receive(options.namespace ? `40${options.namespace},{"sid":"s"}` : '40{"sid":"s"}');
    return { client, socket, calls, tick };
  }

  test("joins with its auth payload, in any namespace", async (t) => {
    assert.deepEqual((await joined(t)).socket.sent, ['40{"token":"t"}']);
    const { socket, calls, client } = await joined(t, { namespace: "/admin" });
    assert.deepEqual(socket.sent, ['40/admin,{"token":"t"}']);
    socket.receive('42/other,["for others"]', '42/admin,["for us",1]');
    client.emit("hello", { a: "," });
    assert.equal(socket.sent.at(-1), '42/admin,["hello",{"a":","}]');
    assert.deepEqual(calls.map(([hook, first]) => [hook, first]), [["connected", "s"], ["event", "for us"]]);
  });

  test("puts attachments where they belong, also in acknowledgements", async (t) => {
    const { client, socket, calls } = await joined(t);
    const [one, two] = [new Uint8Array([1]).buffer, new Uint8Array([2]).buffer];
    socket.receive('452-["file",{"b":{"_placeholder":true,"num":1}},{"_placeholder":true,"num":0}]', one);
    assert.equal(calls.length, 1, "delivered before its attachments were there");
    socket.receive(two);
    assert.deepEqual(calls[1].slice(0, 3), ["event", "file", [{ b: two }, one]]);
    let answer;
    client.emit("give", (...args) => { answer = args; });
    assert.equal(socket.sent.at(-1), '420["give"]');
    socket.receive('461-0[{"_placeholder":true,"num":0}]', one);
    assert.deepEqual(answer, [one]);
  });

  test("acknowledges what asks for it, answers pings, and leaves what nobody asked for alone", async (t) => {
    const { socket } = await joined(t, { event: (name, args, ack) => ack("heard", ...args) });
    socket.receive('427["question",7]', "2", "2probe", '439["to nobody"]', new ArrayBuffer(3), '42["no ack wanted"]');
    assert.deepEqual(socket.sent.slice(1), ['437["heard",7]', "3", "3probe"]);
  });

  test("gives a silent connection up, and comes back later and later", async (t) => {
    const { calls, tick } = await joined(t);
    tick(44_999);
    assert.equal(calls.length, 1);
    tick(1);
    assert.equal(calls[1][0], "disconnected");
    let delay = calls[1][2];
    assert.ok(delay >= 375 && delay <= 625, `the first delay is ${delay} ms`);
    for (let attempt = 2; attempt < 12; attempt++) {
      tick(delay);
      assert.equal(FakeSocket.all.length, attempt);
      FakeSocket.all.at(-1).onclose();
      delay = calls.at(-1)[2];
      assert.ok(delay <= 10_000, `a delay of ${delay} ms`);
    }
    assert.ok(delay >= 6_000, `the last delay is ${delay} ms`);
  });

  test("stays away after a refusal or DISCONNECT, but not after a closed transport", async (t) => {
    for (const [last, hook, back] of [['44{"message":"no","data":{"reason":"r"}}', "refused", false], ["41", "disconnected", false], ["1", "disconnected", true]]) {
      const { socket, calls, tick } = await joined(t);
      socket.receive(last);
      assert.equal(calls.at(-1)[0], hook);
      tick(60_000);
      assert.equal(FakeSocket.all.length > 1, back, last);
    }
  });

  test("ends a connection that does not speak the protocol, and never throws", async (t) => {
    for (const garbage of ["", "4", "49", '42{"a":1}', "42[", "0", "42", '43{"a":1}', "45"]) {
      const { socket, calls } = await joined(t);
      socket.receive(garbage);
      if (garbage !== "") assert.equal(calls.at(-1)[0], "disconnected", garbage);
    }
  });

  test("hears nothing of a connection that it has left", async (t) => {
    const { client, socket, calls, tick } = await joined(t);
    client.close();
    assert.equal(socket.sent.at(-1), "41");
    socket.receive('42["late"]');
    socket.onclose?.();
    tick(60_000);
    assert.deepEqual(calls.map(([hook]) => hook), ["connected", "disconnected"]);
    assert.equal(client.emit("too late"), false);
    assert.equal(FakeSocket.all.length, 1);
  });
});
