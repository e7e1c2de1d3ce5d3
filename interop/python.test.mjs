// Debian's python3-socketio, a client that shares no code with the JavaScript one.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { assertRefused, gates, here, mint, refusals, startServer, transports } from "./harness.mjs";

// Only Debian's interpreter finds Debian's packages.
const python = process.env.PYTHON || "/usr/bin/python3";

let server;
before(async () => { server = await startServer(); });
after(() => server?.stop());

async function run(task) {
  const child = spawn(python, [join(here, "python_client.py")], { timeout: 180_000 });
  child.stdin.end(JSON.stringify(task));
  const [out, err, [code, signal]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  assert.equal(signal ?? code, 0, err);
  return JSON.parse(out);
}

for (const transport of Object.keys(transports)) for (const mode of Object.keys(gates)) {
  describe(`python3-socketio by ${transport}, ${mode} mode`, () => {
    // The Python client upgrades only if it has no list of transports.
    const task = { namespace: gates[mode], mode, transports: transport === "upgrade" ? null : transports[transport] };

    test("a good token is let in, and binary comes back in an acknowledgement", { timeout: 240_000 }, async () => {
      const outcomes = await run({ ...task, url: server.url, payloads: { good: { token: mint({ sub: "python" }) } } });
      const { admitted, transport: used, claims, echoed } = outcomes.good;
      assert.deepEqual({ admitted, used, subject: claims?.sub, echoed }, {
        admitted: true, used: transport === "polling" ? "polling" : "websocket", subject: "python", echoed: true,
      });
    });

    test("no bad token is let in, and each is told why", { timeout: 240_000 }, async () => {
      const payloads = Object.fromEntries(Object.entries(refusals).map(([name, { payload }]) => [name, payload()]));
      const outcomes = await run({ ...task, url: server.url, payloads });
      for (const [name, { told }] of Object.entries(refusals)) assertRefused(outcomes[name], told);
    });
  });
}
