// How connections end, and which clients come back: expiry, restarts, deadlines, grace, and one namespace among several.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { allVersions, arrive, ask, assertTransport, dial, enter, gates, heard, isOld, limit, mint, renew, startServer, transports, within } from "./harness.mjs";

const soon = (seconds) => Math.floor(Date.now() / 1000) + seconds;
const comesBack = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200, randomizationFactor: 0 };

let server;
before(async () => { server = await startServer(["-leeway", "-1s", "-eio3"]); });
after(() => server?.stop());

const each = (names, todo) => {
  for (const [version, io] of Object.entries(allVersions)) for (const transport of Object.keys(transports)) for (const name of names) todo({ version, io, transport, name });
};

describe("after expiry both namespaces of a connection come back with a fresh token", { concurrency: true }, () => {
  const pairs = { handshake: ["/", "/second"], event: ["/admin", "/admin-second"], both: ["/", "/admin"] };
  each(Object.keys(pairs), ({ version, io, transport, name: mode }) => test(`${version} by ${transport}, ${mode}`, limit, async (t) => {
    // The first token is valid long enough to be admitted on a busy machine, and later ones for a minute.
    let asked = 0;
    const current = mint({ exp: soon(12), sub: "first" });
    const payload = () => ({ token: asked++ < 2 ? current : mint({ sub: "fresh" }) });

    const options = { transports: transports[transport], autoConnect: false, ...comesBack };
    const first = dial(t, io, server.url, pairs[mode][0], options);
    const both = [first, first.io.socket(pairs[mode][1])];
    const stories = both.map((socket) => {
      const story = [];
      socket.on("welcome", (subject) => story.push(`welcome ${subject}`));
      socket.on("unauthorized", (error) => story.push(`unauthorized ${error.data.reason}`));
      socket.on("disconnect", (reason) => story.push(`disconnect ${reason}`));
      if (socket.nsp.startsWith("/admin")) socket.on("connect", () => socket.emit("authenticate", payload()));
      else renew(io, socket, payload);
      return story;
    });

    const welcomed = () => Promise.all(both.map((socket) => heard(socket, "welcome")));
    const admitted = welcomed();
    for (const socket of both) socket.connect();
    await admitted;
    await assertTransport(first, transport);
    await welcomed();
    await assertTransport(first, transport);
    for (const [i, socket] of both.entries()) {
      const story = stories[i].filter((line) => line !== "unauthorized token_expired");
      assert.deepEqual(story, ["welcome first", "disconnect transport close", "welcome fresh"], socket.nsp);
      assert.equal((await ask(socket, "whoami"))[0].sub, "fresh");
    }
    // The first lease to end closes the transport, so the other namespace may be told nothing.
    assert.ok(stories.flat().includes("unauthorized token_expired"));
  }));
});

// beats waits for n pings of an engine: those it receives, or with Engine.IO 3 those it sends.
const beats = (engine, n) => within(new Promise((resolve) => {
  const count = ({ type }) => type === "ping" && --n === 0 && resolve();
  engine.on("packet", count);
  engine.on("packetCreate", count);
}), "heartbeats");

test("connections outlive their heartbeats", limit, async (t) => {
  // With Engine.IO 3 the client pings.
  const beating = await startServer(["-eio3", "-heartbeat", "1s"]);
  t.after(() => beating.stop());
  const everybody = [];
  each([""], ({ version, io, transport }) => everybody.push((async () => {
    const socket = await enter(t, io, { url: beating.url, transport, mode: "handshake" });
    const left = [];
    socket.on("disconnect", (reason) => left.push(reason));
    await beats(socket.io.engine, 4);
    assert.deepEqual(left, [], `${version} by ${transport}`);
    assert.deepEqual(await ask(socket, "echo", "still here"), ["still here"]);
  })()));
  await Promise.all(everybody);
});

describe("a restart of the server", limit, () => {
  for (const ending of ["stop", "kill"]) test(`everybody comes back with a fresh token after it was ended by ${ending}`, limit, async (t) => {
    let fragile = await startServer(["-eio3"]);
    t.after(() => fragile.stop());
    const everybody = [];
    each(Object.keys(gates), ({ version, io, transport, name: mode }) => {
      let visits = 0;
      const payload = () => ({ token: mint({ visit: ++visits }) });
      const socket = dial(t, io, fragile.url, gates[mode], { transports: transports[transport], autoConnect: false, ...comesBack });
      if (mode === "handshake") renew(io, socket, payload);
      else socket.on("connect", () => socket.emit("authenticate", payload()));
      socket.connect();
      const left = [];
      socket.on("disconnect", (reason) => left.push(reason));
      everybody.push({ who: `${version} by ${transport}, ${mode}`, socket, left, transport });
    });
    const welcomed = () => Promise.all(everybody.map(({ socket }) => heard(socket, "welcome")));
    await welcomed();
    await Promise.all(everybody.map(({ socket, transport }) => assertTransport(socket, transport)));

    const back = welcomed();
    await fragile[ending]();
    fragile = await startServer(["-addr", fragile.addr, "-eio3"]);
    await back;
    for (const { who, socket, left, transport } of everybody) {
      assert.deepEqual(left.length, 1, who);
      assert.match(left[0], /^transport (close|error)$/, who);
      assert.ok((await ask(socket, "whoami"))[0].visit > 1, who);
      await assertTransport(socket, transport);
    }
  });
});

