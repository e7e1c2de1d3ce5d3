// Functions for tokens that need no key: decode them, compute their remaining time, and make bad ones.

const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
const encode = (value) => base64url(new TextEncoder().encode(JSON.stringify(value)));

function decodePart(part) {
  const bytes = Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

// decode returns the header and the claims of a token, or null if the text is not a token. It verifies nothing.
export function decode(compact) {
  try {
    const parts = compact.split(".");
    const [header, claims] = parts.slice(0, 2).map(decodePart);
    return parts.length === 3 && claims instanceof Object && header instanceof Object ? { header, claims } : null;
  } catch {
    return null;
  }
}

// secondsLeft returns the time until exp, which may be negative, or null without exp.
export const secondsLeft = ({ claims }) => (typeof claims.exp === "number" ? claims.exp - Date.now() / 1000 : null);

// shorten cuts the tokens in a text, so that it can be shown.
export const shorten = (text) => text.replace(/\b(eyJ[\w-]{6})[\w-]*\.[\w-]+\.[\w-]*/g, (token, start) => `${start}…(${token.length})`);

// unsigned returns the token with alg "none" and without a signature.
export function unsigned(compact) {
  const { claims } = decode(compact);
  return `${encode({ alg: "none", typ: "JWT" })}.${encode(claims)}.`;
}

// renamed returns the token with another subject and the signature of the original.
export function renamed(compact, sub) {
  const [header, , signature] = compact.split(".");
  return `${header}.${encode({ ...decode(compact).claims, sub })}.${signature}`;
}

// misSigned returns the token with another signature. It changes the first character, because the last may have bits that are
// not used.
export function misSigned(compact) {
  const [header, claims, signature] = compact.split(".");
  return `${header}.${claims}.${signature[0] === "A" ? "B" : "A"}${signature.slice(1)}`;
}
