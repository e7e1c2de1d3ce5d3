// What nodes of a cluster do for each other: each row is done by one node and seen by the clients of all nodes. The rows hold on
// every wire and for every mixture of nodes in Node and in Go.
import assert from "node:assert/strict";
import { heard, within } from "../harness.mjs";
import { Client, fresh } from "./cluster.mjs";
import { until } from "./redis.mjs";
import { pack, unpack } from "./values.mjs";

const everyone = {};
const names = (clients) => clients.map((c) => c.name).sort();
const binary = Buffer.from([3, 4]);

// inOrder checks that events arrive in the order in which they were sent.
async function inOrder(c, from, to) {
  const sent = Array.from({ length: 300 }, (_, i) => ["n", i]);
  const got = await c.collect(from, () => Promise.all(sent.map((event, i) => from.emit(to(i), ...event))));
  assert.deepEqual(got, Object.fromEntries(c.clients.map((m) => [m.name, sent])));
}

// --- broadcasts ------------------------------------------------------------------------------------------------------

const broadcasts = {
  "an event for all, with binary": (c, from) =>
    c.heardBy(from, c.clients, () => from.emit(everyone, "test", 1, "2", binary), "test", 1, "2", binary),

  "an event without arguments": (c, from) => c.heardBy(from, c.clients, () => from.emit(everyone, "bare"), "bare"),

  "an event for a room": async (c, from) => {
    const room = fresh("room");
    await c.enter(c.firsts(), room);
    await c.heardBy(from, c.firsts(), () => from.emit({ rooms: [room] }, "x", room), "x", room);
  },

  "an event for a room whose name has 20 characters": async (c, from) => {
    const room = fresh("a room of 20 letters").slice(-20).padStart(20, "-");
    await c.enter(c.firsts(), room);
    await c.heardBy(from, c.firsts(), () => from.emit({ rooms: [room] }, "x"), "x");
  },

  "an event for a room whose name has characters of patterns and separators": async (c, from) => {
    const room = fresh("a#b*c?[d]\\#é😀");
    await c.enter(c.firsts(), room);
    await c.heardBy(from, c.firsts(), () => from.emit({ rooms: [room] }, "x"), "x");
  },

  "an event for a room with members on one node": async (c, from) => {
    for (const node of c.nodes) {
      const room = fresh("room");
      const [member] = c.on(node);
      await c.enter([member], room);
      await c.heardBy(from, [member], () => from.emit({ rooms: [room] }, "x"), "x");
    }
  },

  "an event for a room without members": (c, from) => c.heardBy(from, [], () => from.emit({ rooms: [fresh("empty")] }, "x")),

  // Node has two rooms for 123 and "123", so the clients are in both.
  "an event for a numeric room": async (c, from) => {
    const room = 1_000_000 + Number(fresh("").slice(1));
    await Promise.all(c.firsts().map((m) => m.do("join", [room])));
    await c.enter(c.firsts(), String(room));
    const rooms = [from.kind === "node" ? room : String(room)];
    await c.heardBy(from, c.firsts(), () => from.emit({ rooms }, "x"), "x");
    await c.heardBy(from, c.seconds(), () => from.emit({ except: rooms }, "x"), "x");
  },

  "an event for several rooms, once for each socket": async (c, from) => {
    const [one, two] = [fresh("one"), fresh("two")];
    await c.enter(c.firsts(), one, two);
    await c.enter([c.clients.at(-1)], two);
    await c.heardBy(from, [...c.firsts(), c.clients.at(-1)], () => from.emit({ rooms: [one, two] }, "x"), "x");
  },

  "an event for several rooms except one": async (c, from) => {
    const [one, two, three] = [fresh("one"), fresh("two"), fresh("three")];
    await c.enter(c.firsts(), one);
    await c.enter(c.seconds(), two);
    await c.enter([c.clients.at(-1), c.clients[0]], three);
    const expected = c.others(c.clients[0], c.clients.at(-1));
    await c.heardBy(from, expected, () => from.emit({ rooms: [one, two], except: [three] }, "x"), "x");
  },

  "an event for all except two rooms": async (c, from) => {
    const [one, two] = [fresh("one"), fresh("two")];
    await c.enter([c.clients[0]], one);
    await c.enter([c.clients.at(-1)], two);
    const expected = c.others(c.clients[0], c.clients.at(-1));
    await c.heardBy(from, expected, () => from.emit({ except: [one, two] }, "x"), "x");
  },

  "a volatile event": (c, from) => c.heardBy(from, c.clients, () => from.emit({ volatile: true }, "x", 1), "x", 1),

  "an event that is not to be compressed": (c, from) =>
    c.heardBy(from, c.clients, () => from.emit({ compress: false, volatile: true }, "x", 1), "x", 1),

  "an event for this node only": (c, from) => c.heardBy(from, c.on(from), () => from.emit({ local: true }, "x"), "x"),

  "an event for one socket of each node, by its id": async (c, from) => {
    for (const member of c.clients) {
      await c.heardBy(from, [member], () => from.emit({ rooms: [member.id] }, "x"), "x");
    }
  },

  "an event for all except one socket, by its id": async (c, from) => {
    for (const member of c.clients) {
      await c.heardBy(from, c.others(member), () => from.emit({ except: [member.id] }, "x"), "x");
    }
  },

  "socket.broadcast": async (c, from) => {
    const [sender] = c.on(from);
    await c.heardBy(from, c.others(sender), () => sender.do("broadcast", {}, ["x", 1]), "x", 1);
  },

  "socket.to a room": async (c, from) => {
    const room = fresh("room");
    await c.enter(c.firsts(), room);
    const [sender] = c.on(from);
    const expected = c.firsts().filter((m) => m !== sender);
    await c.heardBy(from, expected, () => sender.do("broadcast", { rooms: [room] }, ["x", 1]), "x", 1);
  },

  "events arrive in the order in which they were sent, to all": (c, from) => inOrder(c, from, () => ({})),

  "events arrive in the order in which they were sent, to a room": async (c, from) => {
    const room = fresh("room");
    await c.enter(c.clients, room);
    await inOrder(c, from, () => ({ rooms: [room] }));
  },

  // The masters of a Redis Cluster do not wait for each other.
  "events arrive in the order in which they were sent, to both": async (c, from) => {
    if (c.fences.length > 0) return;
    const room = fresh("room");
    await c.enter(c.clients, room);
    await inOrder(c, from, (i) => (i % 3 ? {} : { rooms: [room] }));
  },

  "an event of 1 MB, text and binary": (c, from) => {
    const [text, bytes] = ["é".repeat(500_000), Buffer.alloc(1_000_000, 7)];
    return c.heardBy(from, c.clients, () => from.emit(everyone, "large", text, bytes), "large", text, bytes);
  },

  "an event in another namespace": async (c, from) => {
    for (const nsp of ["/admin", fresh("/dynamic-*")]) {
      const guests = c.nodes.map((n) => new Client(n, `guest of ${n.name}`, { namespace: nsp }));
      try {
        await Promise.all(guests.map((g) => g.connected()));
        await c.reachable({ nsp }, guests);
        await c.heardBy(from, [], () => from.emit({ nsp }, "x", 1));
        await until("all guests hear it", () => guests.every((g) => g.heard.length > 0));
        assert.deepEqual(guests.map((g) => g.heard), guests.map(() => [["x", 1]]));
      } finally {
        guests.forEach((g) => g.close());
      }
    }
  },
};

