// The log of packets.
import { $, append, make, timeWithMillis } from "./dom.js";
import { shorten } from "./token.js";

const engineTypes = ["open", "close", "ping", "pong", "", "upgrade", "noop"];
const packetTypes = ["CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK"];

const keep = 200;
const longest = 600;

// describe names what a packet is: an Engine.IO packet, or the Socket.IO packet in it.
function describe(data) {
  if (typeof data !== "string") return "attachment";
  return data[0] === "4" ? packetTypes[data[1]] : engineTypes[data[0]];
}

// logPacket shows one packet of a connection: that of a knock has a name, one's own has none.
export function logPacket(connection, direction, data) {
  const what = describe(data) ?? "unknown";
  let text = typeof data === "string" ? shorten(data) : `${data.byteLength} bytes`;
  if (text.length > longest) text = `${text.slice(0, longest)}…`;
  const row = make("li", `${direction} ${what === "ping" || what === "pong" ? "beat" : ""}`,
    make("time", "", timeWithMillis()),
    make("b", "", direction === "out" ? "→" : "←"),
    make("span", "what", what, ...(connection ? [make("i", "", connection)] : [])),
    make("code", "", text),
  );
  append($("wire"), row, keep);
}

$("clear").addEventListener("click", () => $("wire").replaceChildren());
$("pings").addEventListener("change", (event) => $("wire").classList.toggle("pings", event.target.checked));
