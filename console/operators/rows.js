// The rows of the tables. A row stays the same element while its socket stays, so that a button can be pressed at any time.
import { make, span } from "./dom.js";
import { nameOf } from "./nodes.js";

// distance returns the time until a date, in one unit.
const distance = (until) => (until ? span((new Date(until) - Date.now()) / 1000) : "–");

// button returns a button that runs act. If it needs to be sure, act runs at the second click within 3 s.
function button(label, act, { sure = false, title = "", enabled = true } = {}) {
  const element = make("button", "quiet", label);
  element.type = "button";
  element.title = title;
  element.disabled = !enabled;
  let timer;
  const calm = () => {
    clearTimeout(timer);
    element.classList.remove("sure");
    element.textContent = label;
  };
  element.addEventListener("click", async () => {
    if (sure && !element.classList.contains("sure")) {
      element.classList.add("sure");
      element.textContent = "Sure?";
      timer = setTimeout(calm, 3000);
      return;
    }
    calm();
    element.disabled = true;
    await act();
    element.disabled = false;
  });
  return element;
}

const cell = (className, ...children) => make("td", className, ...children.filter((child) => child !== ""));
const small = (text) => (text ? make("small", "", text) : "");

function leaseRow(lease, acts) {
  const state = make("span", "kind", lease.state);
  state.dataset.state = lease.state;
  const row = make("tr", "",
    cell("", lease.subject ?? "no user", small(lease.issuer)),
    cell("", make("code", "", lease.socket), small(`${lease.gate} · ${lease.remoteAddr}${lease.node ? ` · on ${nameOf(lease.node)}` : ""}`)),
    cell("", state),
    cell("time", distance(lease.until)),
    cell("actions",
      button("Refresh", () => acts.refresh(lease), { title: "Ask the client to refresh its token now", enabled: lease.state === "running" }),
      button("Disconnect", () => acts.disconnect(lease), { sure: true, title: "The token stays good" }),
      button("Revoke token", () => acts.revokeToken(lease), { sure: true, enabled: Boolean(lease.tokenHash) }),
      button("Revoke user", () => acts.revokeUser(lease), { sure: true, title: "All tokens that were issued to the user until now", enabled: Boolean(lease.subject) }),
      button("Block…", () => acts.block(lease), { title: "Fill in the form below", enabled: Boolean(lease.subject) })));
  row.dataset.id = lease.id;
  return row;
}

function entryRow(entry, acts) {
  return make("tr", "",
    cell("", entry.match),
    cell("", entry.gate),
    cell("", entry.reason ?? "–"),
    cell("time", distance(entry.until)),
    cell("actions", entry.block ? button("Unblock", () => acts.unblock(entry), { sure: true }) : ""));
}

// table returns a function that shows a list of items in the body of a table. same(item) is the text that decides whether a row is
// made anew.
function table(body, makeRow, same) {
  let rows = new Map();
  return (items, acts, marksNew) => {
    const shown = new Map();
    for (const item of items) {
      const old = rows.get(item.id);
      const kept = old && old.same === same(item);
      const row = kept ? old.row : makeRow(item, acts);
      if (kept) row.querySelector(".time").textContent = distance(item.until);
      else if (marksNew && !old) row.className = "fresh";
      shown.set(item.id, { row, same: same(item) });
    }
    let position = body.firstElementChild;
    for (const { row } of shown.values()) {
      if (row === position) position = position.nextElementSibling;
      else body.insertBefore(row, position);
    }
    while (position) {
      const gone = position;
      position = position.nextElementSibling;
      gone.remove();
    }
    rows = shown;
  };
}

export const leaseTable = (body) => table(body, leaseRow, (l) => JSON.stringify([l.state, l.subject, l.issuer, l.socket, l.tokenHash, l.node && nameOf(l.node)]));
export const entryTable = (body) => table(body, entryRow, (e) => JSON.stringify([e.match, e.reason, e.block]));
