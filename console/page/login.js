// The token: from the development issuer of this server, or pasted. It is kept in this page's memory only.
import { $, make, show, time } from "./dom.js";
import { decode, secondsLeft } from "./token.js";

let token = ""; // compact serialization
let life = 0; // seconds until exp when the page got the token
let person = null; // {username, life} of the login
let leeway = 0; // seconds that the server allows for clocks that differ
let admitted = false;

export const currentToken = () => token;

// canRenew reports whether a new token can be had without the user.
export const canRenew = () => person !== null;

export const subject = () => decode(token)?.claims.sub;

// requestToken requests a token from the development issuer.
export async function requestToken(username, life) {
  const response = await fetch("login", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ username, life }),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? `the issuer answered HTTP ${response.status}`);
  return answer.token;
}

// expiredToken returns a token of the development issuer that has expired.
export const expiredToken = () => requestToken(person?.username ?? "ada", "-5m");

// freshToken stands for a function of an application. It returns the current token while it is valid, and then a new one. A
// pasted token cannot be renewed.
export async function freshToken() {
  const left = decode(token) && secondsLeft(decode(token));
  return person && left !== null && left < 1 ? renewToken() : token;
}

export async function renewToken() {
  useToken(await requestToken(person.username, person.life));
  return token;
}

// setAdmitted records whether the server has accepted the token on the current connection.
export function setAdmitted(now) {
  admitted = now;
  tick();
}

// setVerified shows the claims that the server returned.
export function setVerified(claims) {
  if (claims?.sub !== undefined && claims.sub === subject()) $("confirmed").textContent = "The server has verified it and returns the same claims (whoami).";
}

function useToken(compact) {
  const decoded = decode(compact);
  if (!decoded) throw new Error("This is not a JSON Web Token: it must have three parts with dots between them.");
  token = compact;
  life = Math.max(1, secondsLeft(decoded) ?? 1);
  showToken(decoded);
}

function showToken({ claims }) {
  show($("token-none"), false);
  show($("token"), true);
  for (const button of document.querySelectorAll("#login button, #paste button")) button.className = "quiet";
  $("claims").replaceChildren(...Object.entries(claims).flatMap(([name, value]) => {
    const description = make("dd", "", typeof value === "string" ? value : JSON.stringify(value));
    if (["exp", "iat", "nbf"].includes(name) && typeof value === "number") {
      description.append(make("span", "aside", time(new Date(value * 1000))));
    }
    return [make("dt", "", name), description];
  }));
  $("confirmed").textContent = "The token's own claims. The server has not verified them yet.";
  $("compact").replaceChildren(...token.split(".").flatMap((part, i) => [i ? "." : "", make("span", `part${i}`, part)]));
  tick();
}

export const clock = (seconds) => {
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  const two = (n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
};

// tick shows the time left. The server allows for clocks that differ, so an admitted socket may stay a little longer than exp.
function tick() {
  const decoded = token && decode(token);
  if (!decoded) return;
  const left = secondsLeft(decoded);
  const over = left !== null && left <= 0;
  $("left").textContent = left === null ? "∞" : clock(Math.max(0, left));
  $("left-words").textContent = left === null ? "no expiry" : !over ? "left" : admitted && -left <= leeway ? `expired; the server allows ${leeway} s more` : "expired";
  $("left-bar").style.transform = `scaleX(${left === null ? 1 : Math.max(0, Math.min(1, left / life))})`;
  $("token").dataset.urgent = left !== null && left < 10;
}

function complain(error) {
  $("login-error").textContent = error ? error.message : "";
  show($("login-error"), Boolean(error));
}

const spoken = (seconds) => (seconds % 3600 === 0 ? `${seconds / 3600} h` : seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`);

// setUpLogin shows the form for this server, and calls changed() after the user got or pasted a new token.
export function setUpLogin(settings, changed) {
  leeway = settings.leeway;
  setInterval(tick, 250);
  if (settings.login) {
    const lives = [settings.tokenLife, 60, 20].filter((seconds, i) => i === 0 || seconds < settings.tokenLife);
    $("life").append(...lives.map((seconds) => {
      const option = make("option", "", spoken(seconds));
      option.value = `${seconds}s`;
      return option;
    }));
  } else {
    $("login-heading").textContent = "Paste a token";
  }
  show($(settings.login ? "login" : "paste"), true);

  $("login").addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      complain(null);
      const asked = { username: $("username").value.trim(), life: $("life").value };
      useToken(await requestToken(asked.username, asked.life));
      person = asked;
      changed();
    } catch (error) {
      complain(error);
    }
  });
  $("paste").addEventListener("submit", (event) => {
    event.preventDefault();
    try {
      complain(null);
      useToken($("pasted").value.trim().replace(/^Bearer\s+/i, ""));
      person = null;
      $("pasted").value = "";
      changed();
    } catch (error) {
      $("pasted").select(); // so that the next paste replaces it
      complain(error);
    }
  });
}
