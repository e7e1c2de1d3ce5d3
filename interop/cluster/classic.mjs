// What only the classic wire has: the emitter, and requests that today's nodes answer and do not send.
import assert from "node:assert/strict";
import { Emitter } from "@socket.io/redis-emitter";
import { createClient } from "redis";
import { heard } from "../harness.mjs";
import { Client, fresh } from "./cluster.mjs";
import { until } from "./redis.mjs";

// emitter returns the published emitter as a sender, for Cluster.collect.
function emitter(c) {
  c.emitter ??= new Emitter(c.redis.admin);
  const e = c.emitter;
  return Object.assign(e, { name: "the emitter", emit: (to, ...args) => (typeof to === "string" ? Emitter.prototype.emit.call(e, to, ...args) : Emitter.prototype.emit.call(e, ...args)) });
}

const rooms = async (c, member) => {
  const { sockets } = await c.nodes[0].do("fetch", { rooms: [member.id] });
  return sockets[0]?.rooms ?? [];
};

export const emitters = {
  "the emitter, to all, with binary and a date": async (c) => {
    const e = emitter(c);
    await c.heardBy(e, c.clients, () => e.emit("x", 1, Buffer.from([1, 2]), new Date(0)), "x", 1, Buffer.from([1, 2]), "1970-01-01T00:00:00.000Z");
  },

  "the emitter, to a room": async (c) => {
    const room = fresh("room");
    await c.enter(c.firsts(), room);
    const e = emitter(c);
    await c.heardBy(e, c.firsts(), () => e.to(room).emit("x"), "x");
  },

  "the emitter, to a numeric room": async (c) => {
    const room = 2_000_000 + Number(fresh("").slice(1));
    await Promise.all(c.firsts().map((m) => m.do("join", [room])));
    await c.enter(c.firsts(), String(room));
    const e = emitter(c);
    await c.heardBy(e, c.firsts(), () => e.to(room).emit("x"), "x");
  },

  "the emitter, to several rooms except one, volatile": async (c) => {
    const [one, two, three] = [fresh("one"), fresh("two"), fresh("three")];
    await c.enter(c.firsts(), one);
    await c.enter(c.seconds(), two);
    await c.enter([c.clients[0], c.clients.at(-1)], three);
    const e = emitter(c);
    await c.heardBy(e, c.others(c.clients[0], c.clients.at(-1)), () => e.to([one, two]).except(three).volatile.compress(false).emit("x", 1), "x", 1);
  },

  "the emitter, to all except a socket, by its id": async (c) => {
    const e = emitter(c);
    for (const member of c.firsts()) await c.heardBy(e, c.others(member), () => e.except(member.id).emit("x"), "x");
  },

  "the emitter, in another namespace": async (c) => {
    const guests = c.nodes.map((n) => new Client(n, `guest of ${n.name}`, { namespace: "/admin" }));
    try {
      await Promise.all(guests.map((g) => g.connected()));
      await c.reachable({ nsp: "/admin" }, guests);
      const e = emitter(c);
      await c.heardBy(e, [], () => e.of("/admin").emit("x"));
      await until("all guests hear it", () => guests.every((g) => g.heard.length > 0));
    } finally {
      guests.forEach((g) => g.close());
    }
  },

  "the emitter makes sockets join and leave": async (c) => {
    const [room, next, not] = [fresh("room"), fresh("next"), fresh("not")];
    await c.enter(c.clients, room);
    await c.enter(c.firsts(), not);
    const e = emitter(c);
    e.in(room).except(not).socketsJoin([next]);
    for (const m of c.seconds()) await until("it joins", async () => (await rooms(c, m)).includes(next));
    for (const m of c.firsts()) assert.ok(!(await rooms(c, m)).includes(next));
    e.in(room).socketsLeave(next);
    for (const m of c.seconds()) await until("it leaves", async () => !(await rooms(c, m)).includes(next));
  },

  "the emitter disconnects sockets": async (c) => {
    const room = fresh("room");
    await c.enter(c.firsts(), room);
    const ends = c.firsts().map((m) => heard(m.socket, "disconnect"));
    emitter(c).in(room).disconnectSockets(true);
    for (const end of ends) assert.equal((await end)[0], "io server disconnect");
    assert.ok(c.seconds().every((m) => m.socket.connected));
    await c.replace();
  },

  "the emitter sends a server-side event": async (c) => {
    await Promise.all(c.nodes.map((n) => n.do("noted")));
    emitter(c).serverSideEmit("note", "from outside", [1]);
    for (const node of c.nodes) {
      let noted = [];
      await until(`the event at ${node.name}`, async () => (noted = await node.do("noted")).length > 0);
      assert.deepEqual(noted, [["from outside", [1]]]);
    }
  },
};

// exchange sends a request as a node of older software does, and returns the responses of all nodes.
async function exchange(c, request, count = c.nodes.length, uid = "older1") {
  const requestId = fresh("request");
  const listener = createClient({ url: c.redis.url });
  await listener.connect();
  const responses = [];
  await listener.subscribe(["socket.io-response#/#", `socket.io-response#/#${uid}#`], (message) => {
    if (message.startsWith("{") && message.includes(requestId)) responses.push(JSON.parse(message));
  });
  try {
    await c.redis.call("PUBLISH", "socket.io-request#/#", JSON.stringify({ uid, requestId, ...request }));
    await until(() => `${count} responses, not ${responses.length}`, () => responses.length >= count);
  } finally {
    await listener.disconnect();
  }
  return responses;
}

