// The types of clients/js, with each module resolution of the TypeScript compiler, and its syntax level.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import ts from "typescript";
import { here } from "./harness.mjs";

const usage = (name) => join(here, "types", name);
const { ModuleKind, ModuleResolutionKind, ScriptTarget } = ts;

const ways = {
  "an ES module in Node": ["usage.mts", { module: ModuleKind.Node16 }],
  "CommonJS in Node": ["usage.cts", { module: ModuleKind.Node16 }],
  "a bundler": ["usage.mts", { module: ModuleKind.ESNext, moduleResolution: ModuleResolutionKind.Bundler }],
};
for (const [name, [file, options]] of Object.entries(ways)) test(`a program that uses the package compiles: ${name}`, { timeout: 300_000 }, () => {
  const program = ts.createProgram([usage(file)], {
    target: ScriptTarget.ES2022, lib: ["lib.es2022.d.ts", "lib.dom.d.ts"], types: [], strict: true, noEmit: true, skipLibCheck: true, ...options,
  });
  const said = ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) =>
    `${file?.fileName}:${file && file.getLineAndCharacterOfPosition(start).line + 1} ${ts.flattenDiagnosticMessageText(messageText, "\n")}`);
  assert.deepEqual(said, []);
  // Check that the compiler found the types and did not fall back to any.
  const types = file === "usage.cts" ? "index.d.cts" : "index.d.ts";
  assert.ok(program.getSourceFiles().some(({ fileName }) => fileName.endsWith(`/clients/js/${types}`)), types);
});

test("the types themselves are sound", { timeout: 300_000 }, () => {
  const file = createRequire(import.meta.url).resolve("socketio-jwt-client").replace(/\.cjs$/, ".d.ts");
  const program = ts.createProgram([file], { strict: true, noEmit: true, skipLibCheck: false, types: [], lib: ["lib.es2018.d.ts"] });
  assert.deepEqual(ts.getPreEmitDiagnostics(program).map(({ messageText }) => messageText), []);
});

test("its syntax is that of ES2018", () => {
  const source = readFileSync(new URL("../clients/js/index.js", import.meta.url), "utf8");
  const at = (target) => ts.transpileModule(source, { compilerOptions: { target, module: ModuleKind.ESNext } }).outputText;
  assert.equal(at(ScriptTarget.ES2018), at(ScriptTarget.ESNext));
});
