// The recovery of sessions whose connection was lost, with the published clients.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { allVersions, arrive, ask, dial, heard, isOld, limit, mint, program, secret, shown, start, transports, versions } from "./harness.mjs";

let server, url;
before(async () => {
  server = await start(program("RECOVERYSERVER", "./recoveryserver"), [], { JWT_SECRET: secret });
  url = `http://${JSON.parse(server.line).addr}`;
});
after(() => server?.stop());

const post = async (path, query, body = []) => {
  const response = await fetch(`${url}/test/${path}?${new URLSearchParams(query)}`, { method: "POST", body: JSON.stringify(body) });
  assert.ok(response.ok, `${path}: ${response.status} ${await response.text()}`);
};
const broadcast = (query, ...args) => post("broadcast", query, args);

let users = 0;
const newUser = () => `user ${++users} of ${process.pid}`; // the tests run at the same time

// story collects what a socket hears: "connect", and the events and arguments of broadcasts to its user.
function story(socket) {
  const lines = [];
  socket.on("connect", () => lines.push("connect"));
  for (const event of ["news", "more", "passing"]) socket.on(event, (...args) => lines.push([event, ...args.slice(0, 1)].join(" ")));
  return lines;
}

// lose closes the connection of a socket as an unreachable network does: without leaving the namespace.
async function lose(socket) {
  const lost = heard(socket, "disconnect");
  socket.io.engine.close();
  await lost;
}

// last waits for one more event that only this user receives, so that all earlier ones have arrived.
async function last(socket, user) {
  const arrived = heard(socket, "last");
  await broadcast({ room: `user:${user}`, event: "last" }, {});
  await arrived;
}

async function enter(t, io, transport, user, namespace = "/") {
  const socket = dial(t, io, url, namespace, { transports: transports[transport], autoConnect: false, ...shown(io, { token: mint({ sub: user }) }) });
  const lines = story(socket);
  const hello = heard(socket, "hello");
  socket.connect();
  await arrive(socket, namespace === "/" ? "handshake" : "event", mint({ sub: user }));
  return { socket, lines, hello: (await hello)[0] };
}

const current = versions["4.8.4"];

for (const transport of Object.keys(transports)) {
  describe(`4.8.4 by ${transport}`, { concurrency: true }, () => {
    test("receives what it has missed, before it is connected again", limit, async (t) => {
      const user = newUser();
      const { socket, lines, hello } = await enter(t, current, transport, user);
      assert.deepEqual(hello, { recovered: false, note: "" });
      const id = socket.id;
      const room = `room of ${user}`;
      await ask(socket, "join", room);
      await ask(socket, "note", "remembered");
      await last(socket, user);
      await broadcast({ room, event: "passing", volatile: 1 }, "a text that is not an offset");
      await lose(socket);
      await broadcast({ room, event: "news" }, "first");
      await broadcast({ room: `user:${user}`, event: "more" }, "second");
      await broadcast({ room: "another room", event: "news" }, "not for it");
      await broadcast({ room, event: "passing", volatile: 1 }, "volatile");
      const again = heard(socket, "hello");
      socket.connect();
      assert.deepEqual((await again)[0], { recovered: true, note: "remembered" });
      assert.equal(socket.recovered, true);
      assert.equal(socket.id, id);
      await broadcast({ room, event: "news" }, "third");
      await last(socket, user);
      assert.deepEqual(lines.filter((line) => !line.includes("not an offset")), ["connect", "news first", "more second", "connect", "news third"]);
    });

    test("is not recovered for another user", limit, async (t) => {
      const user = newUser();
      const { socket, lines } = await enter(t, current, transport, user);
      const id = socket.id;
      await last(socket, user);
      await lose(socket);
      await broadcast({ room: `user:${user}`, event: "news" }, "secret");
      socket.auth = { token: mint({ sub: "eve" }) };
      const again = heard(socket, "hello");
      socket.connect();
      assert.deepEqual((await again)[0], { recovered: false, note: "" });
      assert.equal(socket.recovered, false);
      assert.notEqual(socket.id, id);
      await last(socket, "eve");
      assert.deepEqual(lines, ["connect", "connect"]);
    });

    test("is refused if the token was revoked meanwhile", limit, async (t) => {
      const user = newUser();
      const { socket, lines } = await enter(t, current, transport, user);
      await last(socket, user);
      await lose(socket);
      await broadcast({ room: `user:${user}`, event: "news" }, "secret");
      await post("revoke", { subject: user });
      const refused = heard(socket, "connect_error");
      socket.connect();
      assert.equal((await refused)[0].data.reason, "token_revoked");
      assert.deepEqual(lines, ["connect"]);
    });

    test("is not recovered in event mode", limit, async (t) => {
      const { socket, hello } = await enter(t, current, transport, newUser(), "/event");
      assert.equal(hello.recovered, false);
      await lose(socket);
      const again = heard(socket, "hello");
      socket.connect();
      await arrive(socket, "event", mint());
      assert.equal((await again)[0].recovered, false);
      assert.ok(!socket.recovered);
    });
  });
}

describe("older clients come back with a new socket", { concurrency: true }, () => {
  for (const [version, io] of Object.entries(allVersions)) {
    if (io === current) continue;
    test(version, limit, async (t) => {
      const user = newUser();
      const { socket } = await enter(t, io, "websocket", user);
      const heardLast = heard(socket, "last");
      await broadcast({ room: `user:${user}`, event: "last" }, "only");
      if (isOld(io)) assert.deepEqual(await heardLast, ["only"]);
      else assert.equal((await heardLast)[0], "only");
      const id = socket.id;
      await lose(socket);
      await broadcast({ room: `user:${user}`, event: "news" }, "missed");
      const again = heard(socket, "hello");
      socket.connect();
      assert.equal((await again)[0].recovered, false);
      assert.notEqual(socket.id, id);
    });
  }
});
