// What Go nodes notice when nodes of a mixed cluster, or their Redis, fail.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createClient } from "redis";
import { startCluster, startNode } from "./cluster/cluster.mjs";
import { until } from "./cluster/redis.mjs";
import { limit, pause } from "./harness.mjs";

// on runs a test with a cluster.
const on = (wire, kinds, test) => async () => {
  const cluster = await startCluster(kinds, { wire });
  try {
    await test(cluster, ...cluster.nodes);
  } finally {
    cluster.nodes.forEach((n) => n.signal("SIGCONT"));
    await cluster.stop();
  }
};

// timed returns a result and the milliseconds that it took.
async function timed(promise) {
  const begin = performance.now();
  const result = await promise;
  return { ...result, took: performance.now() - begin };
}

const ids = (sockets) => sockets.map((s) => s.id).sort();
const idsOf = (clients) => clients.map((m) => m.id).sort();

for (const wire of ["classic", "sharded", "streams"]) {
  describe(`faults, ${wire}`, () => {
    it("a Node node that is stopped costs one wait, and the error says how many answered", limit, on(wire, ["go", "node", "go"], async (c, go, node) => {
      node.signal("SIGSTOP");
      const first = await timed(go.do("fetch", { timeout: 1500 }));
      assert.deepEqual(ids(first.sockets), idsOf(c.others(...c.on(node))));
      assert.equal(first.partial, true);
      assert.match(first.error, /1 of 2 other nodes answered/);
      const next = await timed(go.do("fetch", { timeout: 30_000 }));
      assert.deepEqual(ids(next.sockets), idsOf(c.others(...c.on(node))));
      assert.ok(next.took < 20_000, `the next one took ${next.took} ms`);
      node.signal("SIGCONT");
      await until("the node answers again", async () => (await go.do("fetch")).sockets.length === c.clients.length);
    }));

    it("a Go node that is stopped ends the wait, and the error says how many answered", limit, on(wire, ["go", "node", "go"], async (c, go, _, other) => {
      other.signal("SIGSTOP");
      const { sockets, partial, error, took } = await timed(go.do("fetch", { timeout: 50_000 }));
      assert.deepEqual(ids(sockets), idsOf(c.others(...c.on(other))));
      assert.equal(partial, true);
      assert.match(error, /1 of 2 other nodes answered/);
      assert.ok(took < 40_000, `it took ${took} ms`);
      other.signal("SIGCONT");
      await until("the node answers again", async () => (await go.do("fetch")).sockets.length === c.clients.length);
    }));

    it("a spy on the channel of requests costs one wait", limit, on(wire, ["go", "node", "go"], async (c, go) => {
      const spy = createClient({ url: c.redis.url });
      spy.on("error", () => {});
      await spy.connect();
      const channel = wire === "classic" ? "socket.io-request#/#" : "socket.io#/#";
      await (wire === "sharded" ? spy.sSubscribe(channel, () => {}) : spy.subscribe(channel, () => {}));
      const first = await go.do("fetch", { timeout: 1500 });
      assert.deepEqual(ids(first.sockets), idsOf(c.clients));
      const next = await timed(go.do("fetch", { timeout: 30_000 }));
      assert.deepEqual(ids(next.sockets), idsOf(c.clients));
      assert.ok(next.took < 20_000, `the next one took ${next.took} ms`);
      await spy.disconnect();
    }));

    it("nodes that come and are killed leave no counts behind", limit, on(wire, ["go", "node"], async (c, go) => {
      let killing = true;
      let longest = 0;
      const asking = (async () => {
        while (killing) {
          const { sockets, took } = await timed(go.do("fetch", { timeout: 30_000 }));
          longest = Math.max(longest, took);
          assert.ok(sockets.length >= c.clients.length);
        }
      })();
      for (const kind of ["node", "go", "node", "go"]) {
        const guest = await startNode(kind, "guest", c.redis.url, { wire });
        await until("the guest is counted", async () => (await guest.do("nodes")) === 3);
        await guest.kill();
      }
      killing = false;
      await asking;
      assert.ok(longest < 20_000, `a call took ${longest} ms`);
      await until("the guests are forgotten", async () => (await go.do("fetch")).partial === false);
      const { sockets, partial } = await go.do("fetch");
      assert.deepEqual([ids(sockets), partial], [idsOf(c.clients), false]);
    }));

    it("connections that are killed under load are made again, and the gap is known", limit, on(wire, ["go", "node", "go"], async (c, go, node) => {
      let sending = true;
      const load = [go, node].map(async (n) => {
        for (let i = 0; sending; i++) {
          await n.emit({}, `from ${n.name}`, i);
          await pause(2);
        }
        return n.name;
      });
      for (let i = 0; i < 3; i++) {
        await pause(300);
        await c.redis.killPubSub();
      }
      await pause(300);
      sending = false;
      const names = await Promise.all(load);
      await c.reachable({}, c.clients);
      for (const m of c.clients.filter((client) => client.node.kind === "go")) {
        for (const name of names) {
          const numbers = m.heard.filter(([event]) => event === `from ${name}`).map(([, i]) => i);
          assert.ok(numbers.length > 0);
          assert.deepEqual(numbers, [...new Set(numbers)].sort((a, b) => a - b), "in order, nothing twice");
        }
      }
      await until("the node says that it is connected", async () => (await go.do("health")).Connected);
      const { Gaps } = await go.do("health");
      if (wire !== "streams") assert.ok(Gaps >= 1, `${Gaps} gaps`);
    }));
  });
}

// Node's classic adapter ends its process when Redis goes while it sends.
for (const [wire, kinds] of Object.entries({ classic: ["go", "go"], sharded: ["go", "node", "go"], streams: ["go", "node", "go"] })) {
  it(`faults, ${wire}: Redis is away for three seconds`, limit, on(wire, kinds, async (c, go) => {
    await c.redis.kill();
    await until("the node says that it is not connected", async () => (await go.do("health")).Connected === false);
    c.clients.forEach((m) => (m.heard = []));
    await go.emit({ local: true }, "local", 1);
    await until("the node's own clients hear it", () => c.on(go).every((m) => m.heard.length > 0));
    await pause(3000);
    await c.redis.startAgain();
    await c.settle();
    await until("the node says that it is connected", async () => (await go.do("health")).Connected);
  }));
}
