// The tests that the npm package socketio-jwt shipped, unchanged, with the clients of that time, against our server. They are
// taken from the package at run time. Only the three fixtures, which started a server, are replaced by seedsuite/fixture.cjs.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import io2 from "socket.io-client-2";
import { heard, here, leftovers, mint, program, start } from "./harness.mjs";

const run = promisify(execFile);

const suite = {
  name: "socketio-jwt-4.6.2.tgz",
  sha512: "bcCnit/cCvqtC921Gwuqor+LpLKrpREmPACVgLfdbFBL95w2nPF7lOxsOxyeRrhc5Kot/1jUSW5+kLo23zJIMA==",
  needs: ["mocha@3.2.0", "should@11.2.1", "q@1.5.1", "request@2.81.0"],
  tests: 21,
};
const port = 9000; // written into the tests
const clients = { "1.7.4": "socket.io-client-1", "2.5.0": "socket.io-client-2" };

const dir = mkdtempSync(join(tmpdir(), "socketio-jwt-seed-"));
const remove = () => rmSync(dir, { recursive: true, force: true });
leftovers.add(remove);

async function assertPortFree() {
  for (const { address } of await lookup("localhost", { all: true })) {
    const probe = createServer().listen(port, address);
    await once(probe, "listening").catch((err) => assert.fail(`port ${port}, which the tests dial, is not free on ${address} (${err.code})`));
    await new Promise((resolve) => probe.close(resolve));
  }
}

before(async () => {
  await assertPortFree();
  const npm = (...args) => run("npm", [...args, "--loglevel=error", "--no-audit", "--no-fund", "--no-update-notifier"], { cwd: dir, timeout: 300_000 });
  await npm("pack", "socketio-jwt@4.6.2");
  assert.equal(createHash("sha512").update(readFileSync(join(dir, suite.name))).digest("base64"), suite.sha512, "these are not the tests as they were published");
  await run("tar", ["-xzf", suite.name], { cwd: dir });
  await npm("install", "--prefix", dir, "--no-package-lock", "--no-save", "--ignore-scripts", ...suite.needs);
  process.env.SEEDSERVER = program("SEEDSERVER", "./seedserver");
});
after(remove);

// prepare makes a folder where the tests find a client under the package name that they require.
function prepare(version) {
  const cwd = join(dir, version);
  mkdirSync(join(cwd, "node_modules"), { recursive: true });
  symlinkSync(join(here, "node_modules", clients[version]), join(cwd, "node_modules", "socket.io-client"));
  cpSync(join(dir, "package", "test"), join(cwd, "test"), { recursive: true });
  const fixtures = readdirSync(join(cwd, "test", "fixture"));
  assert.deepEqual(fixtures.sort(), ["index.js", "namespace.js", "secret_function.js"]);
  for (const name of fixtures) copyFileSync(join(here, "seedsuite", "fixture.cjs"), join(cwd, "test", "fixture", name));
  return cwd;
}

// runFile runs one test file in its own process, because the tests leave clients behind that would reconnect to the server
// of the next file. It returns mocha's report.
async function runFile(cwd, file) {
  const child = spawn(process.execPath, [join(dir, "node_modules", "mocha", "bin", "_mocha"), "--reporter", "json", "--timeout", "60000", join("test", file)], {
    cwd, detached: true, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, GORACE: "halt_on_error=1 atexit_sleep_ms=10" },
  });
  const kill = () => { try { process.kill(-child.pid, "SIGKILL"); } catch { /* nobody of its group is left */ } };
  leftovers.add(kill);
  const late = setTimeout(kill, 300_000);
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  clearTimeout(late);
  leftovers.delete(kill);
  try {
    return JSON.parse(out);
  } catch {
    return { stats: { passes: 0 }, failures: [{ fullTitle: file, err: { message: `no report: ${out.slice(-500)}${errors.slice(-2_000)}` } }] };
  }
}

for (const version of Object.keys(clients)) {
  test(`all ${suite.tests} tests of socketio-jwt 4.6.2 with client ${version}`, { timeout: 600_000 }, async () => {
    const cwd = prepare(version);
    const files = readdirSync(join(cwd, "test")).filter((name) => name.endsWith(".test.js"));
    const reports = [];
    for (const file of files) reports.push(await runFile(cwd, file));
    const failures = reports.flatMap((report) => report.failures.map(({ fullTitle, err }) => `${fullTitle}: ${err.message}`));
    assert.deepEqual(failures, []);
    assert.equal(reports.reduce((sum, { stats }) => sum + stats.passes, 0), suite.tests);
  });
}

// The only test that depends on the secret function sends a token that is invalid with any secret.
describe("the secret is that of the user whom the token names", { timeout: 240_000 }, () => {
  const secrets = { 123: "secret of the first", 555: "secret of the second" };
  let server;
  before(async () => {
    const options = { port, fixture: "secret_function", secrets, timeout: 60_000, handshake: true };
    server = await start(program("SEEDSERVER", "./seedserver"), [JSON.stringify(options)]);
  });
  after(() => server?.stop());

  // knock returns "connect" or the message of the refusal.
  const knock = async (t, claims, key) => {
    const socket = io2(`http://localhost:${port}`, { forceNew: true, reconnection: false, query: { token: mint(claims, { key }) } });
    t.after(() => socket.close());
    return Promise.race([heard(socket, "connect").then(() => "connect"), heard(socket, "error").then(([error]) => error.message)]);
  };

  for (const [id, secret] of Object.entries(secrets)) test(`${id} and its own`, async (t) => {
    assert.equal(await knock(t, { id: Number(id) }, secret), "connect");
  });
  test("123 and that of 555", async (t) => assert.equal(await knock(t, { id: 123 }, secrets[555]), "invalid signature"));
  test("somebody unknown", async (t) => assert.equal(await knock(t, { id: 7 }, secrets[123]), "invalid signature"));
  test("what a plain object of Node would have found", async (t) => assert.equal(await knock(t, { id: "constructor" }, secrets[123]), "jwt claim invalid"));
  test("nobody", async (t) => assert.equal(await knock(t, {}, secrets[123]), "jwt claim missing"));
});