// --- acknowledgements ------------------------------------------------------------------------------------------------

// asked checks whose names come back as answers.
async function asked(from, to, expected, { partial = false, event = ["ask"], timeout = 20_000 } = {}) {
  const got = await from.do("ask", { ...to, timeout, args: event });
  assert.deepEqual(got.answers.sort(), names(expected));
  assert.equal(got.partial, partial, "partial");
}

const acknowledgements = {
  "answers of all": (c, from) => asked(from, everyone, c.clients),

  "answers of a room": async (c, from) => {
    const room = fresh("room");
    await c.enter(c.firsts(), room);
    await asked(from, { rooms: [room] }, c.firsts());
  },

  "answers of a room with members on one node": async (c, from) => {
    for (const member of c.firsts()) {
      const room = fresh("room");
      await c.enter([member], room);
      await asked(from, { rooms: [room] }, [member]);
    }
  },

  "answers of one socket, by its id": async (c, from) => {
    for (const member of c.clients) await asked(from, { rooms: [member.id] }, [member]);
  },

  "answers of all except a room": async (c, from) => {
    const room = fresh("room");
    await c.enter(c.firsts(), room);
    await asked(from, { except: [room] }, c.seconds());
  },

  "no answers of an empty room, at once": async (c, from) => {
    const begin = Date.now();
    await asked(from, { rooms: [fresh("empty")] }, [], { timeout: 50_000 });
    assert.ok(Date.now() - begin < 40_000);
  },

  "the answers of the others, when one client does not answer": async (c, from) => {
    for (const silent of [c.on(from)[0], c.others(...c.on(from))[0]]) {
      await asked(from, everyone, c.others(silent), { partial: true, event: ["ask-some", silent.name], timeout: 1500 });
    }
  },

  "binary answers, of which the first argument counts": async (c, from) => {
    const { answers, partial } = await from.do("ask", { timeout: 20_000, args: ["ask-binary"] });
    assert.deepEqual(unpack(answers).map(String).sort(), names(c.clients));
    assert.equal(partial, false);
  },
};

