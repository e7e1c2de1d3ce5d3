// Recovery of lost sessions across nodes in Node and in Go, on the wire of @socket.io/redis-streams-adapter.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { io } from "socket.io-client";
import { heard, limit } from "./harness.mjs";
import { fresh, startCluster } from "./cluster/cluster.mjs";
import { until } from "./cluster/redis.mjs";

// A Traveller is a published client that loses its connection and comes back on another node.
class Traveller {
  heard = [];

  // comes connects to a node with the pid and the offset of the client before.
  async comes(node, user, before) {
    this.node = node;
    const socket = io(node.url, { forceNew: true, reconnection: false, transports: ["websocket"], auth: { user } });
    this.socket = socket;
    if (before) Object.assign(socket, { _pid: before._pid, _lastOffset: before._lastOffset, id: before.id });
    socket.onAny((event, ...args) => this.heard.push([event, args[0]]));
    await heard(socket, "connect");
    return socket;
  }

  // moves loses the connection without a packet, as an unreachable network does, and connects to another node.
  async moves(cluster, node, { user, meanwhile = async () => {} } = {}) {
    const before = this.socket;
    const { id } = before;
    const pid = before._pid;
    before.io.engine.transport.ws?.terminate?.();
    before.io.engine.close();
    await until("the session is kept", async () => (await cluster.redis.call("EXISTS", `sio:session:${pid}`)) === 1);
    this.heard = [];
    await meanwhile(id);
    const socket = await this.comes(node, user ?? before.auth.user, before);
    return { recovered: socket.recovered, same: socket.id === id, heard: this.heard.map(([event, n]) => `${event} ${n}`) };
  }

  close = () => this.socket.io._close();
}

for (const [kinds, unbound] of [
  [["go", "go"], false],
  [["node", "go"], true],
  [["node", "go"], false],
  [["node", "node"], false],
]) {
  describe(`${kinds.join(" and ")}, unbound ${unbound}`, () => {
    let cluster;
    before(async () => (cluster = await startCluster(kinds, { wire: "streams", recovery: 60_000, unbound })), limit);
    after(() => cluster?.stop(), limit);
    // trusts says whether a node recovers what another has saved.
    const trusts = (to, from) => unbound || to.kind === "node" || from.kind === "go";

    for (const [from, to] of [[0, 1], [1, 0]]) {
      it(`a client of ${kinds[from]} ${from} comes back on ${kinds[to]} ${to}`, limit, async () => {
        const a = cluster.nodes[from];
        const b = cluster.nodes[to];
        const room = fresh("room");
        const t = new Traveller();
        await t.comes(a, "ada");
        await t.socket.emitWithAck("join", [room]);
        await a.emit({ rooms: [room] }, "before", 0);
        await until("the first event", () => t.heard.some(([event]) => event === "before"));
        const got = await t.moves(cluster, b, {
          meanwhile: async (id) => {
            for (let n = 1; n <= 20; n++) await a.emit({ rooms: [room] }, "a", n);
            await cluster.flush(a, cluster.on(b));
            for (let n = 21; n <= 40; n++) await b.emit({ rooms: [room] }, "b", n);
            await b.emit({ rooms: [id] }, "own", 41);
            await b.emit({ rooms: [fresh("other")] }, "no", 0);
            await b.emit({ except: [room] }, "no", 0);
            await cluster.flush(b);
          },
        });
        const want = trusts(b, a) ? [...Array(40).keys()].map((n) => `${n < 20 ? "a" : "b"} ${n + 1}`).concat("own 41") : [];
        const flushes = (list) => list.filter((text) => !text.startsWith("flush"));
        assert.deepEqual({ ...got, heard: flushes(got.heard) }, { recovered: trusts(b, a), same: trusts(b, a), heard: want });
        if (!trusts(b, a)) return t.close();

        // Twice without traffic: nothing comes twice. Node's own server gives replayed packets their offsets since 0.2.1.
        await cluster.flush(b);
        await until("the flush", () => t.heard.some(([event]) => event === "flush"));
        for (const node of [a, b]) {
          if (!trusts(node, t.node)) break;
          assert.deepEqual(await t.moves(cluster, node), { recovered: true, same: true, heard: [] });
        }
        t.close();
      });
    }

    it("is not recovered by a Go node for another user", limit, async () => {
      const go = cluster.nodes.find((n) => n.kind === "go");
      if (!go) return;
      const t = new Traveller();
      await t.comes(go, "ada");
      await go.emit({}, "before", 0);
      await until("the first event", () => t.heard.some(([event]) => event === "before"));
      const got = await t.moves(cluster, go, { user: "eve", meanwhile: () => go.emit({}, "secret", 1) });
      assert.deepEqual(got, { recovered: false, same: false, heard: [] });
      t.close();
    });
  });
}
