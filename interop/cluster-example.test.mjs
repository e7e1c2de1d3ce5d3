// The example of a cluster, with the published client: two nodes in Go and one in Node behind nginx, of which one ends under load.
import assert from "node:assert/strict";
import { existsSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { io } from "socket.io-client";
import { start } from "../examples/cluster/start.mjs";
import { ask, heard, here, leftovers, limit, pause, program, transports, within } from "./harness.mjs";

// The example's server in Node finds its packages here, unless they are installed beside it.
const modules = join(here, "../examples/cluster/node_modules");
before(() => {
  if (existsSync(modules)) return;
  symlinkSync("../../interop/node_modules", modules);
  leftovers.add(() => unlinkSync(modules));
});

async function startCluster(t, options) {
  const cluster = await start({ program: program("CLUSTERNODE", "../examples/cluster"), ...options });
  const children = Object.values(cluster.nodes).map(({ child }) => child);
  const remove = () => children.forEach((child) => child.kill("SIGKILL"));
  leftovers.add(remove);
  t.after(() => cluster.stop().finally(() => leftovers.delete(remove)));
  return cluster;
}

// connect connects a user and records what it hears.
async function connect(t, url, cluster, user, options) {
  const socket = io(url, {
    forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 500, query: { client: user }, auth: { token: cluster.token(user) }, ...options,
  });
  t.after(() => socket.disconnect());
  socket.heard = {}; // numbers by the user who said them
  socket.on("said", (who, number) => (socket.heard[who] ??= []).push(number));
  await heard(socket, "connect");
  socket.node = (await ask(socket, "where"))[0];
  return socket;
}

// talk says numbers by a socket, one after the other. After half of them it calls meanwhile, and goes on.
async function talk(socket, numbers, meanwhile) {
  for (let number = 1; number <= numbers; number++) {
    if (number === numbers / 2) meanwhile();
    assert.equal((await ask(socket, "say", String(number)))[0], true);
    await pause(2);
  }
}

// until waits until a condition holds.
async function until(condition, what) {
  const waited = (async () => { while (!condition()) await pause(20); })();
  await within(waited, what);
}

// gaps returns the numbers that are missing, as ranges. The numbers must increase.
function gaps(numbers, last) {
  const missing = [];
  let previous = 0;
  for (const number of [...numbers.map(Number), last + 1]) {
    assert.ok(number > previous, `${number} after ${previous}: ${numbers.join(" ")}`);
    if (number > previous + 1) missing.push([previous + 1, number - 1]);
    previous = number;
  }
  return missing;
}

// crowd connects clients by nginx, until each node has some of each transport.
async function crowd(t, cluster) {
  const sockets = [];
  const nodes = Object.keys(cluster.nodes);
  for (const [transport, list] of Object.entries(transports)) {
    const there = new Set();
    for (let n = 0; n < 6 || there.size < nodes.length; n++) {
      assert.ok(n < 100, `nginx uses only ${[...there]}`);
      const socket = await connect(t, cluster.url, cluster, `${transport} ${n}`, { transports: list });
      there.add(socket.node);
      sockets.push(socket);
    }
  }
  return sockets;
}

const numbers = 400;

// endUnderLoad ends go-1 by a signal while users of the two other nodes talk. It returns the clients that were on go-1 and the others.
async function endUnderLoad(t, cluster, signal) {
  const sockets = await crowd(t, cluster);
  const talkers = await Promise.all(["go-2", "node-1"].map((name) => connect(t, cluster.nodes[name].url, cluster, name, { transports: ["websocket"] })));
  const on = sockets.filter(({ node }) => node === "go-1");
  const others = sockets.filter(({ node }) => node !== "go-1");
  const back = on.map((socket) => heard(socket, "disconnect").then(() => heard(socket, "connect")));
  const end = () => void cluster.nodes["go-1"].child.kill(signal);
  await Promise.all([talk(talkers[0], numbers, end), talk(talkers[1], numbers, () => {})]);
  await Promise.all(back);
  for (const talker of talkers) assert.equal((await ask(talker, "say", String(numbers + 1)))[0], true);
  for (const socket of [...sockets, ...talkers]) {
    await until(() => ["go-2", "node-1"].every((who) => socket.heard[who]?.at(-1) === String(numbers + 1)), `${socket.id} hears the last number`);
  }
  return { on, others: [...others, ...talkers] };
}

describe("a node that is killed under load", () => {
  for (const wire of ["classic", "sharded", "streams"]) {
    test(`${wire}: its clients are back on the other nodes, and the clients of those miss nothing`, limit, async (t) => {
      const cluster = await startCluster(t, { wire });
      const { on, others } = await endUnderLoad(t, cluster, "SIGKILL");
      for (const socket of others) {
        for (const who of ["go-2", "node-1"]) assert.deepEqual(gaps(socket.heard[who], numbers + 1), [], `${socket.node} misses what ${who} said`);
      }
      for (const socket of on) {
        assert.notEqual((await ask(socket, "where"))[0], "go-1");
        for (const who of ["go-2", "node-1"]) assert.ok(gaps(socket.heard[who], numbers + 1).length <= 1, "it misses more than what was said while it was away");
      }
    });
  }
});

describe("a node that shuts down under load", () => {
  // Node's adapter reads what a client has missed and joins its rooms afterwards, so that an event of the moment between may be
  // missing, or come twice.
  const moment = 5;

  test("streams: its clients are back on the other nodes with their sessions, and miss nothing", limit, async (t) => {
    const cluster = await startCluster(t, { wire: "streams" });
    const { on, others } = await endUnderLoad(t, cluster, "SIGTERM");
    for (const socket of others) {
      for (const who of ["go-2", "node-1"]) assert.deepEqual(gaps(socket.heard[who], numbers + 1), [], `${socket.node} misses what ${who} said`);
    }
    for (const socket of on) {
      const now = (await ask(socket, "where"))[0];
      assert.notEqual(now, "go-1");
      assert.equal(socket.recovered, true, `a client of go-1 is on ${now} without its session`);
      for (const who of ["go-2", "node-1"]) {
        const missing = gaps(now === "node-1" ? [...new Set(socket.heard[who])] : socket.heard[who], numbers + 1);
        if (now === "node-1") assert.ok(missing.every(([first, last]) => last - first < moment), `${JSON.stringify(missing)} of ${who} on ${now}`);
        else assert.deepEqual(missing, [], `of ${who} on ${now}`);
      }
    }
  });
});
