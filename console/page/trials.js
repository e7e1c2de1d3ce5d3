// Trials of bad tokens. Each opens its own connection, which does not reconnect.
import { $, make } from "./dom.js";
import { explainRefusal, told } from "./refusal.js";
import { Socket } from "./socket.js";
import { misSigned, renamed, unsigned } from "./token.js";
import { logNote, logPacket } from "./wire.js";

const patience = 12_000;

// Each trial with from makes its token from a valid one. The others work before the login.
const trials = [
  { name: "No token", make: () => undefined },
  { name: "Not a token", make: () => "open-sesame" },
  { name: "Wrong signature", from: true, make: misSigned },
  { name: "Another subject", from: true, make: (good) => renamed(good, "root") },
  { name: "Unsigned", from: true, make: unsigned },
];

// attempt resolves with the result of a connection with that payload: {admitted}, {refusal}, or {reason} if the server gave none.
function attempt({ url, namespace, transport, event: byEvent }, name, payload) {
  return new Promise((resolve) => {
    let refusal;
    let timer = 0;
    const end = (outcome) => {
      clearTimeout(timer);
      resolve(outcome);
      socket.close();
    };
    const connection = name.toLowerCase();
    const socket = new Socket({
      url, namespace, transport,
      reconnect: false,
      auth: () => (byEvent ? undefined : payload),
      packet: (direction, data) => logPacket(connection, direction, data),
      hint: (text) => logNote(connection, "http", text),
      connected: () => (byEvent ? socket.emit("authenticate", payload) : end({ admitted: true })),
      event: (event, [first], ack) => {
        if (event === "authenticated") end({ admitted: true });
        if (event !== "unauthorized") return;
        refusal = told(first);
        ack();
      },
      refused: (error) => end({ refusal: told(error) }),
      disconnected: (reason) => {
        logNote(connection, "closed", reason);
        end(refusal ? { refusal } : { reason });
      },
    });
    timer = setTimeout(() => end({ reason: `no answer within ${patience / 1000} s` }), patience);
    socket.connect();
  });
}

function report({ admitted, refusal, reason }, name) {
  const outcome = $("outcome");
  if (refusal) return explainRefusal(outcome, `“${name}” was refused`, refusal);
  outcome.replaceChildren(make("p", "headline", admitted ? `“${name}” was admitted` : `“${name}” had no result`));
  outcome.append(make("p", "", admitted ? "The server admitted a socket without a valid token. Check its configuration." : `There was no verdict: ${reason}.`));
  outcome.dataset.verdict = admitted ? "admitted" : "none";
  outcome.hidden = false;
}

// setUpTrials makes the buttons. where() returns the settings of the connection, goodToken() the current token, and
// expiredToken() a token that has expired, if this server has a development issuer. It returns a function to call when the token
// changes.
export function setUpTrials({ where, goodToken, expiredToken }) {
  const all = expiredToken ? [...trials, { name: "Expired", make: expiredToken }] : trials;
  const buttons = all.map((trial) => {
    const button = make("button", "quiet", trial.name);
    button.type = "button";
    button.addEventListener("click", async () => {
      button.setAttribute("aria-busy", "true");
      try {
        const token = await trial.make(goodToken());
        report(await attempt(where(), trial.name, token === undefined ? {} : { token }), trial.name);
      } catch (error) {
        report({ reason: error.message }, trial.name);
      } finally {
        button.removeAttribute("aria-busy");
      }
    });
    return button;
  });
  $("trials").replaceChildren(...buttons);
  const update = () => all.forEach((trial, i) => {
    buttons[i].disabled = Boolean(trial.from) && !goodToken();
    buttons[i].title = buttons[i].disabled ? "Needs a valid token" : "";
  });
  update();
  return update;
}
