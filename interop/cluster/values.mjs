// Values that JSON does not have, in commands and their answers: {"$binary": base64}, and {"$js": source} for all others, which only
// Node's nodes understand.

export function pack(value) {
  if (value instanceof Uint8Array || value instanceof ArrayBuffer) return { $binary: Buffer.from(value).toString("base64") };
  if (Array.isArray(value)) return value.map(pack);
  if (value && Object.getPrototypeOf(value) === Object.prototype) return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, pack(v)]));
  return value;
}

export function unpack(value) {
  if (Array.isArray(value)) return value.map(unpack);
  if (value === null || typeof value !== "object") return value;
  if (value.$binary !== undefined) return Buffer.from(value.$binary, "base64");
  if (value.$js !== undefined) return (0, eval)(`(${value.$js})`);
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, unpack(v)]));
}
