// Real Redis servers, each on a free port of 127.0.0.1 with a folder of its own and without persistence.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createClient } from "redis";
import { leftovers, patience, pause, within } from "../harness.mjs";

// until waits for a condition.
export async function until(what, condition) {
  const deadline = Date.now() + patience;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${patience} ms: ${typeof what === "function" ? what() : what}`);
    await pause(10);
  }
}

// freePort returns a port below the range from which connections take theirs: a client that dials a stopped server could be given
// the server's own port.
async function freePort() {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    const probe = createServer();
    const free = await new Promise((resolve) => {
      probe.once("error", () => resolve(false));
      probe.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => probe.close(resolve));
    return port;
  }
}

// The shell kills the server when this process ends, whatever ends it, because its standard input ends then.
const guard = 'program=$1; shift; "$program" "$@" </dev/null >/dev/null 2>&1 & pid=$!; echo $pid; cat >/dev/null; kill -9 $pid 2>/dev/null';

// launch starts a server whose configuration has those lines.
async function launch(lines) {
  const dir = mkdtempSync(join(tmpdir(), "socketio-jwt-redis-"));
  const remove = () => rmSync(dir, { recursive: true, force: true });
  leftovers.add(remove);
  const port = await freePort();
  const options = ["--bind", "127.0.0.1", "--port", String(port), "--dir", dir, "--save", "", "--appendonly", "no", "--logfile", join(dir, "log"), ...lines];

  async function run() {
    const shell = spawn("/bin/sh", ["-c", guard, "sh", process.env.REDIS_SERVER || "redis-server", ...options], { stdio: ["pipe", "pipe", "inherit"] });
    const [pid] = await once(createInterface({ input: shell.stdout }), "line");
    const kill = async () => {
      const gone = once(shell, "exit");
      shell.stdin.end();
      await gone;
    };
    return { pid: Number(pid), kill };
  }

  // connect waits until the server answers. Another server may listen on the port.
  async function connect(pid) {
    const admin = createClient({ url, socket: { reconnectStrategy: 20 } });
    admin.on("error", () => {});
    const info = await within(admin.connect().then(() => admin.info("server")), `redis-server on port ${port}\n${log()}`);
    if (!info.includes(`process_id:${pid}\r\n`)) throw new Error(`another server listens on port ${port}`);
    return admin;
  }

  const log = () => {
    try {
      return readFileSync(join(dir, "log"), "utf8");
    } catch {
      return "redis-server has not started: is it installed? scripts/test.sh installs it";
    }
  };
  const url = `redis://127.0.0.1:${port}`;
  let running = await run();
  const server = {
    port,
    url,
    log,
    // admin is a client for commands; it is lost with the server.
    admin: await connect(running.pid),
    pid: () => running.pid,
    signal: (name) => process.kill(running.pid, name),
    call: (...args) => server.admin.sendCommand(args.map(String)),
    subscribers: async (channel) => (await server.call("PUBSUB", "NUMSUB", channel))[1],
    killPubSub: () => server.call("CLIENT", "KILL", "TYPE", "pubsub"),
    kill: async () => {
      await server.admin.disconnect().catch(() => {});
      await running.kill();
    },
    startAgain: async () => {
      running = await run();
      server.admin = await connect(running.pid);
    },
    stop: async () => {
      await server.kill();
      remove();
      leftovers.delete(remove);
    },
  };
  return server;
}

// startRedis starts one server.
export const startRedis = (...lines) => launch(lines);

// startRedisCluster starts a Redis Cluster of three masters.
export async function startRedisCluster() {
  const masters = [];
  for (let i = 0; i < 3; i++) {
    const bus = String(await freePort());
    const master = await launch(["--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "5000"]);
    masters.push(Object.assign(master, { bus }));
    await master.call("CLUSTER", "ADDSLOTSRANGE", Math.floor((16384 * i) / 3), Math.floor((16384 * (i + 1)) / 3) - 1);
    await master.call("CLUSTER", "SET-CONFIG-EPOCH", i + 1);
  }
  for (const { port, bus } of masters.slice(1)) await masters[0].call("CLUSTER", "MEET", "127.0.0.1", port, bus);
  await until("all servers agree on the cluster", async () => {
    const states = await Promise.all(masters.map((m) => m.call("CLUSTER", "INFO")));
    return states.every((state) => state.includes("cluster_state:ok") && state.includes("cluster_known_nodes:3"));
  });
  return { masters, urls: masters.map((m) => m.url), stop: () => Promise.all(masters.map((m) => m.stop())) };
}
