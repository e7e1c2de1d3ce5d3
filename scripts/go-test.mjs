// Reads the output of `go test -json` and prints a line for each package and the whole output of failed
// tests. A skipped test is a failure.
import { createInterface } from "node:readline";

const outputs = new Map(); // by package and test
const bad = new Set(); // tests that failed or were skipped, and their parents
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
  if (event.Test || !["pass", "fail"].includes(event.Action)) continue;
  // The package is done.
  const words = outputs.get(key(event)) ?? "";
  for (const [name, output] of outputs) {
    if (!name.startsWith(`${event.Package} `)) continue;
    if (bad.has(name) && name !== key(event)) process.stdout.write(output);
    outputs.delete(name);
  }
  process.stdout.write(event.Action === "fail" ? words : `${words.trimEnd().split("\n").at(-1)}\n`);
}
console.log(`${passed} tests passed${failed ? ", but not all" : ""}`);
process.exit(failed || passed === 0 ? 1 : 0);
