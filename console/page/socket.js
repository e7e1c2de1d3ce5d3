// A small Socket.IO client for this page: Engine.IO 4 over WebSocket or HTTP long-polling, and one namespace of Socket.IO 5.
// It receives binary attachments and never sends any. Applications use socket.io-client, which also upgrades from one
// transport to the other and shares one connection among namespaces.

const [CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR, BINARY_EVENT, BINARY_ACK] = [0, 1, 2, 3, 4, 5, 6];

const openTimeout = 10_000; // from the start of a connection to the answer to CONNECT
const firstDelay = 500;
const lastDelay = 8_000;
const settled = 5_000; // a connection that lasted this long resets the reconnection delay

// address returns the URL of a transport at a server's URL.
function address(url, transport) {
  const target = new URL(url);
  if (transport === "websocket") target.protocol = target.protocol.replace("http", "ws");
  target.searchParams.set("EIO", "4");
  target.searchParams.set("transport", transport);
  return target;
}

// A transport calls receive(data) for each packet and lost(reason) once, unless it was closed before.

class WebSocketTransport {
  #ws;

  constructor(url, { receive, lost }) {
    const ws = new WebSocket(address(url, "websocket"));
    ws.binaryType = "arraybuffer";
    ws.onmessage = (event) => receive(event.data);
    ws.onclose = (event) => lost(describeClose(event));
    this.#ws = ws;
  }

  send(data) {
    if (this.#ws.readyState === WebSocket.OPEN) this.#ws.send(data);
  }

  close() {
    this.#ws.onmessage = this.#ws.onclose = null;
    this.#ws.close();
  }
}

// diagnose sends an HTTP request to a server that cannot be reached by WebSocket, because browsers do not show the status of a
// refused handshake to pages.
async function diagnose(url) {
  try {
    const target = address(url, "polling");
    const response = await fetch(target, { cache: "no-store" });
    const body = await response.text();
    if (!response.ok) return `HTTP ${response.status} ${body.slice(0, 200)}`;
    target.searchParams.set("sid", JSON.parse(body.slice(1)).sid);
    fetch(target, { method: "POST", body: "1" }).catch(() => {});
    return "Long-polling works, so a proxy between this page and the server blocks WebSockets.";
  } catch {
    return "There is no response to HTTP either: the server is down, the URL is wrong, or the server does not allow this page's origin.";
  }
}

function describeClose(event) {
  if (!event?.code) return "the connection was closed";
  return `the connection was closed (WebSocket code ${event.code}${event.reason ? `, ${event.reason}` : ""})`;
}

class PollingTransport {
  #url;
  #hooks;
  #queue = [];
  #posting = false;
  #ended = new AbortController();

  constructor(url, hooks) {
    this.#url = address(url, "polling");
    this.#hooks = hooks;
    this.#poll();
  }

  async #poll() {
    while (!this.#ended.signal.aborted) {
      const body = await this.#request("GET");
      if (body === null) return;
      for (const packet of body.split("\x1e")) {
        if (this.#ended.signal.aborted) return;
        if (packet[0] === "0") this.#url.searchParams.set("sid", JSON.parse(packet.slice(1)).sid);
        this.#hooks.receive(packet[0] === "b" ? Uint8Array.from(atob(packet.slice(1)), (c) => c.charCodeAt(0)).buffer : packet);
      }
    }
  }

  send(data) {
    this.#queue.push(data);
    if (!this.#posting) this.#post();
  }

  async #post() {
    this.#posting = true;
    while (this.#queue.length > 0) {
      if (await this.#request("POST", this.#queue.splice(0).join("\x1e")) === null) break;
    }
    this.#posting = false;
  }

  // request returns the body of the response, or null when the transport has ended.
  async #request(method, body) {
    try {
      const response = await fetch(this.#url, { method, body, cache: "no-store", signal: this.#ended.signal });
      const text = await response.text();
      if (response.ok) return text;
      this.#lost(`HTTP ${response.status} ${text.slice(0, 200)}`);
    } catch (error) {
      this.#lost(`the server did not answer (${error.message})`);
    }
    return null;
  }

  #lost(reason) {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    this.#hooks.lost(reason);
  }

