// Reads the output of `go test -json` and prints a line for each package and the whole output of failed
// tests. A skipped test is a failure. If a package timed out or crashed, it prints which tests were
// running, and of each goroutine the first line of this module.
import { createInterface } from "node:readline";

const outputs = new Map(); // by package and test
const bad = new Set(); // tests that failed or were skipped, and their parents
const running = new Map(); // when a test started, by package and test
let passed = 0;
let failed = false;

const key = ({ Package, Test = "" }) => `${Package} ${Test}`;

for await (const line of createInterface({ input: process.stdin })) {
  if (!line.startsWith("{")) {
    console.log(line);
    continue;
  }
  const event = JSON.parse(line);
  switch (event.Action) {
    case "build-output":
      process.stdout.write(event.Output);
      break;
    case "output":
      outputs.set(key(event), (outputs.get(key(event)) ?? "") + event.Output);
      break;
    case "run":
      running.set(key(event), Date.parse(event.Time));
      break;
    case "pass":
      if (event.Test) passed++;
      break;
    case "fail":
      failed = true;
      bad.add(key(event));
      break;
    case "skip":
      if (!event.Test) break; // a package without tests
      failed = true;
      bad.add(key(event));
      break;
  }
  if (["pass", "fail", "skip"].includes(event.Action)) running.delete(key(event));
  if (event.Test || !["pass", "fail"].includes(event.Action)) continue;
  // The package is done.
  const words = outputs.get(key(event)) ?? "";
  const unfinished = [...running].filter(([name]) => name.startsWith(`${event.Package} `));
  let dump = "";
  for (const [name, output] of outputs) {
    if (!name.startsWith(`${event.Package} `)) continue;
    const [ordinary, stacks] = split(output);
    dump += stacks;
    if ((bad.has(name) || running.has(name)) && name !== key(event)) process.stdout.write(ordinary);
    else if (stacks) console.log(/^(panic|fatal error): .*/m.exec(ordinary)?.[0] ?? "crashed:"); // a test that had ended
    outputs.delete(name);
  }
  for (const [name, began] of unfinished) {
    running.delete(name);
    const seconds = Math.round((Date.parse(event.Time) - began) / 1000);
    console.log(`had not ended: ${name.slice(event.Package.length + 1)}, started ${seconds} s before`);
  }
  if (dump) console.log(digest(dump));
  process.stdout.write(event.Action === "fail" ? split(words)[0] : `${words.trimEnd().split("\n").at(-1)}\n`);
}
console.log(`${passed} tests passed${failed ? ", but not all" : ""}`);
process.exit(failed || passed === 0 ? 1 : 0);

// split returns an output without the stacks of the goroutines, and the stacks.
function split(output) {
  const ordinary = [];
  const stacks = [];
  let within = false;
  for (const line of output.split(/(?<=\n)/)) {
    if (/^goroutine \d+ .*\[.*\]:$/.test(line.trimEnd())) within = true;
    else if (/^(FAIL|ok|exit status|---|===)/.test(line)) within = false;
    (within ? stacks : ordinary).push(line);
  }
  return [ordinary.join(""), stacks.join("")];
}

// digest returns a line for the goroutines that are in the same state at the same place: the first
// line of this module, or the first of all if it has none.
function digest(dump) {
  const places = new Map();
  for (const stack of dump.trim().split(/\n\n+/)) {
    const [head, ...lines] = stack.split("\n");
    const state = /\[(.*)\]/.exec(head)?.[1] ?? head;
    const calls = lines.flatMap((call, i) => (i % 2 ? [] : [`${call.replace(/\([^()]*\)$/, "()")} ${lines[i + 1]?.trim().replace(/ \+0x.*$/, "") ?? ""}`]));
    const ours = calls.filter((call) => /^(created by )?socketiojwt/.test(call));
    const place = `${state}: ${(ours.length ? ours.slice(0, state.startsWith("running") ? 8 : 2) : calls.slice(0, 1)).join(" < ")}`;
    places.set(place, (places.get(place) ?? 0) + 1);
  }
  const lines = [...places].sort(([a], [b]) => (a < b ? -1 : 1)).map(([place, n]) => `${String(n).padStart(5)} [${place.replace(": ", "] ")}`);
  return ["goroutines:", ...lines].join("\n");
}
