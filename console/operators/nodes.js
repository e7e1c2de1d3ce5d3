// The card of the nodes of a cluster. It is hidden while there is one node.
import { $, make, show, span } from "./dom.js";

let names = new Map(); // of the nodes, by their IDs

// nameOf returns what operators call a node.
export const nameOf = (id) => names.get(id) || id.slice(0, 8);

export const namesOf = (ids) => ids.map(nameOf).join(", ");

// since returns the time since a date, in one unit.
const since = (date) => span((Date.now() - new Date(date)) / 1000);

function nodeRow({ id, version, since: joined, seen }, isSelf) {
  const name = make("td", "", nameOf(id));
  if (isSelf) name.append(make("small", "", "this node"));
  const row = make("tr", "", name,
    make("td", "", make("code", "", id)),
    make("td", "", version || "–"),
    make("td", "", joined ? `${since(joined)} ago` : "–"),
    make("td", "", seen ? `${since(seen)} ago` : "–"));
  row.dataset.id = id;
  return row;
}

// showNodes shows an answer of GET nodes. It reports whether there is a cluster.
export function showNodes({ self, others, bus }) {
  show($("nodes-card"), Boolean(bus));
  if (!bus) return false;
  names = new Map([self, ...others].map(({ id, name }) => [id, name]));
  $("nodes").replaceChildren(nodeRow(self, true), ...others.map((node) => nodeRow(node, false)));
  $("node-count").textContent = String(1 + others.length);
  $("bus").dataset.state = bus.connected ? "in" : "refused";
  $("bus-text").textContent = bus.connected ? `Connected for ${since(bus.since)}` : `Cut off for ${since(bus.since)}`;
  $("bus-error").textContent = bus.connected ? "" : `This node serves its own sockets, and is cut off from the others: ${bus.error ?? "no reason is known"}`;
  show($("bus-error"), !bus.connected);
  const lost = Object.entries({ "gaps in what it heard": bus.gaps, "messages not sent": bus.dropped, "messages it was too slow for": bus.overflows });
  $("lost").textContent = lost.filter(([, n]) => n > 0).map(([what, n]) => `${what}: ${n}`).join(" · ");
  show($("lost"), $("lost").textContent !== "");
  return true;
}
