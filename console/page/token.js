// What a page can do with tokens without any key: read them, tell their time, and spoil them.

const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
const encode = (value) => base64url(new TextEncoder().encode(JSON.stringify(value)));

function decodePart(part) {
  const bytes = Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

// decode returns the header and the claims of a token, or null if it is none. Nothing is verified.
export function decode(compact) {
  try {
    const parts = compact.split(".");
    const [header, claims] = parts.slice(0, 2).map(decodePart);
    return parts.length === 3 && claims instanceof Object && header instanceof Object ? { header, claims } : null;
  } catch {
    return null;
  }
}

// secondsLeft may be negative; it is null for a token without an end.
export const secondsLeft = ({ claims }) => (typeof claims.exp === "number" ? claims.exp - Date.now() / 1000 : null);

// shorten makes the tokens in a text unusable, for showing it.
export const shorten = (text) => text.replace(/\b(eyJ[\w-]{6})[\w-]*\.[\w-]+\.[\w-]*/g, (token, start) => `${start}…(${token.length})`);

// unsigned says of itself that it needs no signature.
export function unsigned(compact) {
  const { claims } = decode(compact);
  return `${encode({ alg: "none", typ: "JWT" })}.${encode(claims)}.`;
}

// renamed is for somebody else, under the signature of the token it was made from.
export function renamed(compact, sub) {
  const [header, , signature] = compact.split(".");
  return `${header}.${encode({ ...decode(compact).claims, sub })}.${signature}`;
}

// misSigned has another signature. Its first character is changed, since the last may hold bits that count for nothing.
export function misSigned(compact) {
  const [header, claims, signature] = compact.split(".");
  return `${header}.${claims}.${signature[0] === "A" ? "B" : "A"}${signature.slice(1)}`;
}