  close() {
    const last = [...this.#queue.splice(0), "1"].join("\x1e");
    const known = this.#url.searchParams.has("sid");
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    if (known) fetch(this.#url, { method: "POST", body: last, keepalive: true }).catch(() => {});
  }
}

// Socket is one namespace on one connection. It reconnects after the connection is lost.
//
// Options: url (http or https, with the path of the server), transport ("websocket" or "polling"), namespace, auth (a function,
// possibly async, whose result goes with CONNECT), reconnect, and hooks, all optional: connecting(), opened(handshake),
// connected(sid), refused({message, data}), event(name, args, ack, wantsAck), packet(direction, data), disconnected(reason,
// delay), where delay is the time in ms until the next attempt, or null if there is none, and hint(text), which explains why a
// connection could not be opened.
export class Socket {
  #options;
  #transport = null;
  #wanted = false; // whether to reconnect after a loss
  #opened = false; // whether this connection has received anything
  #joined = false;
  #openedAt = 0;
  #attempts = 0;
  #patience = openTimeout; // the longest time without a packet
  #acks = new Map();
  #nextAck = 0;
  #partial = null; // a packet that waits for its attachments
  #silence = 0; // the timer that ends a silent connection
  #again = 0; // the timer of the next attempt

  constructor(options) {
    this.#options = { namespace: "/", transport: "websocket", auth: () => undefined, reconnect: true, ...options };
  }

  connect() {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#attempts = 0;
    this.#open();
  }

  // close closes the connection without reconnecting. disconnected is called if the socket was open or connecting.
  close() {
    if (!this.#wanted) return;
    if (this.#joined) this.#send(DISCONNECT, "");
    this.#end("closed by this page");
  }

  // emit sends an event and reports whether it could. A function as the last argument receives the acknowledgement.
  emit(name, ...args) {
    if (!this.#joined) return false;
    let id = "";
    if (typeof args.at(-1) === "function") {
      id = this.#nextAck++;
      this.#acks.set(id, args.pop());
    }
    this.#send(EVENT, id + JSON.stringify([name, ...args]));
    return true;
  }

  #call(hook, ...args) {
    this.#options[hook]?.(...args);
  }

  #open() {
    this.#call("connecting");
    const Transport = this.#options.transport === "polling" ? PollingTransport : WebSocketTransport;
    const transport = new Transport(this.#options.url, {
      receive: (data) => transport === this.#transport && this.#receive(data),
      lost: (reason) => transport === this.#transport && this.#lost(reason),
    });
    this.#transport = transport;
    this.#opened = false;
    this.#openedAt = Date.now();
    this.#watch(openTimeout);
  }

  // watch closes the connection if no packet is received for ms.
  #watch(ms) {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#lost(`nothing was received for ${Math.round(ms / 1000)} s`), ms);
  }

  // drop closes the connection and ignores packets that still arrive.
  #drop() {
    const transport = this.#transport;
    this.#transport = null;
    this.#joined = false;
    this.#partial = null;
    this.#acks.clear();
    clearTimeout(this.#silence);
    clearTimeout(this.#again);
    transport?.close();
  }

  // end closes the connection without reconnecting.
  #end(reason) {
    this.#wanted = false;
    this.#drop();
    if (reason) this.#call("disconnected", reason, null);
  }

  // lost schedules the next attempt. Only a closed transport is temporary; a refusal is final.
  #lost(reason) {
    const stayed = this.#joined && Date.now() - this.#openedAt > settled;
    const { transport, url, hint } = this.#options;
    if (!this.#opened && this.#attempts === 0 && transport === "websocket" && hint) diagnose(url).then(hint);
    this.#drop();
    if (!this.#options.reconnect) return this.#end(reason);
    if (stayed) this.#attempts = 0;
    const longest = Math.min(lastDelay, firstDelay * 2 ** this.#attempts++);
    const delay = Math.round(longest * (0.75 + Math.random() / 2)); // so that clients do not return all at once
    this.#again = setTimeout(() => this.#open(), delay);
    this.#call("disconnected", reason, delay);
  }

  #send(type, rest) {
    const { namespace } = this.#options;
    this.#write(`4${type}${namespace === "/" ? "" : `${namespace},`}${rest}`);
  }

  #write(data) {
    if (!this.#transport) return;
    this.#call("packet", "out", data);
    this.#transport.send(data);
  }

  // receive takes one Engine.IO packet, or an attachment.
  #receive(data) {
    this.#opened = true;
    this.#call("packet", "in", data);
    try {
      if (typeof data !== "string") return this.#attachment(data);
      const rest = data.slice(1);
      switch (data[0]) {
        case "0": return this.#join(JSON.parse(rest));
        case "1": return this.#lost("the server closed the connection");
        case "2": this.#watch(this.#patience); return this.#write(`3${rest}`);
        case "4": return this.#message(rest);
      }
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.#lost("the server sent a malformed packet");
    }
  }

  async #join(handshake) {
    this.#patience = handshake.pingInterval + handshake.pingTimeout;
    this.#watch(Math.min(this.#patience, openTimeout));
    this.#call("opened", handshake);
    const transport = this.#transport;
    let payload;
    try {
      payload = await this.#options.auth();
    } catch (error) {
      if (transport === this.#transport) this.#lost(error.message);
      return;
    }
    if (transport === this.#transport) this.#send(CONNECT, payload === undefined ? "" : JSON.stringify(payload));
  }

  #message(text) {
    const packet = parse(text);
    if (packet.attachments > 0) this.#partial = { text, buffers: [], missing: packet.attachments };
    else this.#packet(packet);
  }

  #attachment(buffer) {
    const partial = this.#partial;
    if (!partial) return;
    partial.buffers.push(buffer);
    if (--partial.missing > 0) return;
    this.#partial = null;
    this.#packet(parse(partial.text, partial.buffers));
  }

