// The form with the settings of a connection, and the settings that the user saved in this browser. Those never contain a token.
import { $, make } from "./dom.js";

const storageKey = "socketio-jwt set-ups";
const placeholder = "$token";
const compactToken = /\beyJ[\w-]+\.[\w-]+\.[\w-]*/g;
const defaultPayload = `{"token": "${placeholder}", "lease": true}`;

let settings; // of this page, see console.go

const ownURL = () => new URL(settings.path, location.href).href;
const namespaceOf = (mode) => (mode === "event" ? settings.event : settings.handshake);
const mode = () => document.querySelector("input[name=mode]:checked").value;

// needsToken reports whether the payload refers to the token.
export const needsToken = () => $("payload").value.includes(placeholder);

// chosen returns the settings in the form: url, namespace, transport, event (whether the token goes with "authenticate"), demo
// (whether it is this page's own demonstration), and payload(token), which returns the payload with the token in it.
// It throws an Error if a field is not valid.
export function chosen() {
  const url = parseURL($("url").value);
  const namespace = $("namespace").value.trim() || "/";
  if (!namespace.startsWith("/") || namespace.includes(",")) throw new Error("A namespace begins with a slash and has no comma.");
  const payload = parsePayload($("payload").value);
  return {
    url, namespace,
    transport: $("transport").value,
    event: mode() === "event",
    demo: url === ownURL() && namespace === namespaceOf(mode()),
    payload: (token) => fill(payload, token),
  };
}

function parseURL(text) {
  let url;
  try {
    url = new URL(text.trim(), location.href);
  } catch {
    throw new Error("The URL is not valid. It looks like https://chat.example.com/socket.io/");
  }
  if (!/^(http|ws)s?:$/.test(url.protocol)) throw new Error("The URL must begin with http://, https://, ws:// or wss://.");
  url.protocol = url.protocol.replace("ws", "http");
  if (url.pathname === "/") url.pathname = "/socket.io/"; // as socket.io-client does
  return url.href;
}

function parsePayload(text) {
  if (text.trim() === "") return undefined;
  try {
    const payload = JSON.parse(text);
    if (payload === null || typeof payload !== "object" || Array.isArray(payload)) throw new Error();
    return payload;
  } catch {
    throw new Error(`The payload must be a JSON object such as ${defaultPayload}.`);
  }
}

// fill replaces the placeholder in every string of a JSON value.
function fill(value, token) {
  if (typeof value === "string") return value.replaceAll(placeholder, () => token);
  if (Array.isArray(value)) return value.map((item) => fill(item, token));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, fill(item, token)]));
}

// --- saved settings --------------------------------------------------------------------------------------------------

// The ids of the fields that are saved.
const saved = ["url", "namespace", "transport", "payload", "event", "args"];

function load() {
  try {
    const list = JSON.parse(localStorage.getItem(storageKey) ?? "[]");
    return Array.isArray(list) ? list.filter((one) => typeof one?.name === "string") : [];
  } catch {
    return [];
  }
}

function store(list) {
  try {
    localStorage.setItem(storageKey, JSON.stringify(list));
  } catch {
    throw new Error("This browser does not allow the page to save settings.");
  }
}

function current(name) {
  const setup = { name, mode: mode(), ack: $("ack").checked };
  for (const id of saved) setup[id] = $(id).value.replace(compactToken, placeholder);
  return setup;
}

function apply(setup) {
  for (const id of saved) if (typeof setup[id] === "string") $(id).value = setup[id];
  $("ack").checked = setup.ack !== false;
  for (const radio of document.querySelectorAll("input[name=mode]")) radio.checked = radio.value === setup.mode;
  if (!settings.otherServers) $("url").value = ownURL();
}

function showSaved(selected = "") {
  const option = (name, label) => Object.assign(make("option", "", label), { value: name });
  $("saved").replaceChildren(option("", "This server"), ...load().map(({ name }) => option(name, name)));
  $("saved").value = selected;
  $("forget").disabled = selected === "";
}

// setUpForm fills the form, and calls changed() whenever the user changes it.
export function setUpForm(all, changed, complain) {
  settings = all;
  const fresh = { mode: "handshake", url: ownURL(), namespace: settings.handshake, transport: "websocket", payload: defaultPayload, event: "", args: "" };
  apply(fresh);
  $("url").readOnly = !settings.otherServers;
  showSaved();

  for (const radio of document.querySelectorAll("input[name=mode]")) {
    radio.addEventListener("change", () => {
      const other = namespaceOf(radio.value === "event" ? "handshake" : "event");
      if ($("namespace").value === other) $("namespace").value = namespaceOf(radio.value);
      changed();
    });
  }
  for (const id of ["url", "namespace", "transport", "payload"]) $(id).addEventListener("change", changed);

  $("saved").addEventListener("change", () => {
    const name = $("saved").value;
    apply(load().find((one) => one.name === name) ?? fresh);
    $("forget").disabled = name === "";
    changed();
  });
  $("save").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = $("save-name").value.trim();
    try {
      store([...load().filter((one) => one.name !== name), current(name)]);
      $("save-name").value = "";
      showSaved(name);
    } catch (error) {
      complain(error);
    }
  });
  $("forget").addEventListener("click", () => {
    store(load().filter((one) => one.name !== $("saved").value));
    showSaved();
  });
}
