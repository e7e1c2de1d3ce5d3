// Replaces each of the three fixtures of socketio-jwt's tests under its name: where they started a server, this starts
// and stops the program that SEEDSERVER names.
"use strict";
const { spawn } = require("node:child_process");
const { once } = require("node:events");
const { basename } = require("node:path");
const { text } = require("node:stream/consumers");

const secret = "aaafoo super sercret"; // spelt so there
const fixture = basename(__filename, ".js");
const usual = {
  index: { secret, handshake: true },
  namespace: { secret, handshake: false },
  secret_function: { secrets: { 123: secret, 555: "other" }, handshake: true },
}[fixture];

let running;

function launch(options) {
  const child = spawn(process.env.SEEDSERVER, [JSON.stringify({ port: 9000, fixture, timeout: 1000, ...usual, ...options })]);
  const remove = () => child.kill("SIGKILL");
  process.on("exit", remove);
  const output = text(child.stderr);
  const ended = once(child, "exit").finally(() => process.off("exit", remove));
  const described = async ([code, signal]) => new Error(`the server ended (${signal || code})\n${await output}`);
  return {
    listening: Promise.race([once(child.stdout, "data"), ended.then(async (how) => { throw await described(how); })]),
    // stop fails if the server has already ended, or ends with an error: many tests expect that nothing happens, which is also
    // true without a server.
    async stop() {
      const alive = child.exitCode === null && child.signalCode === null;
      child.kill("SIGTERM");
      const late = setTimeout(remove, 60_000);
      const how = await ended.finally(() => clearTimeout(late));
      if (!alive || how[0] !== 0) throw await described(how);
    },
  };
}

exports.start = (options, done) => {
  if (!done) [options, done] = [{}, options];
  running = launch(options);
  running.listening.then(() => done(), done);
};

exports.stop = (done) => {
  running.stop().then(() => done(), done);
};
