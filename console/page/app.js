// The page: get a token, connect, send and receive events, and reconnect when the token expires.
import { $, copyButton, fields, show, time } from "./dom.js";
import { note, received, said, setUpEvents } from "./events.js";
import { canRenew, currentToken, expiredToken, freshToken, renewToken, setAdmitted, setUpLogin, setVerified, subject } from "./login.js";
import { refreshesByItself, setLease, setUpLease } from "./lease.js";
import { explainRefusal, told } from "./refusal.js";
import { chosen, needsToken, setUpForm } from "./setup.js";
import { Socket } from "./socket.js";
import { setUpTrials } from "./trials.js";
import { logNote, logPacket } from "./wire.js";

const settings = await (await fetch("console.json")).json();

let socket = null; // while the user wants to be connected
let joined = null; // the settings of the socket that was admitted last
let refreshing = false;
let identity = ""; // of the admitted socket; empty before
let refusal = null; // the payload of an "unauthorized" event, until the connection ends
let renewed = false; // whether a refusal was answered with a new token since the last admission

// --- what the page shows ---------------------------------------------------------------------------------------------

function setState(state, text) {
  $("status").dataset.state = state;
  $("status-text").textContent = text;
  $("text").disabled = !socket;
  $("say").querySelector("button").disabled = !socket;
  $("connect").textContent = socket ? "Disconnect" : "Connect";
  $("connect").className = socket ? "quiet" : "primary";
  $("connect").disabled = !socket && needsToken() && !currentToken();
  setAdmitted(identity !== "");
}

const facts = {}; // of the present connection

function showFacts(change) {
  if (change === null) for (const name of Object.keys(facts)) delete facts[name];
  Object.assign(facts, change);
  fields($("facts"), facts);
  show($("facts"), Object.keys(facts).length > 0);
}

function complain(error) {
  $("connect-error").textContent = error ? error.message : "";
  show($("connect-error"), Boolean(error));
}

function showSnippet() {
  let target;
  try {
    target = chosen();
  } catch (error) {
    $("snippet").textContent = "";
    return complain(error);
  }
  complain(null);
  show($("say"), target.demo);
  const url = new URL(target.url);
  const options = [
    ...(url.pathname === "/socket.io/" ? [] : [`path: ${JSON.stringify(url.pathname)}`]),
    ...(target.transport === "websocket" ? [`transports: ["websocket"]`] : [`transports: ["polling"]`]),
  ];
  const payload = $("payload").value.trim().replaceAll(`"$token"`, "await freshToken()") || "{}";
  const address = JSON.stringify(url.origin + (target.namespace === "/" ? "/" : target.namespace));
  $("snippet").textContent = (target.event ? [
    `import { io } from "socket.io-client";`,
    `const socket = io(${address}, { ${options.join(", ")} });`,
    `socket.on("connect", async () => socket.emit("authenticate", ${payload}));`,
    `socket.on("unauthorized", (error, done) => { console.log(error.message); done(); });`,
  ] : [
    `import { io } from "socket.io-client";`,
    `const socket = io(${address}, {`,
    ...options.map((option) => `  ${option},`),
    `  auth: async (send) => send(${payload}),`,
    `});`,
    `socket.on("connect_error", (error) => console.log(error.message, error.data?.reason));`,
  ]).join("\n");
}

// --- the connection --------------------------------------------------------------------------------------------------

function connect() {
  let target;
  try {
    target = chosen();
  } catch (error) {
    return complain(error);
  }
  show($("refusal"), false);
  refusal = null;
  renewed = false;
  socket = new Socket({
    url: target.url,
    namespace: target.namespace,
    transport: target.transport,
    auth: async () => (target.event ? undefined : target.payload(await freshToken())),
    connecting: () => {
      logNote("", "opening", `${target.transport} to ${target.url}`);
      setState("wait", "Connecting");
    },
    opened: ({ sid, pingInterval, pingTimeout }) => {
      showFacts({ transport: target.transport, "engine sid": `${sid.slice(0, 6)}…`, heartbeat: `every ${pingInterval / 1000} s, timeout ${pingTimeout / 1000} s` });
    },
    connected: (sid) => {
      showFacts({ "socket id": sid });
      if (target.event) authenticate(target);
      else admitted(target);
    },
    refused: (error) => refused(told(error)),
    disconnected,
    hint: (text) => {
      logNote("", "http", text);
      if (socket) note(text);
    },
    packet: (direction, data) => {
      if (data === "2") showFacts({ "last ping": time() });
      logPacket("", direction, data);
    },
    event: (name, args, ack, wantsAck) => handle(target, name, args, ack, wantsAck),
  });
  socket.connect();
}

function handle(target, name, args, ack, wantsAck) {
  if (name === "authenticated") {
    if (target.event && !identity) admitted(target);
    return args[0] && setLease(args[0]);
  }
  if (name === "token_expiring") {
    note(args[0]?.now ? "The server asks for a new token." : `The server warns: the lease ends in ${args[0]?.expiresIn} s.`);
    if (refreshesByItself()) refresh();
    return;
  }
  if (target.demo && name === "said") return said(args[0], args[1], String(args[0]) === identity);
  if (name === "unauthorized") {
    refusal = told(args[0]);
    return ack();
  }
  received(wantsAck ? "event, wants an ack" : "event", name, args);
}

