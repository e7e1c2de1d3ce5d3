// Clients of Socket.IO 1 and 2, which speak Engine.IO 3: where they send tokens, for which namespaces,
// and a server that does not accept these clients.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { arrive, ask, assertRefused, assertTransport, attempt, dial, enter, gates, heard, limit, mint, oldVersions, refusals, startServer, transports, versions } from "./harness.mjs";

let server;
let plain;
before(async () => { [server, plain] = await Promise.all([startServer(["-eio3"]), startServer()]); });
after(() => Promise.all([server?.stop(), plain?.stop()]));

for (const [version, io] of Object.entries(oldVersions)) for (const transport of Object.keys(transports)) describe(`${version} by ${transport}`, () => {
  const call = (t, namespace, options) => dial(t, io, server.url, namespace, { transports: transports[transport], ...options });
  const subject = async (socket) => (await ask(socket, "whoami"))[0].sub;
  const refusal = async (socket) => {
    const [data] = await heard(socket, "error");
    return { admitted: socket.connected, error: { message: data.message, data } };
  };

  for (const [how, options] of Object.entries({
    "a query that is an object": (token) => ({ query: { token } }),
    "a query that is a string": (token) => ({ query: `a=1&token=${token}` }),
    "a header": (token) => ({ extraHeaders: { Authorization: `Bearer ${token}` } }),
    "a header and the query, which agree": (token) => ({ query: { token }, extraHeaders: { Authorization: `Bearer ${token}` } }),
  })) test(`a token in ${how}`, limit, async (t) => {
    for (const namespace of ["/", "/second"]) {
      const socket = await arrive(call(t, namespace, options(mint({ sub: "alice" }))), "handshake");
      assert.equal(await subject(socket), "alice");
    }
  });

  test("a token in the query of the address", limit, async (t) => {
    const socket = dial(t, io, `${server.url}?token=${mint({ sub: "alice" })}`, "", { transports: transports[transport] });
    await arrive(socket, "handshake");
    assert.equal(await subject(socket), "alice");
  });

  for (const [how, options, told] of [
    ["a header of another form", () => ({ query: { token: mint() }, extraHeaders: { Authorization: "Basic YTpi" } }), refusals["badly formed"].told],
    ["two tokens", () => ({ query: { token: mint({ n: 1 }) }, extraHeaders: { Authorization: `Bearer ${mint({ n: 2 })}` } }),
      { message: "more than one token provided", code: "credentials_bad_format", reason: "token_conflict" }],
  ]) test(`refused: ${how}`, limit, async (t) => {
    for (const namespace of ["/", "/second"]) assertRefused(await refusal(call(t, namespace, options())), told);
  });

  test("a token as long as tokens may be", limit, async (t) => {
    const [shortest, longest] = [mint({ pad: "" }).length, 8 * 1024];
    const token = mint({ pad: "x".repeat(Math.floor(((longest - shortest) * 3) / 4) - 2) });
    assert.ok(token.length > longest - 10 && token.length <= longest, `${token.length}`);
    const first = await arrive(call(t, "/", { query: { token } }), "handshake");
    const second = await arrive(first.io.socket("/second", { query: `token=${token}` }), "handshake");
    assert.deepEqual([await subject(first), await subject(second)], ["alice", "alice"]);
  });

  test("large texts and bytes", limit, async (t) => {
    const socket = await arrive(call(t, "/", { query: { token: mint() } }), "handshake");
    for (const large of ["x".repeat(500_000), "größe 😀 ".repeat(20_000), { deep: [Buffer.alloc(500_000, 7), "ü", Buffer.alloc(1)] }]) {
      assert.deepEqual(await ask(socket, "echo", large), [large]);
    }
    await assertTransport(socket, transport);
  });

  test("a socket has the id that its client makes up", limit, async (t) => {
    const first = await arrive(call(t, "/", { query: { token: mint({ sub: "its id" }) } }), "handshake");
    const second = await arrive(first.io.socket("/second", { query: `token=${mint({ sub: "its id" })}` }), "handshake");
    for (const socket of [first, second]) {
      const [{ id }] = (await server.sockets(socket.nsp)).filter(({ subject }) => subject === "its id");
      // Socket.IO 1 knew the id without its namespace.
      assert.equal(id, version === "1.7.4" && socket.nsp !== "/" ? `${socket.nsp}#${socket.id}` : socket.id);
    }
  });

  test("auth payloads are what newer clients have", limit, async (t) => {
    assertRefused(await refusal(call(t, "/", { auth: { token: mint() } })), refusals.missing.told);
  });

  describe("the query of a namespace", () => {
    const shared = async (t, query) => {
      const first = call(t, "/", { query: { token: mint({ sub: "alice" }) } });
      await arrive(first, "handshake");
      return { first, second: first.io.socket("/second", { query }) };
    };

    test("is looked at where the connection is shared", limit, async (t) => {
      const { first, second } = await shared(t, `token=${mint({ sub: "bob" })}&x=ü%20?/&y=%2C%5B`);
      await arrive(second, "handshake");
      assert.equal(await subject(second), "bob");
      assert.equal(await subject(first), "alice");
    });

    test("is looked at where the connection brought none", limit, async (t) => {
      const first = call(t, "/");
      assertRefused(await refusal(first), refusals.missing.told);
      const second = first.io.socket("/second", { query: `token=${mint({ sub: "bob" })}` });
      await arrive(second, "handshake");
      assert.equal(await subject(second), "bob");
      assert.equal(first.connected, false);
    });

    test("comes before the connection's, and a bad token in it is not made good by that", limit, async (t) => {
      const { first, second } = await shared(t, "token=bad");
      assertRefused(await refusal(second), refusals.malformed.told);
      assert.equal(await subject(first), "alice");
    });

    test("may be left out, and then the connection's holds", limit, async (t) => {
      const { second } = await shared(t);
      await arrive(second, "handshake");
      assert.equal(await subject(second), "alice");
    });
  });

  test("an unknown namespace is refused in the words of old, and the others stay", limit, async (t) => {
    const first = await arrive(call(t, "/", { query: { token: mint() } }), "handshake");
    assert.deepEqual(await heard(first.io.socket("/nowhere"), "error"), ["Invalid namespace"]);
    assert.deepEqual(await ask(first, "echo", "still here"), ["still here"]);
  });

  test("a refusal leaves the connection open, and another namespace may be joined", limit, async (t) => {
    const socket = call(t, "/", { query: { token: "bad" } });
    assertRefused(await refusal(socket), refusals.malformed.told);
    const admin = socket.io.socket("/admin");
    await arrive(admin, "event", mint({ sub: "carol" }));
    assert.equal(await subject(admin), "carol");
    await assertTransport(admin, transport);
  });

  test("a server that does not take them says so", limit, async (t) => {
    const socket = dial(t, io, plain.url, "/", { transports: transports[transport], query: { token: mint() } });
    const [error] = await heard(socket, "connect_error");
    assert.equal(error.message, transport === "websocket" ? "websocket error" : "xhr poll error");
    if (transport !== "websocket") assert.equal(error.description, 400);
  });
});

test("what that server says", limit, async () => {
  for (const query of ["EIO=3&transport=polling", "EIO=3&transport=polling&j=0", "transport=polling"]) {
    const response = await fetch(`${plain.url}/socket.io/?${query}`);
    assert.equal(response.status, 400, query);
    assert.deepEqual(await response.json(), { code: 5, message: "Unsupported protocol version" }, query);
  }
});

for (const [version, io] of Object.entries(versions)) for (const transport of Object.keys(transports)) {
  test(`that server takes ${version} by ${transport}`, limit, async (t) => {
    for (const mode of Object.keys(gates)) {
      const socket = await enter(t, io, { url: plain.url, transport, mode });
      await assertTransport(socket, transport);
      const outcome = await attempt(io, { url: plain.url, namespace: gates[mode], mode, payload: { token: "bad" }, transports: transports[transport] });
      assertRefused(outcome, refusals.malformed.told);
    }
  });
}