  #packet({ type, namespace, id, data }) {
    if (namespace !== this.#options.namespace) return;
    switch (type) {
      case CONNECT:
        this.#joined = true;
        this.#watch(this.#patience);
        return this.#call("connected", data?.sid);
      case CONNECT_ERROR:
        this.#end();
        return this.#call("refused", data);
      case DISCONNECT:
        return this.#end("the server sent DISCONNECT");
      case EVENT:
      case BINARY_EVENT: {
        const [name, ...args] = data;
        return this.#call("event", name, args, (...answer) => id !== null && this.#send(ACK, id + JSON.stringify(answer)), id !== null);
      }
      case ACK:
      case BINARY_ACK: {
        const ack = this.#acks.get(id);
        this.#acks.delete(id);
        return ack?.(...data);
      }
    }
  }
}

// parse reads "type[attachments-][/namespace,][ack id][JSON]" and puts the buffers where their placeholders are.
function parse(text, buffers = []) {
  const match = /^([0-6])(?:(\d+)-)?(?:(\/[^,]*),?)?(\d+)?(.*)$/s.exec(text);
  if (!match) throw new SyntaxError("not a packet");
  const [, type, attachments = 0, namespace = "/", id = null, json] = match;
  const place = (_, value) => (value?._placeholder === true ? buffers[value.num] : value);
  const packet = { type: Number(type), attachments: Number(attachments), namespace, id: id && Number(id), data: json ? JSON.parse(json, place) : undefined };
  const list = [EVENT, ACK, BINARY_EVENT, BINARY_ACK].includes(packet.type);
  if (list && !Array.isArray(packet.data)) throw new SyntaxError("not a list of arguments");
  return packet;
}
