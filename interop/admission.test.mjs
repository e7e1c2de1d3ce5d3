// Which clients are admitted and which are refused, and what held clients see: both modes, all clients, all transports, one server.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { allVersions, arrive, ask, assertRefused, assertTransport, attempt, dial, door, enter, gates, heard, isOld, limit, mint, refusals, renew, shown, startServer, toldTo, transports, within } from "./harness.mjs";

let server;
before(async () => { server = await startServer(["-eio3"]); });
after(() => server?.stop());

const subjects = async (namespace) => (await server.sockets(namespace)).map((socket) => socket.subject).sort();

const combinations = Object.keys(allVersions).flatMap((version) =>
  Object.keys(transports).flatMap((transport) => Object.keys(gates).map((mode) => ({ version, transport, mode }))));

for (const { version, transport, mode } of combinations) {
  const io = allVersions[version];
  const namespace = gates[mode];
  const come = (t, options) => enter(t, io, { url: server.url, transport, mode, ...options });

  describe(`${version} by ${transport}, ${mode} mode`, () => {
    test("a good token is let in, and the handlers see its claims", limit, async (t) => {
      const socket = await come(t, { token: mint({ sub: "alice", role: "writer" }) });
      const [claims] = await ask(socket, "whoami");
      assert.equal(claims.sub, "alice");
      assert.equal(claims.role, "writer");
      await assertTransport(socket, transport);
      assert.deepEqual(await ask(socket, "echo", "on the final transport"), ["on the final transport"]);
    });

    test("a token may be preceded by its scheme", limit, async (t) => {
      const token = `bearer ${mint({ sub: "bob" })}`;
      // It does not fit into a query; clients without an auth payload send it in the header.
      const inHeader = isOld(io) && mode === "handshake";
      const socket = inHeader
        ? await arrive(dial(t, io, server.url, namespace, { transports: transports[transport], extraHeaders: { Authorization: token } }), mode)
        : await come(t, { token });
      assert.equal((await ask(socket, "whoami"))[0].sub, "bob");
    });

    for (const [name, refusal] of Object.entries(refusals)) {
      test(`refused: ${name}`, limit, async () => {
        const outcome = await attempt(io, {
          url: server.url, namespace: door(io, mode, transport), mode, payload: refusal.payload(), transports: transports[transport],
          afterUpgrade: transport === "upgrade",
        });
        assertRefused(outcome, toldTo(io, mode, refusal));
        assert.equal(outcome.transport, transport === "polling" ? "polling" : "websocket");
        if (mode === "event") assert.equal(outcome.reason, "io server disconnect");
      });
    }

    test("a broadcast reaches nobody who waits outside, and everybody once inside", limit, async (t) => {
      const inside = await come(t, { token: mint({ sub: "inside" }) });
      // In handshake mode the Authorize hook delays this client; in event mode it waits until it authenticates.
      const wait = `${version} ${transport}`;
      const token = mint({ sub: "outside", ...(mode === "handshake" && { wait }) });
      const outside = dial(t, io, server.url, namespace, { transports: transports[transport], ...(mode === "handshake" && shown(io, { token })) });
      const heardOutside = [];
      for (const event of ["authenticated", "welcome", "news", "said"]) outside.on(event, (...args) => heardOutside.push([event, ...args]));
      if (mode === "handshake") await server.waiting(wait);
      else await heard(outside, "connect");

      const heardInside = [];
      inside.on("news", (...args) => heardInside.push(args));
      await server.broadcast({ namespace }, "news", 1);
      await server.broadcast({ namespace, room: "lobby" }, "news", 2);
      await ask(inside, "say", "hello");
      assert.deepEqual(heardInside, [[1], [2]]);
      assert.deepEqual(await subjects(namespace), ["inside"]);

      const admitted = heard(outside, "welcome");
      if (mode === "handshake") await server.release(wait);
      else outside.emit("authenticate", { token });
      await admitted;
      const last = heard(outside, "news");
      await server.broadcast({ namespace }, "news", 3);
      await last;
      const expected = [["welcome", "outside"], ["news", 3]];
      assert.deepEqual(heardOutside, mode === "event" ? [["authenticated"], ...expected] : expected);
      assert.deepEqual(await subjects(namespace), ["inside", "outside"]);
    });

    test("what was emitted before is handled after admission, in order", limit, async (t) => {
      const token = mint();
      const socket = dial(t, io, server.url, namespace, {
        transports: transports[transport], autoConnect: false, ...(mode === "handshake" && shown(io, { token })),
      });
      const happened = [];
      socket.on("welcome", () => happened.push("welcome"));
      for (let n = 1; n <= 10; n++) socket.emit("seq", n, () => happened.push(n));
      socket.connect();
      await heard(socket, "connect");
      const admitted = mode === "event" && heard(socket, "authenticated");
      socket.emit("seq", 11, () => happened.push(11));
      if (mode === "event") {
        socket.emit("authenticate", { token });
        await admitted;
      }
      socket.emit("seq", 12, () => happened.push(12));
      assert.deepEqual(await ask(socket, "seq-all"), [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]]);
      assert.deepEqual(happened, ["welcome", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    });

    test("two hundred events arrive in the order in which they were sent", limit, async (t) => {
      const socket = await come(t);
      const numbers = Array.from({ length: 200 }, (_, n) => n);
      for (const n of numbers) socket.emit("seq", n);
      assert.deepEqual(await ask(socket, "seq-all"), [numbers]);
      await assertTransport(socket, transport);
    });

    test("binary at any depth goes out and comes back, with acknowledgements both ways", limit, async (t) => {
      const socket = await come(t);
      const blob = Buffer.from(Array.from({ length: 70_000 }, (_, n) => n % 251));
      const question = { name: "größe", parts: [{ data: blob }, { deeper: [[Buffer.alloc(0)], { bytes: Buffer.from([0, 255]) }] }], n: 1.5, none: null };
      assert.deepEqual(await ask(socket, "echo", question, "plain", blob), [question, "plain", blob]);

      // "mirror" makes the server ask us the same, and answers with what we acknowledged.
      socket.once("question", (asked, plain, ack) => {
        assert.deepEqual([asked, plain], [question, 7]);
        ack({ answer: [asked.parts[0].data.subarray(0, 5)] }, "done");
      });
      assert.deepEqual(await ask(socket, "mirror", question, 7), [{ answer: [blob.subarray(0, 5)] }, "done"]);

      // "reverse" reads the attachments into Go's types and makes new ones.
      const parts = [{ name: "a", data: Buffer.from([1, 2, 3]) }, { name: "b", data: Buffer.from([4]) }];
      const [reversed] = await ask(socket, "reverse", { parts });
      assert.deepEqual(reversed, { parts: [{ name: "b", data: Buffer.from([4]) }, { name: "a", data: Buffer.from([3, 2, 1]) }] });
      await assertTransport(socket, transport);
    });

    test("texts of every kind come through, both ways", limit, async (t) => {
      const socket = await come(t);
      const texts = [
        "größe", "Übergrößenträger ÿ", "日本語", "smile 😀, family 👩‍👩‍👧", "\u2028 and \u2029", 'quotes " and \' and `', "a \\ b \\n c \n d",
        "\u0000\u007f\u0080", "cut inside an emoji 😀".slice(0, -1), "😀".slice(1),
      ];
      assert.deepEqual(await ask(socket, "echo", texts, { "schlüssel 🔑": texts }), [texts, { "schlüssel 🔑": texts }]);
      for (const text of texts) {
        const said = heard(socket, "said");
        socket.emit("say", text);
        assert.equal((await said)[1], text);
      }
      await assertTransport(socket, transport);
    });

    test("what one says, everybody in the namespace hears", limit, async (t) => {
      const [alice, bob] = await Promise.all(["alice", "bob"].map((sub) => come(t, { token: mint({ sub }) })));
      const both = Promise.all([heard(alice, "said"), heard(bob, "said")]);
      alice.emit("say", "hello");
      assert.deepEqual(await both, [["alice", "hello"], ["alice", "hello"]]);
    });
  });
}

for (const [version, io] of Object.entries(allVersions)) for (const transport of Object.keys(transports)) {
  describe(`${version} by ${transport}`, () => {
    test("each namespace of a connection is for whom its own token names", limit, async (t) => {
      const whose = { "/": "alice", "/second": "bob", "/admin": "carol" };
      const first = dial(t, io, server.url, "/", { transports: transports[transport], autoConnect: false });
      const all = Object.keys(whose).map((namespace) => (namespace === "/" ? first : first.io.socket(namespace)));
      for (const socket of all) if (socket.nsp !== "/admin") renew(io, socket, () => ({ token: mint({ sub: whose[socket.nsp] }) }));
      for (const socket of all) socket.connect();
      await Promise.all(all.map((socket) => arrive(socket, socket.nsp === "/admin" ? "event" : "handshake", mint({ sub: whose[socket.nsp] }))));
      for (const socket of all) {
        assert.equal((await ask(socket, "whoami"))[0].sub, whose[socket.nsp]);
        assert.deepEqual(await subjects(socket.nsp), [whose[socket.nsp]]);
      }
      await assertTransport(first, transport);
    });

    test("a guest comes without a token, and logs in later", limit, async (t) => {
      const guest = dial(t, io, server.url, "/guests", { transports: transports[transport] });
      assert.deepEqual(await heard(guest, "welcome"), ["guest"]);
      assert.deepEqual(await ask(guest, "whoami"), [null]);
      await arrive(guest, "event", mint({ sub: "no guest any more" }));
      assert.equal((await ask(guest, "whoami"))[0].sub, "no guest any more");
    });

    test("who shows a bad token is no guest", limit, async () => {
      const outcome = await attempt(io, { url: server.url, namespace: "/guests", mode: "handshake", payload: { token: "bad" }, transports: transports[transport] });
      assertRefused(outcome, refusals.malformed.told);
    });
  });
}

test("clients of all versions, by all transports, in both modes, hear each other", limit, async (t) => {
  const everybody = await Promise.all(combinations.map(async ({ version, transport, mode }) => {
    const name = `${version} by ${transport}`;
    const socket = await enter(t, allVersions[version], { url: server.url, transport, mode, token: mint({ sub: name }) });
    await assertTransport(socket, transport);
    return { name, mode, socket, said: [] };
  }));
  const perMode = everybody.length / 2;
  const heardAll = everybody.map(({ name, socket, said }) => within(new Promise((resolve) => {
    socket.on("said", (...message) => { if (said.push(message) === 2 * perMode) resolve(); });
  }), `everything that ${name} should hear`));
  for (const { name, socket } of everybody) socket.emit("say", `größe ${name}`).emit("say", { bytes: [Buffer.from(name), Buffer.from([0, 255])] });
  await Promise.all(heardAll);
  const names = everybody.filter(({ mode }) => mode === "event").map(({ name }) => name);
  const expected = names.flatMap((name) => [[name, `größe ${name}`], [name, { bytes: [Buffer.from(name), Buffer.from([0, 255])] }]]);
  for (const { name, mode, said } of everybody) {
    // The order between senders is not specified.
    const sorted = names.flatMap((sender) => said.filter(([from]) => from === sender));
    assert.deepEqual(sorted, expected, `${name}, ${mode} mode`);
  }
});
