// A small Socket.IO client: Engine.IO 4 over WebSocket and one namespace of Socket.IO 5, which is what this page needs.
// It can receive binary attachments and never sends any. Real applications use socket.io-client, which also polls,
// upgrades, and shares one connection among namespaces.

const [CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR, BINARY_EVENT, BINARY_ACK] = [0, 1, 2, 3, 4, 5, 6];

const openTimeout = 10_000; // from the start of a connection to the answer to CONNECT
const firstDelay = 500;
const lastDelay = 8_000;
const settled = 5_000; // a connection that lasted this long makes the next delay the first again

// Options: url (of the WebSocket), namespace, auth (a function, possibly async, whose result goes with CONNECT), reconnect,
// and what to call, all of it optional: connecting(), connected(sid), refused({message, data}), event(name, args, ack),
// disconnected(reason, delay), where delay is the time in ms until it tries again or null, and packet(direction, data).
export class Socket {
  #options;
  #ws = null;
  #wanted = false; // whether to come back after a loss
  #joined = false;
  #openedAt = 0;
  #attempts = 0;
  #patience = openTimeout; // how long a silence may last
  #acks = new Map();
  #nextAck = 0;
  #partial = null; // a packet that waits for its attachments
  #silence = 0; // the timer that ends a silent connection
  #again = 0; // the timer of the next attempt

  constructor(options) {
    this.#options = { namespace: "/", auth: () => undefined, reconnect: true, ...options };
  }

  connect() {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#attempts = 0;
    this.#open();
  }

  // close leaves for good. disconnected is called if there was anything to leave.
  close() {
    if (!this.#wanted) return;
    if (this.#joined) this.#send(DISCONNECT, "");
    this.#end("left");
  }

  // emit sends an event and reports whether it could; a function as its last argument hears the acknowledgement.
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
    const ws = new WebSocket(this.#options.url);
    ws.binaryType = "arraybuffer";
    ws.onmessage = (event) => ws === this.#ws && this.#receive(event.data);
    ws.onclose = () => ws === this.#ws && this.#lost("the connection was closed");
    this.#ws = ws;
    this.#openedAt = Date.now();
    this.#watch(openTimeout);
  }

  // watch ends the connection when nothing comes for that long.
  #watch(ms) {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#lost("nothing came for too long"), ms);
  }

  // drop forgets the connection; what still comes from it is not listened to.
  #drop() {
    const ws = this.#ws;
    this.#ws = null;
    this.#joined = false;
    this.#partial = null;
    this.#acks.clear();
    clearTimeout(this.#silence);
    clearTimeout(this.#again);
    ws?.close();
  }

  // end stops trying.
  #end(reason) {
    this.#wanted = false;
    this.#drop();
    if (reason) this.#call("disconnected", reason, null);
  }

  // lost comes back later, if that is wanted: a closed connection is temporary, other than a refusal.
  #lost(reason) {
    const stayed = this.#joined && Date.now() - this.#openedAt > settled;
    this.#drop();
    if (!this.#options.reconnect) return this.#end(reason);
    if (stayed) this.#attempts = 0;
    const longest = Math.min(lastDelay, firstDelay * 2 ** this.#attempts++);
    const delay = Math.round(longest * (0.75 + Math.random() / 2)); // so that not all come back at once
    this.#again = setTimeout(() => this.#open(), delay);
    this.#call("disconnected", reason, delay);
  }

  #send(type, rest) {
    const { namespace } = this.#options;
    this.#write(`4${type}${namespace === "/" ? "" : `${namespace},`}${rest}`);
  }

  #write(data) {
    if (this.#ws?.readyState !== WebSocket.OPEN) return;
    this.#call("packet", "out", data);
    this.#ws.send(data);
  }

  // receive takes what one WebSocket message holds: an attachment, or an Engine.IO packet.
  #receive(data) {
    this.#call("packet", "in", data);
    try {
      if (typeof data !== "string") return this.#attachment(data);
      const rest = data.slice(1);
      switch (data[0]) {
        case "0": return this.#opened(JSON.parse(rest));
        case "1": return this.#lost("the server closed the connection");
        case "2": this.#watch(this.#patience); return this.#write(`3${rest}`);
        case "4": return this.#message(rest);
      }
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.#lost("the server sent something that is not the protocol");
    }
  }

  async #opened({ pingInterval, pingTimeout }) {
    this.#patience = pingInterval + pingTimeout;
    this.#watch(Math.min(this.#patience, openTimeout));
    const ws = this.#ws;
    let payload;
    try {
      payload = await this.#options.auth();
    } catch (error) {
      if (ws === this.#ws) this.#lost(error.message);
      return;
    }
    if (ws === this.#ws) this.#send(CONNECT, payload === undefined ? "" : JSON.stringify(payload));
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
        return this.#end("the server sent us away");
      case EVENT:
      case BINARY_EVENT: {
        const [name, ...args] = data;
        return this.#call("event", name, args, (...answer) => id !== null && this.#send(ACK, id + JSON.stringify(answer)));
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

// parse reads "type[attachments-][/namespace,][ack id][JSON]"; it puts the buffers where their placeholders are.
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