export const requests = {
  "type 0: the ids of a room's sockets": async (c) => {
    const room = fresh("room");
    await c.enter(c.firsts(), room);
    const responses = await exchange(c, { type: 0, rooms: [room] });
    assert.deepEqual(responses.flatMap((r) => r.sockets).sort(), c.firsts().map((m) => m.id).sort());
    assert.ok(responses.every((r) => Object.keys(r).sort().join() === "requestId,sockets"));
  },

  "type 0: the ids of all sockets": async (c) => {
    const responses = await exchange(c, { type: 0, rooms: [] });
    assert.deepEqual(responses.flatMap((r) => r.sockets).sort(), c.clients.map((m) => m.id).sort());
  },

  "type 1: the rooms of all nodes": async (c) => {
    const room = fresh("room");
    await c.enter(c.clients, room);
    for (const responses of [await exchange(c, { type: 1 })]) {
      assert.ok(responses.every((r) => r.rooms.map(String).includes(room)));
      const all = responses.flatMap((r) => r.rooms);
      for (const m of c.clients) assert.ok(all.includes(m.id), m.name);
    }
    for (const node of c.nodes.filter((n) => n.kind === "node")) {
      const all = await node.do("allRooms");
      for (const m of c.clients) assert.ok(all.includes(m.id), m.name);
      assert.ok(all.includes(room));
    }
  },

  "types 2, 3 and 4 of version 6: one socket joins, leaves and ends": async (c) => {
    const room = fresh("room");
    for (const m of c.firsts()) {
      await exchange(c, { type: 2, sid: m.id, room }, 1);
      assert.ok((await rooms(c, m)).includes(room));
      await exchange(c, { type: 3, sid: m.id, room }, 1);
      assert.ok(!(await rooms(c, m)).includes(room));
      const end = heard(m.socket, "disconnect");
      await exchange(c, { type: 4, sid: m.id, close: true }, 1);
      assert.equal((await end)[0], "io server disconnect");
    }
    await c.replace();
  },

  "type 5: the sockets, also to an asker that wants them on its own channel": async (c) => {
    const responses = await exchange(c, { type: 5, opts: { rooms: [], except: [] } });
    assert.deepEqual(responses.flatMap((r) => r.sockets.map((s) => s.id)).sort(), c.clients.map((m) => m.id).sort());
  },

  // Node answers with all members of a handshake; ours with those that hold no secret.
  "type 5: the handshake has the members that users of Node read": async (c) => {
    const responses = await exchange(c, { type: 5, opts: { rooms: [], except: [] } });
    const ours = new Set(c.clients.filter((m) => m.node.kind === "go").map((m) => m.id));
    for (const s of responses.flatMap((r) => r.sockets)) {
      // Node's node sends the token; ours does not.
      assert.equal(JSON.stringify(s).includes("secret of"), !ours.has(s.id));
      const { headers, time, address, xdomain, secure, issued, url, query, auth } = s.handshake;
      assert.equal(typeof headers, "object");
      assert.ok(!Number.isNaN(Date.parse(time)));
      assert.match(address, /127\.0\.0\.1$/);
      assert.deepEqual([typeof xdomain, secure, typeof issued], ["boolean", false, "number"]);
      assert.match(url, /^\/socket\.io\//);
      assert.deepEqual([typeof query, typeof auth], ["object", "object"]);
      assert.ok(Array.isArray(s.rooms) && s.rooms.includes(s.id) && typeof s.data === "object");
    }
  },

  "type 6: a server-side event without a handler, whose answer is wanted": async (c) => {
    const ours = c.nodes.filter((n) => n.kind === "go");
    const responses = await exchange(c, { type: 6, data: ["nothing of that name"] }, ours.length);
    assert.deepEqual(responses.map(({ type, data }) => [type, data]), ours.map(() => [6, undefined]));
  },

  // In Socket.IO 2, type 4 is a request of the program. Node's node takes it for a disconnect, and dies of type 5.
  "requests of Socket.IO 2 are ignored": async (c) => {
    const ours = c.nodes.filter((n) => n.kind === "go");
    const types = ours.length === c.nodes.length ? [0, 1, 2, 3, 4, 5, 6] : [0, 1, 6];
    await Promise.all(c.nodes.map((n) => n.do("noted")));
    for (const type of types) {
      await c.redis.call("PUBLISH", "socket.io-request#/#", JSON.stringify({ requestid: "old", type, sid: c.clients[0].id, room: "old", data: ["note", "old"], rooms: [] }));
    }
    await c.flush(c.nodes[0]);
    for (const node of ours) {
      assert.deepEqual(await node.do("noted"), []);
      assert.ok(!(await node.do("rooms")).includes("old"));
    }
    assert.ok(c.clients.every((m) => m.socket.connected));
  },
};

