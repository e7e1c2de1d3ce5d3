// nginx, HAProxy and Caddy with the configurations of deploy/, in front of two nodes. Of each file only the addresses, ports and
// paths of this machine are replaced, and the idle timeout if a test asks for that.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { here, leftovers, pause, within } from "./harness.mjs";

// idle is the idle timeout in the configurations, longer than a heartbeat of 45 seconds.
export const idle = "60s";

// kinds has how each proxy is configured and run. Reload makes a running one read its configuration again.
const kinds = {
  nginx: {
    file: "nginx/socketio.conf",
    here: ({ port, nodes, path }) => ({
      "listen 443 ssl http2": `listen 127.0.0.1:${port} ssl http2`,
      "/etc/ssl/chat.example.com.pem": path("certificate.pem"),
      "/etc/ssl/chat.example.com.key": path("key.pem"),
      "10.0.0.11:3000": nodes[0],
      "10.0.0.12:3000": nodes[1],
    }),
    around: ({ path }) => `pid ${path("pid")};\nevents {}\nhttp {\n  access_log off;\n  client_body_temp_path ${path("body")};\n  proxy_temp_path ${path("proxy")};
  fastcgi_temp_path ${path("fastcgi")};\n  uwsgi_temp_path ${path("uwsgi")};\n  scgi_temp_path ${path("scgi")};\n  include ${path("configuration")};\n}\n`,
    command: ({ path }) => ["nginx", "-p", path(""), "-c", path("around"), "-e", "stderr", "-g", "daemon off; error_log stderr crit;"],
    reload: ({ child }) => child.kill("SIGHUP"),
  },
  HAProxy: {
    file: "haproxy/socketio.cfg",
    here: ({ port, nodes, path }) => ({
      "bind :443": `bind 127.0.0.1:${port}`,
      "/etc/ssl/chat.example.com.both.pem": path("both.pem"),
      "10.0.0.11:3000": nodes[0],
      "10.0.0.12:3000": nodes[1],
    }),
    around: () => "global\n    maxconn 1000\n",
    command: ({ path }) => ["haproxy", "-W", "-f", path("around"), "-f", path("configuration")],
    reload: ({ child }) => child.kill("SIGUSR2"),
  },
  Caddy: {
    file: "caddy/Caddyfile",
    here: ({ port, ports, nodes, path }) => ({
      "admin localhost:2019": `admin 127.0.0.1:${ports[1]}\n\tdefault_bind 127.0.0.1`,
      "http_port 80": `http_port ${ports[0]}`,
      "https_port 443": `https_port ${port}`,
      "/etc/ssl/chat.example.com.pem": path("certificate.pem"),
      "/etc/ssl/chat.example.com.key": path("key.pem"),
      "chat.example.com {": "localhost {",
      "10.0.0.11:3000": nodes[0],
      "10.0.0.12:3000": nodes[1],
    }),
    around: () => "",
    ending: "SIGKILL", // otherwise it waits for polls
    command: ({ path }) => ["caddy", "run", "--config", path("configuration"), "--adapter", "caddyfile"],
    reload: ({ path, ports, env }) => execFileSync("caddy", ["reload", "--force", "--config", path("configuration"), "--adapter", "caddyfile", "--address", `127.0.0.1:${ports[1]}`], { env, stdio: "pipe" }),
  },
};

export const names = Object.keys(kinds);

// configuration returns the text of the configuration in deploy/.
export const configuration = (name) => readFileSync(join(here, "../deploy", kinds[name].file), "utf8");

// replaced replaces each key in a text by its value. A key that is not there is an error.
function replaced(text, by) {
  for (const [from, to] of Object.entries(by)) {
    assert.ok(text.includes(from), `the configuration does not contain ${JSON.stringify(from)}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const accepts = (port) => new Promise((resolve) => {
  const socket = connect(port, "127.0.0.1");
  socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  socket.once("close", () => socket.destroy());
  socket.once("connect", () => socket.destroy());
});

// startProxy starts a proxy in front of the nodes of a backend. Timeout replaces the idle timeout.
export async function startProxy(name, backend, { timeout = idle } = {}) {
  const kind = kinds[name];
  const dir = mkdtempSync(join(tmpdir(), "proxy-"));
  chmodSync(dir, 0o755); // nginx serves as another user
  const proxy = { name, dir, path: (file) => join(dir, file), nodes: backend.nodes, certificate: backend.certificate, port: await freePort(), ports: [await freePort(), await freePort()] };
  proxy.env = { ...process.env, HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir };
  let text = replaced(configuration(name), kind.here(proxy));
  if (timeout !== idle) text = replaced(text, { [idle]: timeout });
  writeFileSync(proxy.path("certificate.pem"), backend.certificate);
  writeFileSync(proxy.path("key.pem"), backend.key, { mode: 0o600 });
  writeFileSync(proxy.path("both.pem"), backend.certificate + backend.key, { mode: 0o600 });
  writeFileSync(proxy.path("configuration"), text);
  writeFileSync(proxy.path("around"), kind.around(proxy));

  const begin = async () => {
    const [command, ...args] = kind.command(proxy);
    const child = spawn(command, args, { cwd: dir, env: proxy.env, stdio: ["ignore", "pipe", "pipe"] });
    let log = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => { log = (log + data).slice(-4000); });
    const ended = new Promise((resolve) => child.once("error", resolve).once("exit", (code, signal) => resolve(new Error(`${command} ended (${signal ?? code})\n${log}`))));
    const failed = ended.then((error) => Promise.reject(error));
    failed.catch(() => {});
    Object.assign(proxy, { child, ended, remove: () => child.kill("SIGTERM") });
    leftovers.add(proxy.remove);
    const listens = (async () => { while (!await accepts(proxy.port)) await pause(20); })();
    await within(Promise.race([listens, failed]), `${name} listens`);
  };
  // end ends the proxy, and with it all connections.
  const end = async (signal = "SIGTERM") => {
    proxy.child.kill(signal);
    await within(proxy.ended, `the end of ${name}`);
    leftovers.delete(proxy.remove);
  };
  await begin();
  return Object.assign(proxy, {
    url: `https://localhost:${proxy.port}`,
    reload: () => kind.reload(proxy),
    restart: async () => { await end(); await begin(); },
    stop: async () => { await end(kind.ending); rmSync(dir, { recursive: true, force: true }); },
  });
}