// --- values ----------------------------------------------------------------------------------------------------------

// exact are values that arrive in the same form whether they have passed through Redis or not.
const exact = {
  integers: [0, 1, -1, 127, 128, 255, 256, -32, -33, -128, -129, 65535, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, -(2 ** 31), -(2 ** 31) - 1],
  "large integers": [2 ** 53 - 1, 2 ** 53, -(2 ** 53) + 1],
  fractions: [1.5, -0.1, 1e-7, 5e-324, 0.1 + 0.2, 1.7976931348623157e-300],
  literals: [true, false, null],
  texts: ["", "a", "é", "😀", "\u0000", "\u2028", "\ufffd", '"\\', "x".repeat(31), "x".repeat(32), "é".repeat(200), "x".repeat(70_000)],
  objects: [{}, { a: { b: { c: [] } } }, { "": 0, é: 1, 12: 2 }, Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, i]))],
  arrays: [[], [[[]]], Array.from({ length: 20 }, (_, i) => i), Array.from({ length: 70_000 }, () => 1)],
  "members with special names": [{ constructor: 2, toString: 3, _placeholder: true, num: 7 }],
  binary: [Buffer.alloc(0), Buffer.from([0]), Buffer.alloc(255, 1), Buffer.alloc(256, 2), Buffer.alloc(70_000, 3)],
  "binary inside": [{ deep: [Buffer.from([1]), { b: Buffer.from([2]) }] }, [Buffer.from([3])]],
};

const js = (source) => ({ $js: source });
// peculiar are values that only JavaScript has.
const peculiar = {
  dates: [js("new Date(0)"), js("new Date(1)"), js("new Date(1700000000000)"), js("new Date(-1)"), js("new Date(2 ** 40)"), js("({ at: new Date(4102444800123) })")],
  "numbers that JSON does not have": [js("NaN"), js("Infinity"), js("-Infinity"), js("-0")],
  undefined: [js("undefined"), js("[undefined]"), js("({ a: undefined, b: 1 })")],
  "typed arrays": [js("new Uint8Array([1, 2])"), js("new Uint8Array([1, 2, 3]).subarray(1)"), js("Buffer.from('abc')")],
  "values with toJSON": [js("({ toJSON: () => ({ is: 1 }) })"), js("new URL('http://a.example/')")],
};

// sameForAll checks that every client hears what those of the sender hear, which has not passed through Redis.
async function sameForAll(c, from, args) {
  const got = await c.collect(from, () => from.do("emit", { args: ["value", ...args] }));
  assert.deepEqual(Object.keys(got).sort(), names(c.clients));
  const own = got[c.on(from)[0].name];
  for (const m of c.clients) assert.deepEqual(got[m.name], own, m.name);
  return own[0].slice(1);
}

