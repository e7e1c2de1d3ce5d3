// Backends in Node and Python behind `socketio-jwt serve --upstream-webhook`, with published clients: connects, events, binary data,
// requests that socketio-jwt has not signed, and the commands of docs/backend.md, which publish to clients of two nodes.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { startRedis } from "./cluster/redis.mjs";
import { ask, dial, heard, here, limit, pause, patience, program, start, startCommand, versions } from "./harness.mjs";

const run = promisify(execFile);
const io = versions["4.8.4"];
const backends = {
  node: [process.execPath, join(here, "../examples/backend/backend.mjs")],
  python: [process.env.PYTHON ?? "/usr/bin/python3", "-I", join(here, "../examples/backend/backend.py")],
};
const page = readFileSync(join(here, "../docs/backend.md"), "utf8");

let dir;
let secret;
before(() => {
  dir = mkdtempSync(join(tmpdir(), "backend-"));
  secret = randomBytes(32);
  writeFileSync(join(dir, "hook.txt"), `${secret.toString("base64")}\n`);
  writeFileSync(join(dir, "operators.txt"), randomBytes(32).toString("hex"));
});
after(() => rmSync(dir, { recursive: true, force: true }));

// startBackend runs a backend and returns it with its URL.
async function startBackend([binary, ...args], port = "0") {
  const backend = await start(binary, args, { SECRET_FILE: join(dir, "hook.txt"), PORT: port });
  return { ...backend, url: backend.line.replace("backend at ", "") };
}

const flags = (backend) => ["--addr", "localhost:0", "--upstream-webhook", backend.url, "--upstream-secret-file", join(dir, "hook.txt"), "--upstream-disconnects"];

async function login(server, username) {
  const response = await fetch(`${server.url}/login`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ username }) });
  return (await response.json()).token;
}

const enter = async (t, client, server, username, options) => dial(t, client, server.url, "", { auth: { token: await login(server, username) }, ...options });

for (const [language, command] of Object.entries(backends)) {
  describe(`a backend in ${language}`, limit, () => {
    let backend;
    let server;
    before(async () => {
      backend = await startBackend(command);
      server = await startCommand(flags(backend));
    });
    after(async () => {
      await server?.stop(); // it tells the backend about the last disconnects
      await backend?.stop();
    });

    for (const [version, client] of Object.entries(versions)) {
      test(`it admits, refuses, acknowledges and emits: socket.io-client ${version}`, limit, async (t) => {
        const ada = await enter(t, client, server, "ada");
        const greeted = heard(ada, "welcome");
        await heard(ada, "connect");
        assert.deepEqual(await greeted, ["ada"]);
        const bob = await enter(t, client, server, "bob");
        await heard(bob, "welcome");
        const said = heard(bob, "said");
        assert.deepEqual(await ask(ada, "say", "hello"), [{ ok: true }]);
        assert.deepEqual(await said, ["ada", "hello"]);
        assert.deepEqual(await ask(ada, "whoami"), [{ issuer: "", subject: "ada" }]);
        const [deep, text] = await ask(ada, "echo", { deep: [Buffer.from([0, 255])] }, "é\u2028");
        assert.deepEqual([[...new Uint8Array(deep.deep[0])], text], [[0, 255], "é\u2028"]);
        assert.deepEqual(await ask(ada, "unknown"), [{ error: "there is no event unknown" }]);
        const refused = await enter(t, client, server, "mallory");
        const [error] = await heard(refused, "connect_error");
        assert.deepEqual([error.message, error.data.code, error.data.reason, error.data.temporary], ["you are banned", "banned", "banned", undefined]);
        const gone = heard(ada, "disconnect");
        assert.deepEqual(await ask(ada, "leave"), ["bye"]);
        assert.equal((await gone)[0], "io server disconnect");
        const left = () => backend.log.includes("ada has left: server namespace disconnect");
        for (let waited = 0; !left() && waited < patience; waited += 10) await pause(10);
        assert.ok(left());
      });
    }

    test("it refuses what socketio-jwt has not signed", async () => {
      const body = JSON.stringify({ type: "event", event: "whoami", args: [] });
      const send = (at, key, sent = body) => {
        const code = createHmac("sha256", key).update(`m.${at}.${body}`).digest("base64");
        return fetch(backend.url, { method: "POST", body: sent, headers: { "webhook-id": "m", "webhook-timestamp": `${at}`, "webhook-signature": `v2,x v1,${code}` } });
      };
      const now = Math.floor(Date.now() / 1000);
      assert.equal((await send(now, secret)).status, 200);
      for (const wrong of [send(now - 400, secret), send(now + 400, secret), send("x", secret), send(now, "another"), send(now, secret, `${body} `), fetch(backend.url, { method: "POST", body })]) {
        assert.equal((await wrong).status, 401);
      }
    });

  });
}

