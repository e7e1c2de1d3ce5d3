// The JavaScript of all documents compiles, and the samples for clients of docs/from-node.md do what the document says. Also
// the README's client against its server.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import io1 from "socket.io-client-1";
import io2 from "socket.io-client-2";
import { heard, here, limit, mint, secret, start, startServer, versions, within } from "./harness.mjs";

const text = readFileSync(join(here, "../docs/from-node.md"), "utf8");
const samplesOf = (part) => [...part.matchAll(/^```js\n(.*?)^```$/gms)].map((match) => match[1]);

// under returns the samples under a heading.
function under(heading) {
  const [, part] = text.split(`\n### ${heading}\n`);
  assert.ok(part, `no heading ${heading}`);
  return samplesOf(part.split(/^##/m)[0]);
}

test("every sample compiles", () => {
  const pages = readdirSync(join(here, "../docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`);
  const AsyncFunction = (async () => {}).constructor; // samples may wait
  let count = 0;
  for (const page of ["README.md", "clients/js/README.md", ...pages]) {
    for (const sample of samplesOf(readFileSync(join(here, "..", page), "utf8"))) {
      count += 1;
      assert.doesNotThrow(() => new AsyncFunction(sample.replace(/^import .*$/gm, "").replace(/^export (default )?/gm, "")), `${page}: ${sample}`);
    }
  }
  assert.ok(count >= 30, `${count} samples`);
});

test("the README's client talks to its server", limit, async (t) => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const address = `127.0.0.1:${taken.address().port}`;
  taken.close();
  await once(taken, "close");

  const dir = mkdtempSync(join(tmpdir(), "quickstart-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const at = (name) => readFileSync(join(here, "../examples/quickstart", name), "utf8").replace("localhost:3000", address);
  writeFileSync(join(dir, "main.go"), at("main.go").replace('\thttp.Handle("/socket.io/", handler)\n', '$&\tlog.New(os.Stdout, "", 0).Print("ready")\n'));
  const binary = join(dir, "quickstart");
  execFileSync("go", ["build", "-o", binary, join(dir, "main.go")], { cwd: join(here, ".."), stdio: "inherit" });
  const running = await start(binary, [], { SOCKETIO_JWT_SECRET: secret });
  t.after(running.stop);

  const client = at("client.mjs").replace(/^import .*$/m, "");
  const [io, lines] = [versions["4.8.4"], []];
  const said = new Promise((resolve) => {
    const print = (...line) => { lines.push(line.join(" ")); if (line[0] === "alice: hello") resolve(); };
    const socket = new Function("io", "process", "console", `${client}\nreturn socket;`)(io, { env: { TOKEN: mint() } }, { log: print });
    t.after(() => socket.disconnect());
  });
  await within(said, `"alice: hello" among ${JSON.stringify(lines)}`);
});

let server;
before(async () => { server = await startServer(["-eio3", "-leeway", "-1s"]); });
after(() => server?.stop());

// run runs a sample in a page that has what the sample needs, and returns its socket.
function run(t, sample, page) {
  const names = Object.keys(page);
  const socket = new Function(...names, `${sample}\nreturn socket;`)(...names.map((name) => page[name]));
  t.after(() => socket.disconnect());
  return socket;
}

const old = { "2.5.0": io2, "1.7.4": io1 }; // these send a token only in the query

describe("samples", { concurrency: true }, () => {
  for (const [version, client] of Object.entries({ ...versions, ...old })) describe(version, () => {
    // to replaces `io` in a sample: it dials the test server, whatever URL the document has.
    const to = (namespace) => {
      const io = (_, options) => client(server.url + namespace, { forceNew: true, ...options });
      io.connect = io;
      return io;
    };
    // told returns a function for a sample to call, and a promise of its arguments.
    const told = () => {
      let say;
      const said = new Promise((resolve) => { say = resolve; });
      return [say, said];
    };

    test("two round trips", limit, async (t) => {
      const [sample] = under("Two round trips, on the client");
      const [log, said] = told();
      run(t, sample, { io: to("/admin"), currentToken: mint, console: { log } });
      assert.equal(await said, "we are in");

      const [complain, refusal] = told();
      run(t, sample, { io: to("/admin"), currentToken: () => "junk", console: { log: complain } });
      assert.deepEqual(Object.keys(await refusal), ["message", "code", "type", "reason", "id"]);
    });

    test("one round trip", limit, async (t) => {
      const [query, auth] = under("One round trip, on the client");
      await heard(run(t, query, { io: to("/"), jwt: mint() }), "connect");
      if (!old[version]) await heard(run(t, auth, { io: to("/"), currentToken: mint }), "connect");
    });

    test("a token that ends, and the next one", limit, async (t) => {
      const [login, fresh] = under("A token has expired, on the client");
      const socket = client(server.url, { forceNew: true, reconnectionDelay: 10, query: { token: mint({ exp: Date.now() / 1000 + 10 }) } });
      const [assign, page] = told();
      run(t, login, { socket, location: { assign } });
      run(t, fresh, { socket, currentToken: mint });
      await heard(socket, "connect");
      assert.equal(await page, "/login");
      await heard(socket, "connect");
    });

    test("a refusal that is acknowledged", limit, async (t) => {
      for (const heading of ["An invalid token, on the client", "A client with 15 seconds of grace"]) {
        const [sample] = under(heading);
        const socket = run(t, sample, { socket: client(`${server.url}/admin`, { forceNew: true }), saveDraft: async () => {} });
        await heard(socket, "connect");
        socket.emit("authenticate", { token: "junk" });
        assert.deepEqual((await heard(socket, "disconnect")).slice(0, 1), ["io server disconnect"]); // long before the end of the grace
      }
    });

    if (old[version]) return;
    test("the fork's client", limit, async (t) => {
      const [sample] = under("The fork: on the client");
      const isUnauthorizedError = (err) => err?.data?.type === "UnauthorizedError";
      await heard(run(t, sample, { io: to("/"), jwt: mint(), isUnauthorizedError, location: {} }), "connect");
      const [assign, page] = told();
      run(t, sample, { io: to("/"), jwt: "junk", isUnauthorizedError, location: { assign } });
      assert.equal(await page, "/login");
    });
  });
});