const values = {
  ...Object.fromEntries(
    Object.entries(exact).map(([title, list]) => [
      title,
      async (c, from) => {
        for (const value of list) assert.deepEqual(await sameForAll(c, from, [pack(value)]), [value]);
      },
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(peculiar).map(([title, list]) => [
      title,
      async (c, from) => {
        if (from.kind === "go") return; // Go does not have them
        for (const value of list) await sameForAll(c, from, [value]);
      },
    ]),
  ),

  // Node's nodes do not agree about these among themselves.
  "values that Node changes on the wire arrive": async (c, from) => {
    if (from.kind === "go") return;
    for (const source of ["1e20", "1e300", "'\\ud800x'", "new Uint8Array([1]).buffer", "new Map([[1, 2]])", "JSON.parse('{\"__proto__\": 1}')"]) {
      const got = await c.collect(from, () => from.do("emit", { args: ["value", js(source)] }));
      assert.deepEqual(Object.keys(got).sort(), names(c.clients), source);
    }
  },

  "values of answers": async (c, from) => {
    for (const value of [1.5, null, "é😀", { deep: [1, { a: null }] }, [[]], true, 2 ** 53, Buffer.from([1, 2]), { b: [Buffer.from([3])] }]) {
      const { answers } = await from.do("ask", { timeout: 20_000, args: ["ask-echo", pack(value)] });
      assert.deepEqual(unpack(answers), c.clients.map(() => value));
    }
  },
};

// --- rooms and sockets of other nodes --------------------------------------------------------------------------------

// members returns the names of the clients that the nodes have in a room.
async function members(c, room) {
  const { sockets } = await c.nodes[0].do("fetch", { rooms: [room] });
  return names(c.clients.filter((m) => sockets.some((s) => s.id === m.id)));
}

const remotely = {
  "all join two rooms": async (c, from) => {
    const [one, two] = [fresh("one"), fresh("two")];
    await from.do("join", { join: [one, two] });
    for (const room of [one, two]) {
      await until(`all in ${room}`, async () => (await members(c, room)).length === c.clients.length);
      await c.reachable({ rooms: [room] }, c.clients);
    }
  },

  "the members of a room except those of another join": async (c, from) => {
    const [room, not, next] = [fresh("room"), fresh("not"), fresh("next")];
    await c.enter(c.clients, room);
    await c.enter(c.firsts(), not);
    await from.do("join", { rooms: [room], except: [not], join: [next] });
    await c.flush(from);
    await until("they have joined", async () => (await members(c, next)).length > 0);
    await until("all of them", async () => (await members(c, next)).length === c.seconds().length);
    assert.deepEqual(await members(c, next), names(c.seconds()));
  },

  "one socket joins, by its id": async (c, from) => {
    for (const member of c.firsts()) {
      const room = fresh("room");
      await from.do("join", { rooms: [member.id], join: [room] });
      await until("it has joined", async () => (await members(c, room)).length > 0);
      assert.deepEqual(await members(c, room), [member.name]);
    }
  },

  "the members of two rooms leave one": async (c, from) => {
    const [one, two, kept] = [fresh("one"), fresh("two"), fresh("kept")];
    await c.enter(c.clients, one, kept);
    await c.enter(c.firsts(), two);
    await from.do("leave", { rooms: [two, fresh("empty")], leave: [one, two] });
    await until("they have left", async () => (await members(c, one)).length === c.seconds().length);
    assert.deepEqual(await members(c, one), names(c.seconds()));
    assert.deepEqual(await members(c, kept), names(c.clients));
    await c.heardBy(from, c.seconds(), () => from.emit({ rooms: [one] }, "x"), "x");
  },

  "the members of a room are disconnected": async (c, from) => {
    const room = fresh("room");
    await c.enter(c.firsts(), room);
    const ends = c.firsts().map((m) => heard(m.socket, "disconnect"));
    await from.do("disconnect", { rooms: [room], close: false });
    assert.deepEqual((await Promise.all(ends)).map(([reason]) => reason), ends.map(() => "io server disconnect"));
    assert.ok(c.seconds().every((m) => m.socket.connected), "the others stay");
    await c.replace();
  },

  "one socket is disconnected with its connection, by its id": async (c, from) => {
    for (const node of c.nodes) {
      const [member] = c.on(node);
      const end = heard(member.socket, "disconnect");
      const closed = new Promise((resolve) => member.socket.io.engine.once("close", resolve));
      await from.do("disconnect", { rooms: [member.id], close: true });
      assert.equal((await end)[0], "io server disconnect");
      await within(closed, "the end of the connection");
      assert.ok(c.others(member).every((m) => m.socket.connected), "the others stay");
      await c.replace();
    }
  },
};

// --- questions to other nodes ----------------------------------------------------------------------------------------

const questions = {
  "the sockets of all nodes, with their rooms and data": async (c, from) => {
    const room = fresh("room");
    await Promise.all(c.clients.map((m) => m.do("data", `name of ${m.name}`)));
    await c.enter(c.firsts(), room);
    const { sockets, partial } = await from.do("fetch");
    assert.equal(partial, false);
    assert.deepEqual(sockets.map((s) => s.id).sort(), c.clients.map((m) => m.id).sort());
    for (const s of sockets) {
      const m = c.clients.find((client) => client.id === s.id);
      assert.equal(s.data.name, `name of ${m.name}`);
      assert.ok(s.rooms.includes(m.id));
      assert.equal(s.rooms.includes(room), c.firsts().includes(m));
    }
  },

  "the sockets of a room except another": async (c, from) => {
    const [room, not] = [fresh("room"), fresh("not")];
    await c.enter(c.clients, room);
    await c.enter(c.seconds(), not);
    const { sockets } = await from.do("fetch", { rooms: [room], except: [not] });
    assert.deepEqual(sockets.map((s) => s.id).sort(), c.firsts().map((m) => m.id).sort());
  },

  "the sockets of an empty room": async (c, from) => {
    assert.deepEqual(await from.do("fetch", { rooms: [fresh("empty")] }), { sockets: [], partial: false });
  },

  "the sockets of this node only": async (c, from) => {
    const { sockets } = await from.do("fetch", { local: true });
    assert.deepEqual(sockets.map((s) => s.id).sort(), c.on(from).map((m) => m.id).sort());
  },

  "the number of nodes": async (c, from) => assert.equal(await from.do("nodes"), c.nodes.length),

  "a server-side event": async (c, from) => {
    await Promise.all(c.nodes.map((n) => n.do("noted")));
    const mark = fresh("note");
    await from.do("note", { args: [mark, { deep: [1.5, null, "é"] }] });
    for (const node of c.nodes.filter((n) => n !== from)) {
      let noted = [];
      await until(`the event at ${node.name}`, async () => (noted = await node.do("noted")).length > 0);
      assert.deepEqual(noted, [[mark, { deep: [1.5, null, "é"] }]]);
    }
    assert.deepEqual(await from.do("noted"), [], "the sender");
  },

  "server-side events arrive in order": async (c, from) => {
    await Promise.all(Array.from({ length: 100 }, (_, i) => from.do("note", { args: [i] })));
    for (const node of c.nodes.filter((n) => n !== from)) {
      const noted = [];
      await until(`the events at ${node.name}`, async () => noted.push(...(await node.do("noted"))) && noted.length >= 100);
      assert.deepEqual(noted.map(([i]) => i), Array.from({ length: 100 }, (_, i) => i));
    }
  },

  "a server-side event with an answer": async (c, from) => {
    const { answers, partial } = await from.do("hello", { args: ["w", 1] });
    assert.equal(partial, false);
    assert.deepEqual(answers.sort(), c.nodes.filter((n) => n !== from).map((n) => [n.name, "w", 1]).sort());
  },

  // Node's node does not answer an event without a handler; ours answers without a value.
  "a server-side event without a handler, asked of our nodes": async (c, from) => {
    const others = c.nodes.filter((n) => n !== from);
    if (others.some((n) => n.kind === "node")) return;
    const begin = Date.now();
    const { answers, partial } = await from.do("hello", { event: "nothing", args: [] });
    assert.deepEqual(answers, from.kind === "node" ? others.map(() => null) : []);
    assert.equal(partial, false);
    assert.ok(Date.now() - begin < 4500);
  },

  "a server-side event with an answer, in a namespace without sockets": async (c, from) => {
    const { answers, partial } = await from.do("hello", { nsp: "/admin", args: [] });
    assert.equal(partial, false);
    assert.deepEqual(answers.map(([name]) => name).sort(), c.nodes.filter((n) => n !== from).map((n) => n.name).sort());
  },
};

export const groups = { broadcasts, acknowledgements, remotely, questions, values };
