// The page of operators: the sockets of all nodes, updated as they come and go, and what can be done to them.
import { call, hasToken, Refused, setToken } from "./api.js";
import { $, show } from "./dom.js";
import { namesOf, showNodes } from "./nodes.js";
import { entryTable, leaseTable } from "./rows.js";

// The page asks for one page of sockets at a time, so the cost does not depend on their number. It waits at least ten times as
// long as the answer took, and asks for nothing while it is hidden.
const pageSize = 100;
const pause = 1000;
const pauseAfterFailure = 5000;

const showLeases = leaseTable($("leases"));
const showEntries = entryTable($("entries"));

let filter = {};
let pages = [""]; // the parameter "after" of each page up to the present one
let next = ""; // that of the next page
let round = 0; // changes when an answer that is on its way must not be shown
let polls = 0; // of this round
let clustered = true; // or not known yet
let timer;

function setStatus(state, text) {
  $("status").dataset.state = state;
  $("status-text").textContent = text;
}

function complain(id, error) {
  $(id).textContent = error?.message ?? "";
  show($(id), Boolean(error));
}

// restart forgets what was shown, and asks at once.
function restart(first = true) {
  if (first) pages = [""];
  round++;
  polls = 0;
  clearTimeout(timer);
  return poll();
}

function leave(error) {
  setToken("");
  restart();
  showLeases([]);
  showEntries([]);
  clustered = true;
  for (const id of ["sockets-card", "denied-card", "nodes-card"]) show($(id), false);
  show($("token-card"), true);
  complain("token-error", error);
  setStatus(error ? "refused" : "out", error ? "Refused" : "No token");
  $("token").focus();
}

// failed shows an error. A token that is refused is forgotten.
function failed(error) {
  if (error instanceof Refused && (error.status === 401 || error.status === 403)) return leave(error);
  complain("error", error);
}

// countSockets returns the number of selected sockets. Without a filter it is that of the figures, which cost the server nothing.
async function countSockets(leases) {
  if (!next && pages.length === 1) return leases.length;
  if (clustered || Object.keys(filter).length > 0) return (await call("GET", "leases/count", { query: filter })).count;
  const { gates } = await call("GET", "stats");
  return Object.values(gates).reduce((sum, { held, leased, guests }) => sum + held + leased + guests, 0);
}

async function poll() {
  clearTimeout(timer);
  if (!hasToken() || document.hidden) return;
  const mine = round;
  const began = performance.now();
  let wait = pause;
  try {
    const after = pages.at(-1);
    const page = await call("GET", "leases", { query: { ...filter, limit: pageSize, ...(after && { after }) } });
    if (mine !== round) return;
    next = page.next ?? "";
    showLeases(page.leases, acts, polls > 0);
    const nth = polls++;
    show($("none"), page.leases.length === 0);
    $("missing").textContent = page.missing ? `These nodes have not answered, and their sockets are not listed: ${namesOf(page.missing)}.` : "";
    show($("missing"), Boolean(page.missing));
    $("back").disabled = pages.length === 1;
    $("next").disabled = !next;
    if (nth % 5 === 0 || !next && pages.length === 1) $("count").textContent = String(await countSockets(page.leases));
    if (mine !== round) return;
    if (nth % 10 === 0) await refreshEntries();
    if (mine !== round) return;
    if (clustered && nth % 2 === 0) clustered = showNodes(await call("GET", "nodes"));
    if (mine !== round) return;
    for (const id of ["sockets-card", "denied-card"]) show($(id), true);
    show($("token-card"), false);
    setStatus("in", "Live");
    wait = Math.max(pause, 10 * (performance.now() - began));
  } catch (error) {
    if (mine !== round) return;
    failed(error);
    if (!hasToken()) return;
    setStatus("wait", "No answer; trying again");
    wait = pauseAfterFailure;
  }
  timer = setTimeout(poll, wait);
}

async function refreshEntries() {
  const { revocations } = await call("GET", "revocations", { query: { limit: 100 } });
  showEntries(revocations, acts);
  show($("no-entries"), revocations.length === 0);
}

// ended says how many sockets ended, and on which nodes it is not known yet.
function ended({ sockets, confirmed = [], missing = [] }) {
  if (sockets === undefined) return "";
  const sum = confirmed.reduce((sum, node) => sum + node.sockets, sockets);
  return `${sum === 1 ? "1 socket" : `${sum} sockets`} ended.${missing.length > 0 ? ` Not confirmed in time by ${missing.join(", ")}.` : ""}`;
}

// act runs an action of the user, and shows how it ended.
async function act(done, action) {
  complain("error", null);
  $("done").textContent = "";
  try {
    $("done").textContent = `${done} ${ended(await action())}`;
    if (hasToken()) await restart(false);
  } catch (error) {
    failed(error);
  }
}

const reason = () => ($("reason").value.trim() ? { reason: $("reason").value.trim() } : {});
const user = ({ issuer = "", subject }) => ({ issuer, subject });
const at = (lease, action) => `leases/${encodeURIComponent(lease.id)}/${action}`;

const acts = {
  refresh: (lease) => act("The client was asked to refresh.", () => call("POST", at(lease, "refresh"))),
  disconnect: (lease) => act("Disconnected.", () => call("POST", at(lease, "disconnect"))),
  revokeToken: (lease) => act("The token is revoked.", () => call("POST", "revocations", { body: { tokenHash: lease.tokenHash, ...reason() } })),
  revokeUser: (lease) => act(`All tokens of ${lease.subject} are revoked.`, () => call("POST", "revocations", { body: { ...user(lease), ...reason() } })),
  block: (lease) => {
    $("block-issuer").value = lease.issuer ?? "";
    $("block-subject").value = lease.subject;
    $("block-subject").focus();
  },
  unblock: (entry) => act(`${entry.block.subject} is not blocked any more.`, () => call("POST", "blocks/remove", { body: { ...entry.block, ...reason() } }).then(() => ({}))),
};

$("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  complain("token-error", null);
  complain("error", null);
  setToken($("token").value);
  $("token").value = "";
  setStatus("wait", "Asking the server");
  restart();
});
$("leave").addEventListener("click", () => leave());

$("filter").addEventListener("submit", (event) => {
  event.preventDefault();
  filter = {};
  for (const name of ["issuer", "subject", "namespace", "state"]) if ($(name).value.trim()) filter[name] = $(name).value.trim();
  if (filter.subject) filter.issuer ??= ""; // a subject is that of one issuer; empty selects tokens without one
  complain("error", null);
  restart();
});
$("next").addEventListener("click", () => {
  pages.push(next);
  restart(false);
});
$("back").addEventListener("click", () => {
  pages.pop();
  restart(false);
});

$("block").addEventListener("submit", (event) => {
  event.preventDefault();
  const seconds = Number($("block-for").value);
  const until = seconds ? { until: new Date(Date.now() + seconds * 1000).toISOString() } : {};
  const subject = $("block-subject").value.trim();
  act(`${subject} is blocked.`, () => call("POST", "blocks", { body: { issuer: $("block-issuer").value.trim(), subject, ...until, ...reason() } }));
});

document.addEventListener("visibilitychange", () => poll());
