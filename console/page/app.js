// The page: log in, come in, talk, and come back when the token's time is over.
import { $, append, make, show, time } from "./dom.js";
import { explainRefusal, told } from "./refusal.js";
import { Socket } from "./socket.js";
import { decode, secondsLeft } from "./token.js";
import { setUpTrials } from "./trials.js";
import { logPacket } from "./wire.js";

const settings = await (await fetch("console.json")).json();

const url = new URL(settings.path, location.href);
url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
url.search = "EIO=4&transport=websocket";

const modes = {
  handshake: { namespace: settings.handshake, event: false, words: "in one round trip" },
  event: { namespace: settings.event, event: true, words: "in two round trips" },
};
let mode = modes.handshake;

let person = null; // {username, life} of who logged in
let token = ""; // compact serialization
let tokenLife = 0; // seconds it had when it came here
let socket = null; // while somebody wants to be inside
let subject = ""; // of the admitted socket; empty while outside
let refusal = null; // what an "unauthorized" event said, until the connection ends
let restarted = false; // whether a refusal has been answered with a fresh token since the last admission

// --- the token -------------------------------------------------------------------------------------------------------

// requestToken asks the development issuer.
async function requestToken(username, life) {
  const response = await fetch("login", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ username, life }),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? `the issuer answered ${response.status}`);
  return answer.token;
}

// freshToken is what an application's own function would be: the token at hand while it is good, then a new one. Without an
// issuer there is no other token than the one that was pasted.
async function freshToken() {
  const left = decode(token) && secondsLeft(decode(token));
  if (person && left !== null && left < 1) useToken(await requestToken(person.username, person.life));
  return token;
}

function useToken(compact) {
  const decoded = decode(compact);
  if (!decoded) throw new Error("that is no token: it has three parts with dots between them");
  token = compact;
  tokenLife = Math.max(1, secondsLeft(decoded) ?? 1);
  showToken(decoded);
  updateTrials();
}

function showToken({ claims }) {
  show($("token-none"), false);
  show($("token"), true);
  $("claims").replaceChildren(...Object.entries(claims).flatMap(([name, value]) => {
    const description = make("dd", "", typeof value === "string" ? value : JSON.stringify(value));
    if (["exp", "iat", "nbf"].includes(name) && typeof value === "number") {
      description.append(make("span", "aside", time(new Date(value * 1000))));
    }
    return [make("dt", "", name), description];
  }));
  $("confirmed").textContent = "This is what the token says. Nobody has verified it yet.";
  $("compact").replaceChildren(...token.split(".").flatMap((part, i) => [i ? "." : "", make("span", `part${i}`, part)]));
  tick();
}

const clock = (seconds) => {
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  const two = (n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
};

// tick shows the time left. The server allows for clocks that differ, so an admitted socket may outstay its exp a little.
function tick() {
  const decoded = token && decode(token);
  if (!decoded) return;
  const left = secondsLeft(decoded);
  const over = left !== null && left <= 0;
  $("left").textContent = left === null ? "∞" : clock(Math.max(0, left));
  $("left-words").textContent = left === null ? "no end" : !over ? "left" : subject && -left <= settings.leeway ? "over; the server allows a little more" : "over";
  $("left-bar").style.transform = `scaleX(${left === null ? 1 : Math.max(0, Math.min(1, left / tokenLife))})`;
  $("token").dataset.urgent = left !== null && left < 10;
}
setInterval(tick, 250);

// --- outside and inside ----------------------------------------------------------------------------------------------

function setState(state, text) {
  $("status").dataset.state = state;
  $("status-text").textContent = text;
  const inside = state === "in";
  $("text").disabled = !inside;
  $("say").querySelector("button").disabled = !inside;
  $("connect").textContent = socket ? "Disconnect" : "Connect";
  $("connect").classList.toggle("primary", !socket);
  $("connect").classList.toggle("quiet", Boolean(socket));
  $("connect").disabled = !socket && !token;
}

function note(text) {
  append($("talk"), make("li", "note", make("span", "", text), make("time", "", time())), 300);
}

function connect() {
  show($("refusal"), false);
  refusal = null;
  restarted = false;
  const chosen = mode;
  socket = new Socket({
    url,
    namespace: chosen.namespace,
    auth: async () => (chosen.event ? undefined : { token: await freshToken() }),
    connecting: () => setState("wait", "Connecting"),
    connected: chosen.event ? authenticate : () => admitted(chosen),
    refused: (error) => refused(told(error)),
    disconnected,
    packet: (direction, data) => logPacket("", direction, data),
    event: (name, args, ack) => {
      if (name === "authenticated") admitted(chosen);
      if (name === "said") said(...args);
      if (name === "unauthorized") {
        refusal = told(args[0]);
        ack();
      }
    },
  });
  socket.connect();
}

// authenticate shows the token to a namespace that holds the socket until then.
async function authenticate() {
  setState("wait", "Held outside");
  const held = socket;
  try {
    const fresh = await freshToken();
    if (held === socket) socket.emit("authenticate", { token: fresh });
  } catch (error) {
    if (held === socket) leave(error.message);
  }
}

function admitted(chosen) {
  subject = decode(token).claims.sub ?? "somebody";
  refusal = null;
  restarted = false;
  show($("refusal"), false);
  setState("in", `Inside as ${subject}`);
  note(`You came in as ${subject}, ${chosen.words}.`);
  socket.emit("whoami", (claims) => {
    if (claims?.sub === decode(token)?.claims.sub) $("confirmed").textContent = "The server has verified it, and gives the same claims (whoami).";
  });
}

function leave(reason) {
  const left = socket;
  socket = null;
  left?.close();
  if (subject) note(reason);
  subject = "";
  setState("out", "Outside");
}

// disconnected is told of every end but a refusal. After one that is final there is no delay.
function disconnected(reason, delay) {
  if (!socket) return; // we left
  const said = refusal;
  const wasInside = subject;
  refusal = null;
  subject = "";
  if (delay === null) return said ? refused(said) : leave(`The connection ended: ${reason}.`);
  const expired = said?.reason === "token_expired";
  if (wasInside) note(expired ? "Your token's time was over, so the server closed the connection." : `The connection was lost: ${reason}.`);
  setState("wait", expired ? "Coming back with a fresh token" : `Coming back: ${reason}`);
  if (expired && !person) leave("There is no issuer here to give a fresh token: paste one.");
}

// refused ends the attempt, unless the token is from before a restart of this server, when a fresh one is worth a try.
async function refused(why) {
  socket = null;
  subject = "";
  if (person && !restarted && why.code === "invalid_token") {
    setState("wait", "Refused; asking for a fresh token");
    try {
      useToken(await requestToken(person.username, person.life));
      connect();
      restarted = true;
      return;
    } catch (error) {
      why = { ...why, message: `${why.message}; and no fresh token: ${error.message}` };
    }
  }
  setState("refused", "Refused");
  explainRefusal($("refusal"), "You were not let in", why);
}

// --- talking ---------------------------------------------------------------------------------------------------------

function said(from, text) {
  const who = String(from);
  const initial = make("span", "initial", [...who][0]?.toUpperCase() ?? "?");
  initial.setAttribute("aria-hidden", "true");
  const hue = [...who].reduce((sum, c) => (sum * 31 + c.codePointAt(0)) % 360, 7);
  initial.style.setProperty("--hue", hue);
  append($("talk"), make("li", who === subject ? "message own" : "message",
    initial, make("span", "who", who), make("time", "", time()), make("span", "words", String(text))), 300);
}

$("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text || !socket?.emit("say", text, (answer) => answer?.error && note(`Not said: ${answer.error}.`))) return;
  $("text").value = "";
});

