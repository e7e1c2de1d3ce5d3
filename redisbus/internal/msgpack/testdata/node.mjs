// Writes node.jsonl: values as notepack.io and @msgpack/msgpack write them, and as clients of a
// Node server receive them. Run it where notepack.io 3.0.1, @msgpack/msgpack 2.8.0 and
// socket.io-parser are installed.
import notepack from "notepack.io";
import { encode } from "@msgpack/msgpack";
import { Encoder } from "socket.io-parser";

const range = (length) => Array.from({ length }, (_, i) => i);
const values = {
  "positive integers": [0, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296, 9007199254740991],
  "negative integers": [-1, -32, -33, -128, -129, -32768, -32769, -2147483648, -2147483649, -9007199254740991],
  "two to the power of 53": [9007199254740992],
  "fractions": [1.5, -0.1, 1e-7, 5e-324, 123456789.125, 1e-6, 0.1 + 0.2],
  "not finite": [NaN, Infinity, -Infinity],
  "minus zero": [-0],
  "null and undefined": [null, undefined, { b: null }],
  "dates": [new Date(0), new Date(1500), new Date(1732717285123), new Date(-1), new Date(8.64e15), new Date(-8.64e15),
    new Date(Date.UTC(10000, 0, 1)), new Date(17179869184000), new Date(-62198755200000)],
  "binary": [Buffer.from([3, 4]), new Uint8Array([5]), new Uint8Array(0)],
  "long binary": [Buffer.alloc(255, 1), Buffer.alloc(256, 2)],
  "strings": ["", "a".repeat(31), "a".repeat(32), "ü€😀", "\"\\/\b\f\n\r\t\u0000\u001f\u007f\u2028"],
  "long strings": ["a".repeat(256), "€".repeat(300)],
  "booleans": [true, false],
  "nested": [{ a: { b: [{}, [], [[1]]] } }],
  "array of 16": [range(16)],
  "object of 16": [Object.fromEntries(range(16).map((i) => ["k" + i, i]))],
  "own placeholder": [{ _placeholder: true, num: 0 }],
};

const hex = (b) => Buffer.from(b).toString("hex");
for (const [name, value] of Object.entries(values)) {
  const [text, ...attachments] = new Encoder().encode({ type: 2, data: value, nsp: "/" });
  console.log(JSON.stringify({
    name,
    notepack: hex(notepack.encode(value)),
    msgpack: hex(encode(value)),
    text: text.replace(/^\d(\d*-)?/, ""),
    attachments: attachments.map(hex),
  }));
}
