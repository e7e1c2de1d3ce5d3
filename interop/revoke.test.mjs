// Revoked users leave at once and stay away, also when their client is set to reconnect, and come in with a new token.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { allVersions, arrive, ask, dial, gates, heard, isOld, issuer, limit, mint, pause, program, secret, shown, start, transports } from "./harness.mjs";

const told = { message: "jwt revoked", code: "invalid_token", type: "UnauthorizedError", reason: "token_revoked" };
const comesBack = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 };

let server, url;
before(async () => {
  server = await start(program("REVOKESERVER", "./revokeserver"), [], { JWT_SECRET: secret });
  url = `http://${JSON.parse(server.line).addr}`;
});
after(() => server?.stop());

// post asks the server to revoke, block or unblock a subject, and resolves with the number of sockets that were ended.
async function post(verb, sub) {
  const response = await fetch(`${url}/${verb}?${new URLSearchParams({ iss: issuer, sub })}`, { method: "POST" });
  assert.equal(response.status, 200);
  return response.json();
}

// assertTold checks a refusal, which has a random ID.
function assertTold({ id, ...rest }) {
  assert.equal(typeof id, "string");
  assert.deepEqual(rest, told);
}

for (const [version, io] of Object.entries(allVersions)) for (const transport of Object.keys(transports)) for (const mode of Object.keys(gates)) {
  describe(`${version} by ${transport}, ${mode}`, { concurrency: true }, () => {
    // An old client in handshake mode shows its token in the query, with which it joins "/" only.
    const connect = (t, token, options) =>
      dial(t, io, url, gates[mode], { transports: transports[transport], ...(mode === "handshake" && shown(io, { token })), ...options });

    // isRefused shows a token that must be refused.
    async function isRefused(t, token) {
      const socket = connect(t, token);
      if (mode === "handshake") {
        const [error] = await heard(socket, isOld(io) ? "error" : "connect_error");
        return assertTold(isOld(io) ? error : error.data);
      }
      await heard(socket, "connect");
      const refused = heard(socket, "unauthorized");
      socket.emit("authenticate", { token });
      assertTold((await refused)[0].data);
    }

    test("revoked: it leaves at once, stays away, and comes in with a new token", limit, async (t) => {
      const sub = `revoked ${version} ${transport} ${mode}`;
      const token = mint({ sub });
      const socket = await arrive(connect(t, token, comesBack), mode, token);
      assert.deepEqual(await ask(socket, "whoami"), [sub]);
      const other = await arrive(socket.io.socket("/other"), "event", token);
      const story = [];
      for (const event of ["connect", "reconnect", "reconnecting", "reconnect_attempt"]) socket.on(event, () => story.push(event));
      for (const event of ["reconnect", "reconnect_attempt"]) socket.io.on(event, () => story.push(event));

      const unauthorized = heard(socket, "unauthorized");
      const disconnected = heard(socket, "disconnect");
      assert.equal(await post("revoke", sub), 1);
      assertTold((await unauthorized)[0].data);
      assert.equal((await disconnected)[0], "io server disconnect");
      await pause(1000);
      assert.deepEqual(story, []);
      assert.deepEqual(await ask(other, "whoami"), [sub]); // another gate's namespace on the same connection

      await isRefused(t, token);
      // iat has whole seconds, and the second of the revocation is over by now.
      const fresh = mint({ sub });
      assert.deepEqual(await ask(await arrive(connect(t, fresh), mode, fresh), "whoami"), [sub]);
    });

    test("blocked: no token helps until it is unblocked", limit, async (t) => {
      const sub = `blocked ${version} ${transport} ${mode}`;
      const token = mint({ sub });
      const socket = await arrive(connect(t, token), mode, token);
      const disconnected = heard(socket, "disconnect");
      assert.equal(await post("block", sub), 1);
      assert.equal((await disconnected)[0], "io server disconnect");
      await isRefused(t, mint({ sub, iat: Math.floor(Date.now() / 1000) + 5 }));
      await post("unblock", sub);
      assert.deepEqual(await ask(await arrive(connect(t, token), mode, token), "whoami"), [sub]);
    });
  });
}