// --- the forms -------------------------------------------------------------------------------------------------------

function complain(error) {
  $("login-error").textContent = error ? `${error.message[0].toUpperCase()}${error.message.slice(1)}` : "";
  show($("login-error"), Boolean(error));
}

async function logIn(event) {
  event.preventDefault();
  try {
    complain(null);
    const asked = { username: $("username").value.trim(), life: $("life").value };
    useToken(await requestToken(asked.username, asked.life));
    person = asked;
  } catch (error) {
    return complain(error);
  }
  begin();
}

function paste(event) {
  event.preventDefault();
  try {
    complain(null);
    useToken($("pasted").value.trim().replace(/^Bearer\s+/i, ""));
    $("pasted").value = "";
  } catch (error) {
    $("pasted").select(); // so that the next paste replaces it
    return complain(error);
  }
  begin();
}

// begin uses a new token: at once if somebody is inside, else when they connect.
function begin() {
  if (socket) return reconnect();
  show($("refusal"), false);
  setState("out", "Outside, with a token");
  $("connect").focus({ preventScroll: true });
}

function reconnect() {
  leave("You left.");
  connect();
}

$("connect").addEventListener("click", () => (socket ? leave("You left.") : connect()));

for (const choice of document.querySelectorAll("input[name=mode]")) {
  choice.addEventListener("change", () => {
    mode = modes[choice.value];
    showSnippet();
    if (socket) reconnect();
  });
}

function showSnippet() {
  const address = JSON.stringify(location.origin + mode.namespace);
  $("snippet").textContent = (mode.event
    ? [`import { io } from "socket.io-client";`, `const socket = io(${address});`, `socket.on("connect", async () => socket.emit("authenticate", { token: await freshToken() }));`]
    : [`import { io } from "socket.io-client";`, `const socket = io(${address}, { auth: async (show) => show({ token: await freshToken() }) });`, `socket.on("connect_error", (error) => console.log(error.message, error.data?.reason));`]
  ).join("\n");
}

// --- the start -------------------------------------------------------------------------------------------------------

const spoken = (seconds) => (seconds % 3600 === 0 ? `${seconds / 3600} h` : seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`);

const updateTrials = setUpTrials({
  where: () => ({ url, mode }),
  goodToken: () => token,
  expiredToken: settings.login ? () => requestToken(person?.username ?? "ada", "-5m") : null,
});

if (settings.login) {
  const lives = [settings.tokenLife, 60, 20].filter((seconds, i) => i === 0 || seconds < settings.tokenLife);
  $("life").append(...lives.map((seconds) => {
    const option = make("option", "", spoken(seconds));
    option.value = `${seconds}s`;
    return option;
  }));
  $("login").addEventListener("submit", logIn);
} else {
  $("login-heading").textContent = "Bring a token";
  $("paste").addEventListener("submit", paste);
}
show($(settings.login ? "login" : "paste"), true);
showSnippet();
setState("out", "Outside");
