#!/usr/bin/env node
// Runs the official test suites of Engine.IO 4 and Socket.IO 5, and of Engine.IO 3, against protocolserver. With --eio3 the
// server accepts clients of Engine.IO 3 and passes all three; without it, the first two.
//
//   node protocolsuite.mjs [-n RUNS] [--eio3] [--race] [--one-processor] [--shared-wait]
//
// The suites are part of the repository github.com/socketio/socket.io and are not copied here: they are fetched into a
// temporary folder at a fixed commit. Without access to GitHub, set PROTOCOL_SUITES to a clone of that repository, bare or
// not. Their own dependencies come from the npm registry.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { lookup } from "node:dns/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const repository = "https://github.com/socketio/socket.io.git";
const commit = "d2d753fed4435015c2d83fe62e676b44e07fa3f7";
const port = 3000; // written into the suites
const suites = [
  { name: "engine.io", path: "docs/engine.io-protocol/v4-test-suite", tests: 25 },
  { name: "socket.io", path: "docs/socket.io-protocol/v5-test-suite", tests: 32 },
];
const suiteOfEIO3 = { name: "engine.io 3", path: "docs/engine.io-protocol/v3-test-suite", tests: 23 };

const here = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: { runs: { type: "string", short: "n", default: "1" }, eio3: { type: "boolean" }, race: { type: "boolean" }, "one-processor": { type: "boolean" }, "shared-wait": { type: "boolean" } },
});

const give = (message) => {
  console.error(`protocolsuite: ${message}`);
  process.exit(2);
};

if (options.eio3) suites.push(suiteOfEIO3);

const runs = Number(options.runs);
if (!(runs >= 1)) give(`-n ${options.runs} is no number of runs`);

// checkPort fails if another program listens on the port that the suites use.
async function checkPort() {
  for (const { address } of await lookup("localhost", { all: true })) {
    const probe = createServer().listen(port, address);
    await once(probe, "listening").catch((err) => give(`port ${port} on ${address} is not free (${err.code})`));
    await new Promise((resolve) => probe.close(resolve));
  }
}

function sh(command, args, cwd) {
  try {
    execFileSync(command, args, { cwd, stdio: ["ignore", "ignore", "inherit"] });
  } catch {
    give(`${command} ${args.join(" ")} failed`);
  }
}

// fetchSuites puts the suites and their dependencies into dir.
function fetchSuites(dir) {
  const source = process.env.PROTOCOL_SUITES;
  console.log(`fetching the suites from ${source ?? repository}`);
  if (source) {
    for (const { name, path } of suites) {
      const archive = join(dir, `${name}.tar`);
      sh("git", ["-C", source, "archive", `--prefix=${path}/`, "-o", archive, `HEAD:${path}`]);
      sh("tar", ["-xf", archive, "-C", dir]);
    }
  } else {
    sh("git", ["init", "-q", dir]);
    sh("git", ["-C", dir, "fetch", "-q", "--depth", "1", repository, commit]);
    sh("git", ["-C", dir, "checkout", "-q", "FETCH_HEAD", "--", ...suites.map(({ path }) => path)]);
  }
  for (const { path } of suites) sh("npm", ["ci", "--silent", "--no-audit", "--no-fund"], join(dir, path));
}

// startServer resolves once the server listens. The server's standard error is shown.
async function startServer(dir) {
  const binary = join(dir, "protocolserver");
  sh("go", ["build", ...(options.race ? ["-race"] : []), "-o", binary, "./protocolserver"], here);
  const child = spawn(binary, ["-addr", `localhost:${port}`, `-eio3=${options.eio3 ?? false}`, `-shared-wait=${options["shared-wait"] ?? false}`], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, GORACE: "halt_on_error=1", ...(options["one-processor"] && { GOMAXPROCS: "1" }) },
  });
  process.on("exit", () => child.kill("SIGKILL"));
  const failed = (code, signal) => give(`the server ended (${signal ?? code})`);
  child.once("exit", failed);
  await once(createInterface({ input: child.stdout }), "line");
  child.off("exit", failed);
  return child;
}

// runSuite returns the titles of the failed tests and the number of passed ones.
async function runSuite(dir, { path }) {
  const cwd = join(dir, path);
  const child = spawn(process.execPath, ["node_modules/.bin/mocha", "--reporter", "json", "test-suite.js"], {
    cwd, stdio: ["ignore", "pipe", "inherit"], timeout: 120_000,
  });
  const [out] = await Promise.all([text(child.stdout), once(child, "exit")]);
  try {
    const report = JSON.parse(out);
    return { passed: report.stats.passes, failures: report.failures.map(({ fullTitle, err }) => `${fullTitle}: ${err.message}`) };
  } catch {
    return { passed: 0, failures: [`no report: ${out.slice(-500)}`] };
  }
}

await checkPort();
const dir = mkdtempSync(join(tmpdir(), "protocol-suites-"));
process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));
fetchSuites(dir);
const server = await startServer(dir);

let good = 0;
for (let run = 1; run <= runs; run++) {
  const begin = Date.now();
  const results = [];
  for (const suite of suites) results.push({ ...suite, ...(await runSuite(dir, suite)) });
  const alive = server.exitCode === null && server.signalCode === null;
  const passed = alive && results.every(({ tests, passed, failures }) => passed === tests && failures.length === 0);
  if (passed) good++;
  const counts = results.map(({ name, tests, passed }) => `${name} ${passed} of ${tests}`).join(", ");
  console.log(`run ${run}: ${counts}, ${((Date.now() - begin) / 1000).toFixed(1)} s${alive ? "" : ", and the server is gone"}`);
  for (const { name, failures } of results) for (const failure of failures) console.log(`  ${name}: ${failure}`);
  if (!alive) break;
}

let ended = true;
if (server.exitCode === null && server.signalCode === null) {
  const exited = once(server, "exit");
  server.kill("SIGTERM");
  const [code, signal] = await exited;
  ended = code === 0;
  if (!ended) console.log(`the server ended badly (${signal ?? code})`);
}
console.log(`${good} of ${runs} runs passed`);
process.exit(good === runs && ended ? 0 : 1);
