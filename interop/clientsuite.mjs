#!/usr/bin/env node
// Runs the published client's own tests of the recovery of lost sessions against recoveryserver.
//
//   node clientsuite.mjs [-n RUNS] [--redis]
//
// With --redis, the server is a node of a cluster on the streams wire, and keeps sessions in a Redis that is started for that.
//
// The tests are part of the repository github.com/socketio/socket.io and are not copied here: they are fetched into a temporary
// folder at a fixed commit. Without access to GitHub, set PROTOCOL_SUITES to a clone of that repository, bare or not. The client is
// the published package of this folder, and the test runner comes from the npm registry.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import ts from "typescript";
import { startRedis } from "./cluster/redis.mjs";
import { here, leftovers, program, start } from "./harness.mjs";

const repository = "https://github.com/socketio/socket.io.git";
const commit = "d2d753fed4435015c2d83fe62e676b44e07fa3f7";
const folder = "packages/socket.io-client/test";
const files = ["connection-state-recovery.ts", "support/util.ts"];
const tests = 1;
const addr = "localhost:3210"; // written into the tests

const { values: options } = parseArgs({ options: { runs: { type: "string", short: "n", default: "1" }, redis: { type: "boolean" } } });
const dir = mkdtempSync(join(tmpdir(), "client-suite-"));
leftovers.add(() => rmSync(dir, { recursive: true, force: true }));
const sh = (command, ...args) => execFileSync(command, args, { cwd: dir, stdio: ["ignore", "pipe", "inherit"], maxBuffer: 1 << 24 });

let source = process.env.PROTOCOL_SUITES;
let revision = "HEAD";
if (!source) {
  source = join(dir, "source");
  sh("git", "init", "-q", source);
  sh("git", "-C", source, "fetch", "-q", "--depth", "1", repository, commit);
  revision = "FETCH_HEAD";
}
sh("npm", "install", "--prefix", dir, "--no-save", "--no-package-lock", "--ignore-scripts", "--loglevel=error", "--no-audit", "--no-fund", "mocha@11.7.4", "expect.js@0.3.1");

// The tests import the client from the folder above them.
mkdirSync(join(dir, "test", "support"), { recursive: true });
writeFileSync(join(dir, "index.js"), `module.exports = require(${JSON.stringify(join(here, "node_modules", "socket.io-client"))});\n`);
for (const file of files) {
  const text = sh("git", "-C", source, "show", `${revision}:${folder}/${file}`).toString();
  const { outputText } = ts.transpileModule(text, { compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2020 } });
  writeFileSync(join(dir, "test", file.replace(/\.ts$/, ".js")), outputText);
}

const redis = options.redis ? await startRedis() : undefined;
const server = await start(program("RECOVERYSERVER", "./recoveryserver"), ["-suite", "-addr", addr, ...(redis ? ["-redis", `127.0.0.1:${redis.port}`] : [])]);
const version = JSON.parse(readFileSync(join(here, "node_modules", "socket.io-client", "package.json"))).version;
let good = 0;
for (let run = 1; run <= Number(options.runs); run++) {
  const args = [join(dir, "node_modules", "mocha", "bin", "_mocha"), "--reporter", "json", "--exit", "test/connection-state-recovery.js"];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: dir, encoding: "utf8", timeout: 120_000 });
  let report;
  try {
    report = JSON.parse(stdout);
  } catch {
    report = { stats: { passes: 0 }, failures: [{ fullTitle: "no report", err: { message: stdout + stderr } }] };
  }
  for (const { fullTitle, err } of report.failures) console.log(`FAILED ${fullTitle}: ${err.message}`);
  console.log(`run ${run}: client ${version}, ${report.stats.passes} of ${tests}`);
  if (report.stats.passes === tests && report.failures.length === 0) good++;
}
await server.stop();
await redis?.stop();
console.log(`${good} of ${options.runs} runs passed`);
process.exit(good === Number(options.runs) ? 0 : 1);
