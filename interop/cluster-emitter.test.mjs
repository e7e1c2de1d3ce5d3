// The emitter in Go and the command socketio-jwt emit, which send to nodes in Node and in Go. On each wire, every row is seen by the
// clients of all nodes.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, beforeEach, describe, it } from "node:test";
import { heard, limit, program, start, within } from "./harness.mjs";
import { Client, fresh, startCluster } from "./cluster/cluster.mjs";
import { until } from "./cluster/redis.mjs";
import { pack } from "./cluster/values.mjs";

// startEmitter starts the emitter in Go, as a sender for Cluster.collect.
async function startEmitter(wire, redis) {
  const running = await start(program("EMITTER", "./emitter"), [wire, new URL(redis.url).host]);
  const waiting = new Map();
  running.lines.on("line", (line) => {
    const { id, error } = JSON.parse(line);
    waiting.get(id)(error);
    waiting.delete(id);
  });
  let count = 0;
  const call = async (what, members, args) => {
    const error = await within(new Promise((resolve) => {
      waiting.set(++count, resolve);
      running.child.stdin.write(JSON.stringify({ id: count, do: what, nsp: "/", ...members, args: pack(args) }) + "\n");
    }), `the emitter: ${what}`);
    assert.equal(error, undefined, `the emitter: ${what}`);
  };
  return { ...running, name: "the emitter", call, emit: (to, ...args) => call("emit", to, args) };
}

// command returns socketio-jwt emit as a sender.
function command(wire, redis) {
  const flags = ["emit", "--redis", redis.url, "--redis-wire", wire];
  const emit = async ({ rooms = [], except = [], nsp = "/", volatile = false }, event, ...args) => {
    const to = [...rooms.map((r) => `--room=${r}`), ...except.map((r) => `--except=${r}`), `--namespace=${nsp}`, `--volatile=${volatile}`];
    const said = execFileSync(program("SOCKETIO_JWT", "../cmd/socketio-jwt"), [...flags, ...to, "--", event, ...args.map((a) => JSON.stringify(a))]);
    assert.equal(String(said), "sent\n");
  };
  return { name: "socketio-jwt emit", emit };
}

const members = async (c, room) => (await c.nodes[0].do("fetch", { rooms: [room] })).sockets.length;

// both are rows for the emitter and for the command.
const both = {
  "to all": (c, e) => c.heardBy(e, c.clients, () => e.emit({}, "x", 1, 1.5, "é😀", null, { a: [true, -1] }), "x", 1, 1.5, "é😀", null, { a: [true, -1] }),

  "to a room": async (c, e) => {
    const room = fresh("a,room");
    await c.enter(c.firsts(), room);
    await c.heardBy(e, c.firsts(), () => e.emit({ rooms: [room] }, "x"), "x");
  },

  "to a socket, by its id": async (c, e) => {
    for (const m of c.firsts()) await c.heardBy(e, [m], () => e.emit({ rooms: [m.id] }, "x"), "x");
  },

  "to several rooms except one, volatile": async (c, e) => {
    const [one, two, three] = [fresh("one"), fresh("two"), fresh("three")];
    await c.enter(c.firsts(), one);
    await c.enter(c.seconds(), two);
    await c.enter([c.clients[0], c.clients.at(-1)], three);
    const to = { rooms: [one, two], except: [three], volatile: true };
    await c.heardBy(e, c.others(c.clients[0], c.clients.at(-1)), () => e.emit(to, "x"), "x");
  },

  "to another namespace": async (c, e) => {
    const guests = c.nodes.map((n) => new Client(n, `guest of ${n.name}`, { namespace: "/admin" }));
    try {
      await Promise.all(guests.map((g) => g.connected()));
      await c.reachable({ nsp: "/admin" }, guests);
      await c.heardBy(e, [], () => e.emit({ nsp: "/admin" }, "x"));
      await until("all guests hear it", () => guests.every((g) => g.heard.length > 0));
    } finally {
      guests.forEach((g) => g.close());
    }
  },
};

// full are rows for the emitter only.
const full = {
  "binary": (c, e) => {
    const args = [Buffer.alloc(0), { deep: [Buffer.from([1]), Buffer.alloc(70_000, 3)] }, "text"];
    return c.heardBy(e, c.clients, () => e.emit({}, "x", ...args), "x", ...args);
  },

  "to an empty list of rooms": (c, e) => c.heardBy(e, [], () => e.emit({ rooms: [] }, "x")),

  "sockets join and leave": async (c, e) => {
    const [room, next, not] = [fresh("room"), fresh("next"), fresh("not")];
    await c.enter(c.clients, room);
    await c.enter(c.firsts(), not);
    await e.call("join", { rooms: [room], except: [not] }, [next]);
    await until("they join", async () => (await members(c, next)) > 0);
    await until("all of them", async () => (await members(c, next)) === c.seconds().length);
    await e.call("leave", { rooms: [next] }, [next]);
    await until("they leave", async () => (await members(c, next)) === 0);
  },

  "sockets are disconnected": async (c, e) => {
    const room = fresh("room");
    await c.enter(c.firsts(), room);
    const ends = c.firsts().map((m) => heard(m.socket, "disconnect"));
    await e.call("disconnect", { rooms: [room], close: true }, []);
    for (const end of ends) assert.equal((await end)[0], "io server disconnect");
    assert.ok(c.seconds().every((m) => m.socket.connected));
    await c.replace();
  },

  "a server-side event": async (c, e) => {
    await Promise.all(c.nodes.map((n) => n.do("noted")));
    await e.call("note", {}, ["from outside", [1]]);
    for (const node of c.nodes) {
      let noted = [];
      await until(`the event at ${node.name}`, async () => (noted = await node.do("noted")).length > 0);
      assert.deepEqual(noted, [["from outside", [1]]]);
    }
  },
};

for (const wire of ["classic", "sharded", "streams"]) {
  describe(`emitters on the ${wire} wire`, () => {
    let cluster, emitter;
    before(async () => {
      cluster = await startCluster(["node", "go"], { wire });
      emitter = await startEmitter(wire, cluster.redis);
    }, limit);
    beforeEach(() => cluster.replace(), limit);
    after(async () => {
      await emitter?.stop();
      await cluster?.stop();
    }, limit);
    for (const [title, row] of Object.entries({ ...both, ...full })) it(`redisbus.Emitter: ${title}`, limit, () => row(cluster, emitter));
    for (const [title, row] of Object.entries(both)) it(`socketio-jwt emit: ${title}`, limit, () => row(cluster, command(wire, cluster.redis)));
  });
}
