// The lease of the socket: how long the server lets it stay, and the refresh by another token, in place.
import { $, show } from "./dom.js";
import { canRenew, clock } from "./login.js";

let end = null; // when the lease ends, in ms; null if it is not known or does not end
let mayRefresh = false;

// setLease shows what the server said about the lease; null hides it.
export function setLease(told) {
  end = typeof told?.expiresIn === "number" ? Date.now() + told.expiresIn * 1000 : null;
  mayRefresh = told?.refresh === true;
  show($("lease"), Boolean(told));
  tick();
}

// refreshesByItself reports whether the page must answer a warning with a new token.
export const refreshesByItself = () => $("keep-fresh").checked && mayRefresh && canRenew();

function tick() {
  const left = end === null ? null : Math.max(0, (end - Date.now()) / 1000);
  $("lease-left").textContent = left === null ? "The server sets no end to this socket." : `The server ends this socket in ${clock(left)}.`;
  $("refresh").disabled = !mayRefresh || !canRenew();
}

// setUpLease calls refresh() when the user asks for it.
export function setUpLease(refresh) {
  setInterval(tick, 250);
  $("refresh").addEventListener("click", refresh);
}
