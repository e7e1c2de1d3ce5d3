// The page of operators in headless Chromium: it shows sockets as they come and go, and ends them.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { io } from "socket.io-client";
import { launch, tab } from "./browser.mjs";
import { heard, limit, patience, pause, program, startCommand } from "./harness.mjs";

const adminSecret = randomBytes(32).toString("hex");
const env = { SOCKETIO_JWT_ADMIN_SECRET: adminSecret };

let browser;
let server;
let operators; // URL of the page
before(async () => {
  [browser, server] = await Promise.all([launch(), startCommand(["--addr", "localhost:0", "--admin", "127.0.0.1:0"], env)]);
  const found = () => server.log.map((line) => /listening for operators" addr=(\S+)/.exec(line)?.[1]).find(Boolean);
  for (let waited = 0; !found() && waited < patience; waited += 20) await pause(20);
  operators = `http://${found()}`;
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const operatorToken = (...flags) => execFileSync(program("TESTCOMMAND", "../cmd/socketio-jwt"), ["operator-token", ...flags], { env: { ...process.env, ...env }, encoding: "utf8" }).trim();

async function login(username) {
  const response = await fetch(`${server.url}/login`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ username }) });
  return (await response.json()).token;
}

// enter connects a user with a token.
async function enter(t, token, options) {
  const socket = io(server.url, { forceNew: true, auth: { token }, transports: ["websocket"], ...options });
  t.after(() => socket.disconnect());
  await heard(socket, "connect");
  return socket;
}

// visit opens the page. A browser error fails the test: a broken script, or a violation of the content security policy.
async function visit(t, token) {
  const page = await tab(t, browser, "about:blank");
  const complaints = [];
  const requests = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => message.type() === "error" && !/Failed to load resource/.test(message.text()) && complaints.push(message.text()));
  page.on("request", (request) => requests.push(request.url()));
  t.after(() => assert.deepEqual(complaints, []));
  t.after(() => assert.ok(requests.every((url) => !url.includes("eyJ")), "a token is in a URL"));
  await page.setViewport({ width: 1280, height: 900 });
  await page.goto(operators);
  await show(page, token);
  return Object.assign(page, { requests });
}

async function show(page, token) {
  await page.waitForSelector("#token-card:not([hidden])");
  await page.$eval("#token", (field, token) => { field.value = token; }, token);
  await page.click("#enter button");
}

const has = (page, subject) => page.waitForFunction((s) => [...document.querySelectorAll("#leases tr")].some((row) => row.cells[0].firstChild.textContent === s), {}, subject);
const hasNot = (page, subject) => page.waitForFunction((s) => ![...document.querySelectorAll("#leases tr")].some((row) => row.cells[0].firstChild.textContent === s), {}, subject);
const told = (page, text) => page.waitForFunction((s) => document.querySelector("#done").textContent.includes(s), {}, text);

// press clicks a button in the row of a user or an entry, and again if it asks whether that is sure.
async function press(page, list, text, label) {
  const button = await page.waitForFunction((list, text, label) => [...document.querySelectorAll(`${list} tr`)].find((row) => row.cells[0].textContent.includes(text))?.querySelectorAll("button").values().find((b) => b.textContent === label), {}, list, text, label);
  await button.click();
  if (await button.evaluate((b) => b.classList.contains("sure"))) await button.click();
}

test("sockets are listed as they come and go", limit, async (t) => {
  const page = await visit(t, operatorToken());
  await page.waitForSelector("#sockets-card:not([hidden])");
  const ada = await enter(t, await login("ada"));
  await has(page, "ada");
  if (process.env.SCREENSHOT) {
    await enter(t, await login("bob"));
    await enter(t, await login("grace"));
    await has(page, "grace");
    await pause(2500);
    await page.screenshot({ path: process.env.SCREENSHOT });
  }
  ada.disconnect();
  await hasNot(page, "ada");
});

