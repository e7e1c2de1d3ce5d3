#!/usr/bin/env node
// Starts a cluster on free ports of this machine: a Redis, two nodes in Go, one in Node, and nginx in front of them.
//
//     npm install && node start.mjs [classic|sharded|streams]
//
// It prints where nginx listens, and a token. All of it ends with Ctrl-C.
import { execFileSync, spawn } from "node:child_process";
import { createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

// answers waits until something listens on a port of this machine.
async function answers(port, child) {
  for (let tries = 0; tries < 500; tries++) {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended with ${child.exitCode}`);
    const socket = connect(port, "127.0.0.1");
    const open = await new Promise((resolve) => socket.once("connect", () => resolve(true)).once("error", () => resolve(false)));
    socket.destroy();
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${child.spawnfile} does not listen`);
}

// mint signs a token for a user.
const mint = (secret) => (sub, seconds = 3600) => {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const input = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub, iat: now, exp: now + seconds })}`;
  return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
};

// start starts the cluster. Program is the node in Go; without it, it is built. The result has the URL of nginx, the nodes by
// their names, a function that makes tokens, and one that ends everything.
export async function start({ wire = "classic", program } = {}) {
  const dir = mkdtempSync(join(tmpdir(), "cluster-"));
  chmodSync(dir, 0o755); // nginx writes there as another user
  const children = [];
  const run = (command, args, options = {}) => {
    const child = spawn(command, args, { cwd: dir, stdio: ["ignore", "ignore", "inherit"], ...options });
    children.push(child);
    child.once("error", (error) => console.error(`${command}: ${error.message}`));
    return child;
  };
  const stop = async () => {
    for (const child of children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) continue;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await ended;
      clearTimeout(timer);
    }
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    const redisPort = await freePort();
    await answers(redisPort, run("redis-server", ["--bind", "127.0.0.1", "--port", String(redisPort), "--save", "", "--dir", dir]));
    if (!program) {
      program = join(dir, "node");
      execFileSync("go", ["build", "-o", program, "."], { cwd: here, stdio: "inherit" });
    }
    const secret = randomBytes(32).toString("hex");
    const env = { ...process.env, REDIS: `redis://127.0.0.1:${redisPort}`, WIRE: wire, SECRET: secret, CLUSTER_KEY: randomBytes(32).toString("hex") };
    const nodes = {};
    for (const [name, command, args] of [["go-1", program, []], ["go-2", program, []], ["node-1", process.execPath, [join(here, "node.mjs")]]]) {
      const child = run(command, args, { env: { ...env, NAME: name }, stdio: ["ignore", "pipe", "inherit"] });
      const [line] = await Promise.race([once(createInterface(child.stdout), "line"), once(child, "exit").then(() => { throw new Error(`${name} ended`); })]);
      const { addr } = JSON.parse(line);
      nodes[name] = { addr, url: `http://${addr}`, child, ended: once(child, "exit") };
    }
    const port = await freePort();
    const ports = { 3000: `127.0.0.1:${port}`, 3001: nodes["go-1"].addr, 3002: nodes["go-2"].addr, 3003: nodes["node-1"].addr };
    const conf = readFileSync(join(here, "nginx.conf"), "utf8").replace(/127\.0\.0\.1:(300[0-3])/g, (_, fixed) => ports[fixed]);
    writeFileSync(join(dir, "nginx.conf"), conf);
    await answers(port, run("nginx", ["-p", dir, "-c", join(dir, "nginx.conf"), "-e", "stderr", "-g", "daemon off; error_log stderr crit;"]));
    return { url: `http://127.0.0.1:${port}`, redis: env.REDIS, nodes, token: mint(secret), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const cluster = await start({ wire: process.argv[2] });
  console.log(`Serving at ${cluster.url}\n`);
  for (const [name, { url }] of Object.entries(cluster.nodes)) console.log(`  ${name.padEnd(8)} ${url}`);
  console.log(`\nA token for an hour:\n\n  ${cluster.token("ada")}\n\nStop with Ctrl-C.`);
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => cluster.stop());
}
