// The page of operators of a cluster, in headless Chromium: it shows the nodes, where a socket lives, and that Redis is away.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { io } from "socket.io-client";
import { launch, tab } from "./browser.mjs";
import { startRedis } from "./cluster/redis.mjs";
import { heard, limit, patience, pause, program, startCommand } from "./harness.mjs";

const env = {
  SOCKETIO_JWT_ADMIN_SECRET: randomBytes(32).toString("hex"),
  SOCKETIO_JWT_SECRET: randomBytes(32).toString("hex"),
  SOCKETIO_JWT_CLUSTER_KEY: randomBytes(32).toString("hex"),
};

let browser;
let redis;
let nodes;
before(async () => {
  [browser, redis] = await Promise.all([launch(), startRedis()]);
  const flags = ["--addr", "localhost:0", "--admin", "127.0.0.1:0", "--redis", redis.url];
  nodes = await Promise.all([startCommand(flags, env), startCommand(flags, env)]);
});
after(async () => {
  await browser?.close();
  await Promise.all((nodes ?? []).map((node) => node.stop()));
  await redis?.stop();
});

// pageOf returns the URL of the page of a node.
async function pageOf(node) {
  const found = () => node.log.map((line) => /listening for operators" addr=(\S+)/.exec(line)?.[1]).find(Boolean);
  for (let waited = 0; !found() && waited < patience; waited += 20) await pause(20);
  return `http://${found()}`;
}

async function visit(t, node) {
  const page = await tab(t, browser, "about:blank");
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => message.type() === "error" && !/Failed to load resource/.test(message.text()) && complaints.push(message.text()));
  t.after(() => assert.deepEqual(complaints, []));
  await page.setViewport({ width: 1280, height: 1000 });
  await page.goto(await pageOf(node));
  await page.waitForSelector("#token-card:not([hidden])");
  const token = execFileSync(program("TESTCOMMAND", "../cmd/socketio-jwt"), ["operator-token"], { env: { ...process.env, ...env }, encoding: "utf8" }).trim();
  await page.$eval("#token", (field, token) => { field.value = token; }, token);
  await page.click("#enter button");
  return page;
}

async function enter(t, node, username) {
  const response = await fetch(`${node.url}/login`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ username }) });
  const socket = io(node.url, { forceNew: true, auth: { token: (await response.json()).token }, transports: ["websocket"] });
  t.after(() => socket.disconnect());
  await heard(socket, "connect");
}

const shows = (page, selector, pattern) =>
  page.waitForFunction((s, p) => new RegExp(p).test(document.querySelector(s).textContent), { timeout: patience }, selector, pattern);
const portOf = (node) => new URL(node.url).port;

test("the nodes are listed, and on which of them a socket lives", limit, async (t) => {
  const page = await visit(t, nodes[0]);
  await page.waitForSelector("#nodes-card:not([hidden])");
  await shows(page, "#node-count", "^2$");
  await shows(page, "#bus-text", "^Connected for ");
  const rows = await page.$$eval("#nodes tr", (rows) => rows.map((row) => row.cells[0].textContent));
  assert.match(rows[0], new RegExp(`:${portOf(nodes[0])}this node$`));
  assert.match(rows[1], new RegExp(`:${portOf(nodes[1])}$`));
  await enter(t, nodes[0], "ada");
  await shows(page, "#leases", `ada.* on \\S+:${portOf(nodes[0])}`);
  await enter(t, nodes[1], "carol");
  await shows(page, "#leases", `carol.* on \\S+:${portOf(nodes[1])}`);
  const disconnect = () => page.evaluate(() => [...document.querySelectorAll("#leases tr")].find((row) => row.textContent.includes("carol"))?.querySelectorAll("button")[1].click());
  await disconnect();
  await disconnect(); // it asks whether that is sure
  await shows(page, "#done", "^Disconnected");
  await page.waitForFunction(() => !document.querySelector("#leases").textContent.includes("carol"));
});

test("the page says that Redis is away, until it is back", limit, async (t) => {
  const page = await visit(t, nodes[1]);
  await enter(t, nodes[1], "bob");
  await shows(page, "#leases", "bob");
  await shows(page, "#bus-text", "^Connected for ");
  assert.equal(await page.$eval("#bus-error", (element) => element.hidden), true);
  await redis.kill();
  await shows(page, "#bus-text", "^Cut off for ");
  await shows(page, "#bus-error", "serves its own sockets, and is cut off from the others: .*refused");
  await shows(page, "#leases", "bob");
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });
  await redis.startAgain();
  await shows(page, "#bus-text", "^Connected for ");
  await shows(page, "#lost", "gaps in what it heard: [1-9]");
  assert.equal(await page.$eval("#bus-error", (element) => element.hidden), true);
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT.replace(".png", "-back.png") });
});