test("while the backend is down, events are answered and sockets are refused temporarily; then it goes on", limit, async (t) => {
  let backend = await startBackend(backends.node);
  const server = await startCommand(flags(backend));
  t.after(async () => {
    await server.stop();
    await backend.stop();
  });
  const ada = await enter(t, io, server, "ada");
  await heard(ada, "welcome");
  await backend.kill();
  const [{ error }] = await ask(ada, "whoami");
  assert.match(error.code, /^(unavailable|uncertain)$/);
  const late = await enter(t, io, server, "late", { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 50 });
  const refused = () => server.log.some((line) => line.includes("upstream: connect failed, socket refused temporarily"));
  for (let waited = 0; !refused() && waited < patience; waited += 10) await pause(10);
  assert.equal(late.connected, false);
  backend = await startBackend(backends.node, new URL(backend.url).port);
  await heard(late, "welcome");
  assert.deepEqual(await ask(ada, "whoami"), [{ issuer: "", subject: "ada" }]);
});

test("the commands of docs/backend.md publish to clients of two nodes", limit, async (t) => {
  const redis = await startRedis();
  const backend = await startBackend(backends.python);
  const env = { SOCKETIO_JWT_SECRET: randomBytes(32).toString("hex"), SOCKETIO_JWT_CLUSTER_KEY: randomBytes(32).toString("hex") };
  const both = [...flags(backend), "--admin", "127.0.0.1:0", "--admin-secret-file", join(dir, "operators.txt"), "--redis", redis.url];
  const nodes = await Promise.all([startCommand(both, env), startCommand(both, env)]);
  t.after(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await Promise.all([backend.stop(), redis.stop()]);
  });
  const clients = await Promise.all(["ada", "bob"].map(async (name, i) => {
    const client = await enter(t, io, nodes[i], name);
    await heard(client, "welcome"); // one may be welcomed before the other has a token
    return client;
  }));
  clients[1].on("ping", (answer) => answer("pong"));
  const [ada, bob] = clients;
  const heardByAll = Promise.all([...clients.map((client) => heard(client, "said")), heard(ada, "paid")]);

  const admin = () => nodes[0].log.map((line) => /listening for operators" addr=(\S+)/.exec(line)?.[1]).find(Boolean);
  for (let waited = 0; !admin() && waited < patience; waited += 20) await pause(20);
  const [, script] = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => match[1]);
  const shell = `set -e\nsocketio-jwt() { "$PROGRAM" "$@"; }\ncurl() { command curl -sSf "$@"; }\n${script.replaceAll("localhost:9001", admin())}`;
  const { stdout } = await run("bash", ["-c", shell], { cwd: dir, env: { ...process.env, PROGRAM: program("TESTCOMMAND", "../cmd/socketio-jwt") } });
  assert.deepEqual(await heardByAll, [["backend", "hello"], ["backend", "hello"], [{ id: 7 }]]);
  const acknowledged = JSON.parse(stdout);
  assert.deepEqual(acknowledged.answers, [{ socket: bob.id, args: ["pong"] }]);
  assert.deepEqual([acknowledged.missing, acknowledged.partial], [[ada.id], undefined]);
});

test("start.sh starts a backend and a server, and ends both", limit, async (t) => {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  const env = { SOCKETIO_JWT: program("TESTCOMMAND", "../cmd/socketio-jwt"), ADDR: "localhost:0", ADMIN: "127.0.0.1:0", PORT: `${port}` };
  const script = await start("bash", [join(here, "../examples/backend/start.sh"), "node"], env);
  const lines = [script.line];
  script.lines.on("line", (line) => lines.push(line));
  const url = () => lines.map((line) => /^Serving at (\S+)$/.exec(line)?.[1]).find(Boolean);
  for (let waited = 0; !(url() && lines.some((line) => line.startsWith("backend at"))) && waited < patience; waited += 20) await pause(20);
  const ada = await enter(t, io, { url: url() }, "ada");
  assert.deepEqual(await heard(ada, "welcome"), ["ada"]);
  ada.disconnect();
  await script.stop();
  await assert.rejects(fetch(url()));
  await assert.rejects(fetch(`http://127.0.0.1:${port}`));
});
