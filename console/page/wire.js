// The log of packets, and of how each connection began and ended.
import { $, append, copyButton, make, timeWithMillis } from "./dom.js";
import { shorten } from "./token.js";

const engineTypes = ["open", "close", "ping", "pong", "", "upgrade", "noop"];
const packetTypes = ["CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK"];
const signs = { out: "→", in: "←", note: "·" };

const keep = 500;
const longest = 20_000;

// describe names the Engine.IO packet, or the Socket.IO packet in it.
function describe(data) {
  if (typeof data !== "string") return "attachment";
  return (data[0] === "4" ? packetTypes[data[1]] : engineTypes[data[0]]) ?? "unknown";
}

// logPacket adds a packet. connection names the trial; it is empty for the connection of the Connect button.
export function logPacket(connection, direction, data) {
  const what = describe(data);
  row(connection, direction, what, typeof data === "string" ? shorten(data) : `${data.byteLength} bytes`);
}

// logNote adds a line that is not a packet, such as a transport that opens or closes, or an HTTP status.
export function logNote(connection, what, text) {
  row(connection, "note", what, shorten(text));
}

function row(connection, direction, what, text) {
  const shown = text.length > longest ? `${text.slice(0, longest)}… (${text.length} characters)` : text;
  const line = make("summary", "", make("time", "", timeWithMillis()), make("b", "", signs[direction]),
    make("span", "what", what, ...(connection ? [make("i", "", connection)] : [])), make("code", "", shown));
  const element = make("li", `${direction} ${what === "ping" || what === "pong" ? "beat" : ""}`, make("details", "", line, make("pre", "", pretty(shown))));
  element.hidden = !matches(element);
  append($("wire"), element, keep);
}

// pretty indents the JSON at the end of a packet.
function pretty(text) {
  const start = text.search(/[[{]/);
  if (start < 0) return text;
  try {
    return `${text.slice(0, start)}\n${JSON.stringify(JSON.parse(text.slice(start)), null, 2)}`.trim();
  } catch {
    return text;
  }
}

const wanted = () => $("filter").value.trim().toLowerCase();
const matches = (element) => element.textContent.toLowerCase().includes(wanted());

$("filter").addEventListener("input", () => {
  for (const element of $("wire").children) element.hidden = !matches(element);
});
$("clear").addEventListener("click", () => $("wire").replaceChildren());
$("pings").addEventListener("change", (event) => $("wire").classList.toggle("pings", event.target.checked));

copyButton($("copy-wire"), () => [...$("wire").children]
  .filter((element) => element.offsetParent !== null)
  .map((element) => [...element.querySelector("summary").children].map((part) => part.textContent).join(" "))
  .join("\n"));
