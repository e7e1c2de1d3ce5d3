// Generates index.cjs from index.js and index.d.cts from index.d.ts: node commonjs.mjs
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = (name) => new URL(name, import.meta.url);
const source = (name) => readFileSync(here(name), "utf8");

// forms are the generated files and their content.
export const forms = {
  "index.cjs": `"use strict";\n${source("index.js").replace(/^export function (\w+)/gm, "exports.$1 = $1;\nfunction $1")}`,
  "index.d.cts": source("index.d.ts"),
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, text] of Object.entries(forms)) writeFileSync(here(name), text);
}
