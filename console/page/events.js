// The events: a list of those received, and two forms to send some.
import { $, append, make, show, time } from "./dom.js";
import { shorten } from "./token.js";

const keep = 300;
const longest = 4_000;

// note adds a line about the connection itself.
export function note(text) {
  append($("talk"), make("li", "note", make("span", "", text), make("time", "", time())), keep);
}

// said adds a chat message.
export function said(from, text, own) {
  const who = String(from);
  const initial = make("span", "initial", [...who][0]?.toUpperCase() ?? "?");
  initial.setAttribute("aria-hidden", "true");
  const hue = [...who].reduce((sum, c) => (sum * 31 + c.codePointAt(0)) % 360, 7);
  initial.style.setProperty("--hue", hue);
  append($("talk"), make("li", own ? "message own" : "message",
    initial, make("span", "who", who), make("time", "", time()), make("span", "words", String(text))), keep);
}

// received adds any other event, or an acknowledgement, with its arguments.
export function received(what, name, args) {
  const text = shorten(args.map(readable).join(", "));
  append($("talk"), make("li", "event", make("span", "kind", what), make("b", "", name), make("time", "", time()),
    make("code", "", text.length > longest ? `${text.slice(0, longest)}…` : text)), keep);
}

function readable(value) {
  return JSON.stringify(value, (_, item) => (item instanceof ArrayBuffer ? `<${item.byteLength} bytes>` : item)) ?? "undefined";
}

// parseArguments reads the arguments of an event: a JSON array of them, or one value. No text means no arguments.
function parseArguments(text) {
  if (text.trim() === "") return [];
  try {
    const value = JSON.parse(text);
    return Array.isArray(value) ? value : [value];
  } catch (error) {
    throw new Error(`The arguments are not valid JSON: ${error.message}`);
  }
}

const waiting = []; // messages that the user sent while the socket was not connected

// setUpEvents sets up the forms. emit(name, ...args) sends an event and reports whether it could. wanted() reports whether the
// page is connecting, so that a message that cannot be sent now is kept until it can.
export function setUpEvents({ emit, wanted }) {
  const say = (text) => emit("say", text, (answer) => answer?.error && note(`The server refused the message: ${answer.error}.`));

  $("say").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = $("text").value.trim();
    if (!text) return;
    if (!say(text)) {
      if (!wanted()) return;
      waiting.push(text);
      note("Not connected at the moment. The message will be sent after the connection is back.");
    }
    $("text").value = "";
  });

  $("compose").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = $("event").value.trim();
    try {
      const args = parseArguments($("args").value);
      const begin = performance.now();
      const ack = (...answer) => received(`ack, ${Math.max(1, Math.round(performance.now() - begin))} ms`, name, answer);
      if (!emit(name, ...args, ...($("ack").checked ? [ack] : []))) throw new Error("Connect first.");
      received("sent", name, args);
      complain("");
    } catch (error) {
      complain(error.message);
    }
  });

  return {
    // connected sends the messages that were kept.
    connected() {
      for (const text of waiting.splice(0)) say(text);
    },
    // left drops the messages that were kept.
    left() {
      waiting.length = 0;
    },
  };
}

function complain(text) {
  $("compose-error").textContent = text;
  show($("compose-error"), text !== "");
}