// authenticate sends the token to a namespace that holds the socket until then.
async function authenticate(target) {
  setState("wait", "Connected, held");
  const held = socket;
  try {
    const payload = target.payload(await freshToken());
    if (held === socket) socket.emit("authenticate", ...(payload === undefined ? [] : [payload]));
  } catch (error) {
    if (held === socket) leave(`${error.message}.`);
  }
}

// refresh shows a new token to the server, which replaces the lease of the socket in place.
async function refresh() {
  if (refreshing || !identity) return;
  const mine = socket;
  refreshing = true;
  try {
    const payload = joined.payload(await renewToken());
    updateTrials();
    if (mine !== socket || !identity) return;
    socket.emit("authenticate", payload, (answer) => {
      if (mine !== socket) return;
      if (answer?.error) return note(`The refresh was refused: ${answer.error.message}. The socket stays until its lease ends.`);
      setLease(answer);
      note("Refreshed: the socket goes on with the new token.");
    });
  } catch (error) {
    note(`No new token: ${error.message}.`);
  } finally {
    refreshing = false;
  }
}

function admitted(target) {
  joined = target;
  identity = subject() ?? "a guest";
  refusal = null;
  renewed = false;
  show($("refusal"), false);
  setState("in", `Connected as ${identity}`);
  note(target.event ? `Connected as ${identity}, after "authenticate".` : `Connected as ${identity}.`);
  if (target.demo) {
    const begin = performance.now();
    socket.emit("whoami", (claims) => {
      showFacts({ "round trip": `${(performance.now() - begin).toFixed(1)} ms` });
      setVerified(claims);
    });
  }
  events.connected();
}

// leave ends the connection for good.
function leave(reason) {
  const left = socket;
  socket = null;
  identity = "";
  left?.close();
  if (left) {
    note(reason);
    logNote("", "closed", reason);
  }
  events.left();
  showFacts(null);
  setLease(null);
  setState("out", "Disconnected");
}

// disconnected handles every end of the connection except a refusal. delay is null if the client must not reconnect.
function disconnected(reason, delay) {
  if (!socket) return; // the user disconnected
  const why = refusal;
  const wasAdmitted = identity !== "";
  refusal = null;
  identity = "";
  logNote("", "closed", delay === null ? reason : `${reason}; next attempt in ${delay} ms`);
  showFacts(null);
  setLease(null);
  if (delay === null) return why ? refused(why) : leave(`Disconnected: ${reason}.`);
  const expired = why?.reason === "token_expired";
  if (wasAdmitted) note(expired ? "The token expired, so the server closed the connection." : `The connection was lost: ${reason}.`);
  if (expired && !canRenew()) return leave("A pasted token cannot be renewed: paste a new one.");
  setState("wait", expired ? "Reconnecting with a new token" : `Reconnecting: ${reason}`);
}

// refused ends the attempt. If the page can get a new token, it first tries once with that, because the old token may have been
// signed before this server restarted.
async function refused(why) {
  identity = "";
  showFacts(null);
  logNote("", "refused", JSON.stringify(why));
  if (canRenew() && needsToken() && !renewed && why.code === "invalid_token" && why.reason !== "token_revoked") {
    setState("wait", "Refused; asking for a new token");
    const mine = socket;
    try {
      await renewToken();
      updateTrials();
      if (mine !== socket) return; // the user disconnected meanwhile
      connect();
      renewed = true;
      return;
    } catch (error) {
      why = { ...why, message: `${why.message}; and no new token: ${error.message}` };
    }
  }
  socket = null;
  events.left();
  const revoked = why.reason === "token_revoked";
  setState("refused", revoked ? "Revoked" : "Refused");
  if (revoked) note("The token was revoked elsewhere, so the server ended the socket. Log in again.");
  explainRefusal($("refusal"), revoked ? "The token was revoked" : "The server refused the socket", why);
}

// restart connects again after the user changed the settings or the token.
function restart(reason) {
  leave(reason);
  connect();
}

// --- the start -------------------------------------------------------------------------------------------------------

const events = setUpEvents({
  emit: (...args) => Boolean(identity && socket?.emit(...args)),
  wanted: () => socket !== null,
});

const updateTrials = setUpTrials({ where: chosen, goodToken: currentToken, expiredToken: settings.login ? expiredToken : null });

setUpForm(settings, () => {
  showSnippet();
  if (socket) restart("Reconnecting with the new settings.");
  else setState($("status").dataset.state, $("status-text").textContent);
}, complain);

setUpLogin(settings, () => {
  updateTrials();
  if (socket) return restart("Reconnecting with the new token.");
  show($("refusal"), false);
  setState("out", "Disconnected");
  $("connect").focus({ preventScroll: true });
});

setUpLease(refresh);
$("connect").addEventListener("click", () => (socket ? leave("Disconnected by you.") : connect()));
copyButton($("copy-snippet"), () => $("snippet").textContent);
showSnippet();
setState("out", "Disconnected");