test("a filter selects the sockets of a user", limit, async (t) => {
  const page = await visit(t, operatorToken());
  await Promise.all([enter(t, await login("ada")), enter(t, await login("bob"))]);
  await Promise.all([has(page, "ada"), has(page, "bob")]);
  await page.type("#subject", "bob");
  await page.click("#filter button");
  await hasNot(page, "ada");
  await has(page, "bob");
});

test("a disconnected socket leaves the list, and its user may come back", limit, async (t) => {
  const page = await visit(t, operatorToken());
  const token = await login("carol");
  const socket = await enter(t, token);
  await has(page, "carol");
  const gone = heard(socket, "disconnect");
  await press(page, "#leases", "carol", "Disconnect");
  assert.equal((await gone)[0], "io server disconnect");
  await hasNot(page, "carol");
  await enter(t, token);
  await has(page, "carol");
});

for (const label of ["Revoke token", "Revoke user"]) {
  test(`${label}: the socket ends and its token is refused from then on`, limit, async (t) => {
    const page = await visit(t, operatorToken());
    const token = await login("eve");
    const socket = await enter(t, token, { reconnectionDelay: 10, reconnectionDelayMax: 10 });
    await has(page, "eve");
    const gone = heard(socket, "disconnect");
    await press(page, "#leases", "eve", label);
    await gone;
    await told(page, "1 socket");
    const again = io(server.url, { forceNew: true, auth: { token }, reconnection: false });
    t.after(() => again.disconnect());
    assert.equal((await heard(again, "connect_error"))[0].data.reason, "token_revoked");
    assert.equal(socket.active, false, "the client tries to come back");
  });
}

test("a blocked user stays out until it is unblocked", limit, async (t) => {
  const page = await visit(t, operatorToken());
  const socket = await enter(t, await login("mallory"));
  await has(page, "mallory");
  const gone = heard(socket, "disconnect");
  await press(page, "#leases", "mallory", "Block…");
  await page.type("#reason", "<b>spam</b>");
  await page.keyboard.press("Enter");
  await gone;
  const fresh = await login("mallory");
  const again = io(server.url, { forceNew: true, auth: { token: fresh }, reconnection: false });
  t.after(() => again.disconnect());
  await heard(again, "connect_error");
  await page.waitForFunction(() => document.querySelector("#entries").textContent.includes("<b>spam</b>"));
  await press(page, "#entries", "mallory", "Unblock");
  await told(page, "not blocked any more");
  await enter(t, fresh);
});

test("a socket is asked to refresh", limit, async (t) => {
  const page = await visit(t, operatorToken());
  const socket = await enter(t, await login("dora"));
  await has(page, "dora");
  const asked = heard(socket, "token_expiring");
  await press(page, "#leases", "dora", "Refresh");
  assert.equal((await asked)[0].now, true);
  await told(page, "asked to refresh");
});

test("a bad token and an expired one are refused, with an error", limit, async (t) => {
  const page = await visit(t, "x");
  const error = () => page.waitForFunction(() => document.querySelector("#token-error").textContent);
  assert.match(await (await error()).jsonValue(), /malformed/);
  assert.equal(await page.$eval("#sockets-card", (card) => card.hidden), true);
  await show(page, operatorToken("--life", "1s"));
  await page.waitForFunction(() => /expired/.test(document.querySelector("#token-error").textContent), { timeout: patience });
  assert.equal(await page.$eval("#leases", (body) => body.children.length), 0);
});

test("many sockets cost two requests a second", limit, async (t) => {
  const page = await visit(t, operatorToken());
  await page.waitForSelector("#sockets-card:not([hidden])");
  const token = await login("crowd");
  await Promise.all(Array.from({ length: 105 }, () => enter(t, token)));
  await page.waitForFunction(() => document.querySelectorAll("#leases tr").length === 100 && !document.querySelector("#next").disabled);
  const before = page.requests.length;
  await pause(3000);
  assert.ok(page.requests.length - before <= 8, `${page.requests.length - before} requests in 3 s`);
  await page.click("#next");
  await page.waitForFunction(() => { const n = document.querySelectorAll("#leases tr").length; return n > 0 && n < 100; });
  await page.click("#back");
  await page.waitForFunction(() => document.querySelectorAll("#leases tr").length === 100);
});