for (const revision of [3, 4]) test(`a peer of Engine.IO ${revision} that vanished between two polls does not hold up the server's end`, limit, async () => {
  const polled = await startServer(["-eio3"]);
  const response = await fetch(`${polled.url}/socket.io/?EIO=${revision}&transport=polling&b64=1`);
  assert.match(await response.text(), revision === 3 ? /^\d+:0\{/ : /^0\{/);
  const begin = Date.now();
  await polled.stop();
  assert.ok(Date.now() - begin < 25_000, `it took ${Date.now() - begin} ms`); // a closing session would wait 30 s for a poll
});

describe("the deadline and the grace of the event mode", { concurrency: true }, () => {
  each([""], ({ version, io, transport }) => {
    // outside connects, and returns the socket and a promise for each event. They listen from the start: on a busy machine an event
    // may be received together with the answer to CONNECT.
    const outside = async (t, namespace, ...events) => {
      const socket = dial(t, io, server.url, namespace, { transports: transports[transport] });
      const promises = events.map((event) => heard(socket, event));
      await heard(socket, "connect");
      return [socket, ...promises];
    };

    test(`${version} by ${transport}: who never authenticates is told, and has to go`, limit, async (t) => {
      const [, told, gone] = await outside(t, "/brief", "unauthorized", "disconnect");
      assert.equal((await gone)[0], "io server disconnect");
      const [error] = await told;
      assert.equal(error.data.reason, "auth_timeout");
    });

    test(`${version} by ${transport}: other events do not put off the deadline`, limit, async (t) => {
      const [socket, told, gone] = await outside(t, "/brief", "unauthorized", "disconnect");
      const chatter = setInterval(() => socket.emit("echo", "still here"), 100);
      t.after(() => clearInterval(chatter));
      const [, ack] = await told;
      ack();
      assert.equal((await gone)[0], "io server disconnect");
    });

    test(`${version} by ${transport}: more early events than are kept end the connection`, limit, async (t) => {
      const [socket, gone] = await outside(t, "/admin", "disconnect");
      for (let n = 0; n < 17; n++) socket.emit("seq", n);
      assert.equal((await gone)[0], "transport close");
    });

    test(`${version} by ${transport}: acknowledging the refusal ends the grace`, limit, async (t) => {
      // The grace and the deadline of this namespace are longer than the limit of this test.
      const [socket, told, gone] = await outside(t, "/admin", "unauthorized", "disconnect");
      socket.emit("authenticate", { token: "bad" });
      const [, ack] = await told;
      ack();
      assert.equal((await gone)[0], "io server disconnect");
    });

    test(`${version} by ${transport}: without an acknowledgement the grace ends by itself, and no token helps any more`, limit, async (t) => {
      const [socket, told, gone] = await outside(t, "/grace", "unauthorized", "disconnect");
      let admitted = false;
      socket.on("authenticated", () => { admitted = true; });
      socket.emit("authenticate", { token: "bad" });
      await told;
      socket.emit("authenticate", { token: mint() });
      // The deadline of this namespace is longer than the limit of this test.
      assert.equal((await gone)[0], "io server disconnect");
      assert.equal(admitted, false);
    });

    test(`${version} by ${transport}: where two attempts are allowed the second may be good`, limit, async (t) => {
      const [socket, told] = await outside(t, "/twice", "unauthorized");
      socket.emit("authenticate", { token: "bad" });
      await told;
      await arrive(socket, "event", mint({ sub: "second try" }));
      assert.equal((await ask(socket, "whoami"))[0].sub, "second try");
    });
  });
});

describe("leaving one namespace does not end the others", { concurrency: true }, () => {
  each([""], ({ version, io, transport }) => {
    const beside = async (t, namespace) => {
      const stays = await enter(t, io, { url: server.url, transport, mode: "handshake" });
      stays.ended = [];
      stays.on("disconnect", (reason) => stays.ended.push(reason));
      return { stays, other: stays.io.socket(namespace) };
    };
    const stillThere = async (stays) => {
      assert.deepEqual(await ask(stays, "echo", "still here"), ["still here"]);
      assert.deepEqual(stays.ended, []);
    };

    test(`${version} by ${transport}: the server's doing`, limit, async (t) => {
      const { stays, other } = await beside(t, "/brief");
      assert.equal((await heard(other, "disconnect"))[0], "io server disconnect");
      await stillThere(stays);
    });

    test(`${version} by ${transport}: the peer's doing`, limit, async (t) => {
      const { stays, other } = await beside(t, "/admin");
      await heard(other, "connect");
      other.disconnect();
      await stillThere(stays);
    });

    test(`${version} by ${transport}: a namespace that does not exist`, limit, async (t) => {
      const { stays, other } = await beside(t, "/nowhere");
      if (isOld(io)) assert.deepEqual(await heard(other, "error"), ["Invalid namespace"]);
      else assert.equal((await heard(other, "connect_error"))[0].message, "Invalid namespace");
      await stillThere(stays);
    });
  });
});
