// Knocking with tokens that must not open: each is one connection, without coming back.
import { $, make } from "./dom.js";
import { explainRefusal, told } from "./refusal.js";
import { Socket } from "./socket.js";
import { misSigned, renamed, unsigned } from "./token.js";
import { logPacket } from "./wire.js";

const patience = 12_000;

// Each makes its token from a good one; those that need none work before anybody has logged in.
const trials = [
  { name: "No token", make: () => undefined },
  { name: "Not a token", make: () => "open-sesame" },
  { name: "Wrong signature", from: true, make: misSigned },
  { name: "Another name", from: true, make: (good) => renamed(good, "root") },
  { name: "Unsigned", from: true, make: unsigned },
];

// knock resolves with what came of a connection with that token.
function knock({ url, mode }, name, token) {
  return new Promise((resolve) => {
    let refusal;
    let timer = 0;
    const end = (outcome) => {
      clearTimeout(timer);
      resolve(outcome);
      socket.close();
    };
    const payload = token === undefined ? {} : { token };
    const socket = new Socket({
      url,
      namespace: mode.namespace,
      reconnect: false,
      auth: () => (mode.event ? undefined : payload),
      packet: (direction, data) => logPacket(name.toLowerCase(), direction, data),
      connected: () => (mode.event ? socket.emit("authenticate", payload) : end({ admitted: true })),
      event: (event, [first], ack) => {
        if (event === "authenticated") end({ admitted: true });
        if (event !== "unauthorized") return;
        refusal = told(first);
        ack();
      },
      refused: (error) => end({ refusal: told(error) }),
      disconnected: (reason) => end(refusal ? { refusal } : { reason }),
    });
    timer = setTimeout(() => end({ reason: "no answer came" }), patience);
    socket.connect();
  });
}

function report({ admitted, refusal, reason }, name) {
  const outcome = $("outcome");
  if (refusal) return explainRefusal(outcome, `“${name}” was refused`, refusal);
  outcome.replaceChildren(make("p", "headline", admitted ? `“${name}” was let in` : `“${name}” came to nothing`));
  outcome.append(make("p", "", admitted ? "That should not have happened: tell whoever looks after this server." : `No verdict: ${reason}.`));
  outcome.dataset.verdict = admitted ? "admitted" : "none";
  outcome.hidden = false;
}

// setUpTrials makes the buttons. where() gives the present url and mode, goodToken() the present token, and
// expiredToken(), if this server has an issuer, one that is over. It returns what to call when the token changes.
export function setUpTrials({ where, goodToken, expiredToken }) {
  const all = expiredToken ? [...trials, { name: "Expired", make: expiredToken }] : trials;
  const buttons = all.map((trial) => {
    const button = make("button", "quiet", trial.name);
    button.type = "button";
    button.addEventListener("click", async () => {
      button.setAttribute("aria-busy", "true");
      try {
        const token = await trial.make(goodToken());
        report(await knock(where(), trial.name, token), trial.name);
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
    buttons[i].title = buttons[i].disabled ? "Needs a token to spoil" : "";
  });
  update();
  return update;
}
