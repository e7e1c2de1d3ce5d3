// Client code for a server that admits sockets only with a JWT, for socket.io-client 1.7 to 4, in browsers and in Node. It
// keeps no state between calls, so that two copies of it in one program do not conflict. After a change, run commonjs.mjs.

const type = "UnauthorizedError";

// --- refusals --------------------------------------------------------------------------------------------------------

// read copies a refusal from an object that has its members. It returns undefined if the object is not a refusal.
function read(object) {
  if (typeof object !== "object" || object === null || object.type !== type) return undefined;
  const { message, code, reason, id, temporary, retryAfter } = object;
  if (typeof code !== "string") return undefined;
  const text = (value) => (typeof value === "string" ? value : undefined);
  return {
    message: text(message) || "", code, type, reason: text(reason), id: text(id),
    temporary: temporary === true, retryAfter: Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter : undefined,
  };
}

// refusal returns the server's refusal from a value that may contain one: the error of connect_error, the object of the old
// clients' error event, the payload of unauthorized, or an error of this package. For other values it returns undefined. It
// never throws, and returns a copy.
export function refusal(error) {
  try {
    if (typeof error !== "object" || error === null) return undefined;
    return read(error.data) || read(error);
  } catch (_) { // a getter or a proxy that throws
    return undefined;
  }
}

// isUnauthorizedError reports whether error is a refusal by the server.
export function isUnauthorizedError(error) {
  return refusal(error) !== undefined;
}

// unauthorized makes an Error from a refusal, with the members of the error of connect_error.
function unauthorized(payload) {
  const data = refusal(payload) || read({ message: "unauthorized", code: "unknown", type });
  const error = new Error(data.message);
  error.name = type;
  error.data = data;
  return error;
}

// failure makes an Error with a cause. Like the native cause of an Error, it is not enumerable.
function failure(message, cause) {
  const error = new Error(`socketio-jwt: ${message}`);
  if (cause !== undefined) Object.defineProperty(error, "cause", { value: cause, configurable: true, writable: true });
  return error;
}

// words returns text for a message from a value of any type, because a server can send values that cannot become text.
const words = (what) => [what && what.message, what].find((text) => typeof text === "string" && text !== "") || "no reason given";

// --- tokens ----------------------------------------------------------------------------------------------------------

const longest = 0x7fffffff; // the longest delay of a timer; a longer one would fire at once

// tokenFrom gets a token. It waits at most `within` milliseconds, if a timer can wait that long. It rejects only with Errors of
// this package, whatever getToken does.
function tokenFrom(getToken, within) {
  let timer;
  const late = new Promise((_, reject) => {
    if (within > 0 && within <= longest) timer = setTimeout(() => reject(failure(`no token within ${within} ms`)), within);
  });
  const asked = new Promise((resolve) => resolve(typeof getToken === "function" ? getToken() : getToken))
    .catch((cause) => { throw failure("no token: getToken failed", cause); });
  const settled = () => clearTimeout(timer);
  const first = Promise.race([asked, late]);
  first.then(settled, settled);
  return first;
}

const absent = (token) => token === undefined || token === null || token === "";

// payload returns the message that contains a token, and the members of more. Without a token the server refuses, or admits a
// guest.
const payload = (token, more) => Object.assign({}, more, absent(token) ? {} : { token });

// isStop reports whether getToken failed with an error whose property `stop` is true: there will be no token any more.
function isStop(error) {
  try {
    return error.cause.stop === true;
  } catch (_) { // no cause, or a getter or a proxy that throws
    return false;
  }
}

// pause returns how long a manager would wait after that number of failures.
function pause(manager, failures) {
  const spread = 1 + manager.randomizationFactor() * (2 * Math.random() - 1);
  return Math.min(spread * Math.min(manager.reconnectionDelay() * 2 ** failures, manager.reconnectionDelayMax()), longest);
}

// --- temporary refusals ----------------------------------------------------------------------------------------------
// The server closes the connection for most of them, and the client reconnects on its own. If another namespace of the
// connection is admitted, the server refuses only the one namespace, and the client never connects it again on its own.

// askedPause returns how many milliseconds a temporary refusal asks to wait. For other values it returns undefined.
function askedPause(told) {
  try {
    const data = told.data || told;
    if (data.temporary !== true) return undefined;
    return data.retryAfter > 0 ? Math.min(data.retryAfter * 1000, longest) : 0;
  } catch (_) { // not an object, or a getter or a proxy that throws
    return undefined;
  }
}

// watchers is the property of a socket with its watchers. All copies of this package share it.
const watchers = Symbol.for("socketio-jwt.watchers");

// watch calls watcher.left when the application disconnects a socket, and watcher.came when it connects it. It returns a
// function that stops this. Sockets that are not connected send no event for it, so their methods are replaced until the last
// watcher stops.
function watch(socket, watcher) {
  const all = socket[watchers] || new Set();
  if (!socket[watchers]) {
    Object.defineProperty(socket, watchers, { value: all, configurable: true });
    const methods = { connect: "came", open: "came", disconnect: "left", close: "left" };
    all.restore = Object.entries(methods).filter(([name]) => typeof socket[name] === "function").map(([name, what]) => {
      const own = Object.getOwnPropertyDescriptor(socket, name);
      const method = socket[name];
      const watched = (...args) => {
        for (const each of Array.from(all)) each[what]();
        return method.apply(socket, args);
      };
      Object.defineProperty(socket, name, { value: watched, configurable: true, writable: true });
      return () => {
        if (socket[name] !== watched) return; // other code has replaced the method
        delete socket[name];
        if (own) Object.defineProperty(socket, name, own);
      };
    });
  }
  all.add(watcher);
  return () => {
    if (!all.delete(watcher) || all.size > 0) return;
    all.restore.forEach((restore) => restore());
    delete socket[watchers];
  };
}

// subscribed reports whether the client connects a socket on its own on a new connection. 1 and 2 have no `active`.
const subscribed = (socket) => (socket.active === undefined ? Boolean(socket.subs) : socket.active);

// retrying connects a socket again after delays that its caller sets, unless the application disconnects or connects it before.
function retrying(socket) {
  const { io: manager } = socket;
  let refusals = 0;
  let left = false;
  let timer;
  const cancel = () => clearTimeout(timer);
  const unwatch = watch(socket, {
    came() { left = false; cancel(); },
    left() { left = true; cancel(); },
  });

  // after connects the socket after a delay in milliseconds.
  const after = (ms) => {
    cancel();
    if (left) return;
    const { engine } = manager;
    timer = setTimeout(() => {
      // On a new connection a second CONNECT would be a violation of the protocol.
      const byItself = subscribed(socket) && manager.engine !== engine;
      if (!socket.connected && !byItself && manager.reconnection()) socket.connect();
    }, ms);
  };
  return {
    after,
    cancel,
    // refused connects the socket after a temporary refusal. After other refusals it does nothing.
    refused(told) {
      const asked = askedPause(told);
      if (asked === undefined || !manager.reconnection() || refusals >= manager.reconnectionAttempts()) return;
      const least = Math.max(asked, Math.min(manager.reconnectionDelay() * 2 ** refusals++, manager.reconnectionDelayMax()));
      after(Math.min(least * (1 + manager.randomizationFactor() * Math.random()), longest));
    },
    // admitted resets the count of refusals.
    admitted() {
      refusals = 0;
      cancel();
    },
    end() {
      cancel();
      unwatch();
    },
  };
}

// isOld reports whether a manager is from socket.io-client 1 or 2.
const isOld = (manager) => typeof manager.emitAll === "function";

// The types of the packets by which clients 1 and 2 are admitted and refused.
const CONNECT = 0;
const ERROR = 4;

// --- two round trips -------------------------------------------------------------------------------------------------

// turn is the property of a socket with its running logins. All copies of this package share it.
const turn = Symbol.for("socketio-jwt.turn");

function checked({ timeout = 20000 } = {}) {
  if (!(timeout > 0 && timeout <= longest)) throw new RangeError(`socketio-jwt: timeout must be from 1 to ${longest} ms`);
  return timeout;
}

// begin logs in once. It calls settle without an error or with one, and with what must follow: undefined; "left" if the server
// disconnected the socket although it refused no token, or only temporarily, so that a caller must connect it again; or "asks"
// if there was no token and patience returned a delay after which getToken is called again. Without patience there is no
// further attempt, and a temporary refusal ends the login. The token is sent with the members of more. begin returns a function
// that gives up without calling settle.
function begin(socket, getToken, timeout, settle, patience, more) {
  let over = false;
  let lacking = "turn";
  let late; // a refusal that only reports the server's deadline
  let asked;
  let free;
  const own = new Promise((resolve) => { free = resolve; });
  const before = socket[turn];
  const mine = before ? before.then(() => own) : own;
  Object.defineProperty(socket, turn, { value: mine, configurable: true });

  const ask = () => {
    lacking = "token";
    const call = asked = {};
    const current = () => asked === call && !over && !late;
    tokenFrom(getToken).then((token) => {
      if (!current()) return;
      lacking = "answer";
      socket.emit("authenticate", payload(token, more));
    }, (error) => { if (current()) noToken(error); });
  };
  const listeners = {
    connect: ask,
    // An answer to a login that has given up is ignored.
    authenticated: () => { if (lacking === "answer") end(); },
    unauthorized: (told, acknowledge) => {
      if (typeof acknowledge === "function") acknowledge();
      const refused = unauthorized(told);
      const waits = refused.data.reason === "auth_timeout" || (patience && refused.data.temporary);
      if (lacking === "answer" && !waits) return end(refused);
      // The connection ends, so another token does not help.
      if (!late) wait(expire, timeout);
      late = refused;
    },
    disconnect: (reason) => {
      // Otherwise the client reconnects on its own, or the application has disconnected it.
      const left = (late || lacking === "token") && reason === "io server disconnect";
      end(late || failure(`disconnected before the ${lacking}: ${words(reason)}`), left ? "left" : undefined);
    },
    connect_error: notConnected,
    // Clients 1 and 2 report a refusal by this event, and 2 emits the refusal of "/" on every namespace. For later clients it
    // is an ordinary event.
    error: (told) => { if (!socket.connected && socket.nsp === "/") notConnected(told); },
  };
  let timer;
  wait(expire, timeout);

  function wait(then, ms) {
    clearTimeout(timer);
    timer = setTimeout(then, ms);
  }
  function expire() {
    const error = late || failure(`no ${lacking} within ${timeout} ms`);
    if (!late && lacking === "token") noToken(error);
    else end(error);
  }
  function noToken(error) {
    const ms = patience && !isStop(error) ? patience() : undefined;
    if (ms === undefined) return end(error);
    asked = undefined;
    wait(() => {
      wait(expire, timeout);
      ask();
    }, ms);
    settle(error, "asks");
  }
  function notConnected(told) {
    // The client's own error is not used because it may contain the URL.
    end(isUnauthorizedError(told) ? unauthorized(told) : failure(`not connected: ${words(told)}`));
  }
  function leave() {
    over = true;
    clearTimeout(timer);
    for (const event of Object.keys(listeners)) socket.off(event, listeners[event]);
    const passed = () => { if (socket[turn] === mine) delete socket[turn]; };
    if (lacking === "turn") mine.then(passed); // the next login still waits for the previous one
    else passed();
    free();
  }
  function end(error, next) {
    if (over) return;
    leave();
    settle(error, next);
  }
  function start() {
    if (over) return;
    lacking = "connection";
    for (const event of Object.keys(listeners)) socket.on(event, listeners[event]);
    if (socket.connected) ask();
  }
  if (before) before.then(start);
  else start();
  return leave;
}

// authenticate logs a socket in after it is connected, and resolves when the server has admitted it.
export function authenticate(socket, token, options) {
  return new Promise((resolve, reject) => {
    begin(socket, token, checked(options), (error) => (error ? reject(error) : resolve()));
  });
}

// keepAuthenticated logs a socket in at every connect, with a token from a new call of getToken. It returns a function that
// stops this.
export function keepAuthenticated(socket, getToken, told, options) {
  if (typeof getToken !== "function" || typeof told !== "function") {
    throw new TypeError("socketio-jwt: keepAuthenticated needs two functions: getToken and told");
  }
  return keepLoggedIn(socket, getToken, told, checked(options));
}

// keepLoggedIn is keepAuthenticated, and sends the members of more with each token.
function keepLoggedIn(socket, getToken, told, timeout, more) {
  const { io: manager } = socket;
  const again = retrying(socket);
  let giveUp = () => {};
  let failures = 0;

  const patience = () => (manager.reconnection() ? pause(manager, failures++) : undefined);
  const login = () => {
    again.cancel();
    giveUp();
    giveUp = begin(socket, getToken, timeout, (error, next) => {
      if (next === undefined) failures = 0;
      if (!error) again.admitted();
      if (next === "left" && error.data && error.data.temporary) again.refused(error);
      else if (next === "left" && manager.reconnection()) again.after(patience());
      told(error);
    }, patience, more);
  };
  // The namespace may be refused before it is connected. Client 2 emits the refusal of "/" on every namespace, so for the old
  // clients the packet is used instead of the event error.
  const packet = ({ type, nsp, data }) => { if (type === ERROR && nsp === socket.nsp && nsp !== "/") again.refused(data); };
  const old = isOld(manager);
  if (old) manager.on("packet", packet);
  else socket.on("connect_error", again.refused);
  socket.on("connect", login);
  if (socket.connected) login();
  return () => {
    again.end();
    giveUp();
    socket.off("connect", login);
    if (old) manager.off("packet", packet);
    else socket.off("connect_error", again.refused);
  };
}

// --- one round trip --------------------------------------------------------------------------------------------------

// freshToken returns the option `auth` of socket.io-client 3 and 4. It calls getToken each time that a socket connects.
export function freshToken(getToken) {
  return authWith(getToken, (socket, token, send) => send(payload(token))).auth;
}

// authWith returns the option `auth`, which calls show with each token, and a function that removes its listeners from a socket
// and makes the next failure of getToken the last.
function authWith(getToken, show) {
  const states = new WeakMap();
  function auth(send) {
    const socket = this;
    if (!socket || !socket.io) throw new TypeError("socketio-jwt: the result of freshToken must be the option `auth` itself");
    const { io: manager } = socket;
    const { engine } = manager;
    const call = {};
    const state = states.get(socket) || retried(socket);
    states.set(socket, state);
    state.listen();
    state.newest = call;
    // On a new connection, the token of the previous one would be a second CONNECT.
    const current = () => state.newest === call && manager.engine === engine && socket.active !== false;
    let failures = 0;

    const ask = () => tokenFrom(getToken, manager.timeout()).then((token) => {
      if (!current()) return;
      state.sent = call;
      show(socket, token, send);
    }, (error) => {
      if (!current()) return;
      if (manager.reconnection() && !state.ended && !isStop(error)) setTimeout(() => { if (current()) ask(); }, pause(manager, failures++));
      else socket.disconnect();
      // connect_error is a reserved event, which emit refuses.
      for (const listener of socket.listeners("connect_error").slice()) listener.call(socket, error);
    });
    ask();
  }
  return { auth, end(socket) { if (states.has(socket)) states.get(socket).end(); } };
}

// retried returns the state that freshToken keeps for a socket: the newest call for a token, the last one that was sent, and
// listen. listen is called at each connect, because applications remove listeners that they do not know.
function retried(socket) {
  const again = retrying(socket);
  const state = {
    ended: false,
    end() {
      state.ended = true;
      again.end();
      for (const event of Object.keys(listeners)) socket.off(event, listeners[event]);
    },
    listen() {
      again.cancel();
      for (const event of Object.keys(listeners)) {
        if (socket.listeners(event).indexOf(listeners[event]) < 0) socket.on(event, listeners[event]);
      }
    },
  };
  const listeners = {
    connect: again.admitted,
    // If there is a newer call, the application has connected the socket already.
    connect_error: (told) => { if (state.sent === state.newest) again.refused(told); },
  };
  return state;
}

// withToken returns a copy of a query, which may be an object or a string, with another token.
function withToken(query, token) {
  if (typeof query === "string") {
    const others = query.split("&").filter((pair) => pair !== "" && pair.split("=")[0] !== "token");
    return others.concat(absent(token) ? [] : `token=${encodeURIComponent(token)}`).join("&");
  }
  const others = Object.assign({}, query);
  delete others.token;
  return Object.assign(others, payload(token));
}

// freshQuery makes the manager of a socket of socket.io-client 1 or 2 call getToken each time that it opens a connection, and
// put the token into the query. It returns a function that stops this. In these versions only the manager's open can wait, and
// they will not change any more.
export function freshQuery(socket, getToken) {
  const { io: manager } = socket;
  if (!isOld(manager)) {
    throw new TypeError("socketio-jwt: freshQuery is only for socket.io-client 1 and 2; use freshToken for later versions");
  }

  // A query in the URL would take precedence over the option each time.
  const inURL = /^([^?#]*)\?([^#]*)/.exec(manager.uri);
  if (inURL) [, manager.uri, manager.opts.query] = inURL;

  const retries = new Map();
  const packet = ({ type, nsp, data }) => {
    const joined = manager.nsps[nsp];
    if (!joined || nsp === "/") return; // these clients never send a CONNECT for "/"
    if (type === CONNECT && retries.has(joined)) retries.get(joined).admitted();
    if (type !== ERROR || !subscribed(joined)) return;
    if (!retries.has(joined)) retries.set(joined, retrying(joined));
    retries.get(joined).refused(data);
  };
  manager.on("packet", packet);

  const { open, connect } = manager;
  let ended = false;
  let newest;
  const opened = (done, options) => {
    if (ended) return open.call(manager, done, options);
    if (manager.readyState !== "closed") return manager;
    // The state is that after open, so that close ends the wait too.
    manager.readyState = "opening";
    manager.skipReconnect = false;
    const call = newest = {};
    const settle = (next) => (result) => {
      if (newest !== call || manager.readyState !== "opening") return;
      manager.readyState = "closed";
      next(result);
    };
    tokenFrom(getToken, manager.timeout()).then(settle((token) => {
      manager.opts.query = withToken(manager.opts.query, token);
      for (const namespace of Object.keys(manager.nsps)) {
        const joined = manager.nsps[namespace];
        // A token in the namespace's query would take precedence over the token of the connection.
        if (joined.query) joined.query = withToken(joined.query, token);
      }
      open.call(manager, done, options);
    }), settle((error) => {
      // Report it like a server that cannot be reached.
      manager.emitAll("connect_error", error);
      manager.skipReconnect = isStop(error);
      if (done) done(Object.assign(new Error("Connection error"), { data: error }));
      else manager.maybeReconnectOnOpen();
    }));
    return manager;
  };
  manager.open = manager.connect = opened;
  return () => {
    ended = true; // other code may have wrapped the methods since
    if (manager.open === opened) manager.open = open;
    if (manager.connect === opened) manager.connect = connect;
    manager.off("packet", packet);
    retries.forEach((retry) => retry.end());
  };
}

// --- one token after the other ---------------------------------------------------------------------------------------

const asksForLease = { lease: true }; // the server then describes the lease by the argument of authenticated
const step = 30000; // the longest wait without a look at the clock, in milliseconds
const hopeful = ["token_expired", "token_not_active", "token_too_old"]; // reasons after which getToken may return a better token

// later is setTimeout with a timer that does not keep a program in Node alive.
function later(run, ms) {
  const timer = setTimeout(run, ms);
  if (timer && typeof timer.unref === "function") timer.unref();
  return timer;
}

// stopwatch returns a function that returns the milliseconds since stopwatch was called. Timers, and in some systems the
// monotonic clock, stop while a machine sleeps; the wall clock can be set back. So the later one of two clocks counts.
function stopwatch() {
  const [wall, steady] = [Date.now(), performance.now()];
  return () => Math.max(Date.now() - wall, performance.now() - steady);
}

// leaseFrom reads what the server says about a lease, which it refreshes `ahead` milliseconds before the end or later, at a
// random time.
function leaseFrom({ expiresIn, refresh }, ahead) {
  const age = stopwatch();
  const span = expiresIn >= 0 ? expiresIn * 1000 : Infinity;
  const early = Math.min(ahead, span / 3) * (1 + Math.random()) / 2;
  const at = Math.max(span - early, 1000); // not without a pause, even if getToken returns tokens that are about to expire
  return { mayRefresh: refresh === true, left: () => span - age(), wait: () => at - age() };
}

const isObject = (value) => typeof value === "object" && value !== null;
const isExpired = ({ reason, message }) => reason === "token_expired" || (reason === undefined && message === "jwt expired");

// oneRefresh sends authenticate with a token from getToken, and an acknowledgement. It calls settle once, with an error or with
// what the server says. It returns a function that makes it settle with an error.
function oneRefresh(socket, getToken, timeout, settle) {
  let over = false;
  const end = (error, told) => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    settle(error, told);
  };
  const timer = later(() => end(failure(`no answer within ${timeout} ms`)), timeout);
  tokenFrom(getToken).then((token) => {
    if (over) return;
    if (absent(token)) return end(failure("no token: getToken returned none"));
    socket.emit("authenticate", payload(token, asksForLease), (told) => {
      if (!isObject(told)) end(undefined, {});
      else if (told.error !== undefined) end(unauthorized(told.error));
      else end(undefined, told);
    });
  }, (error) => end(error));
  return end;
}

// refresher refreshes the lease of a socket, one token at a time, again after failures, and before the lease ends. It calls
// final with an error after which it must be stopped.
function refresher(socket, getToken, { timeout, ahead, onRefreshed, onRefused }, final) {
  let lease; // undefined if the server has not described one
  let lapsed = false; // the lease has ended and the socket is still connected
  let failures = 0;
  let timer;
  let running; // makes the refresh that is under way settle
  let callers = []; // the promises of now that wait for it
  let challenged; // a challenge that has come meanwhile
  let quiet = false; // the refresh that is under way shows no new token
  let wanted = false; // a new token was asked for meanwhile

  const wait = (run, ms) => {
    clearTimeout(timer);
    timer = later(run, ms);
  };
  const settle = (error) => {
    running = undefined;
    for (const { resolve, reject } of callers.splice(0)) (error ? reject(error) : resolve());
  };
  const described = (told) => {
    if (!isObject(told)) return;
    lease = leaseFrom(told, ahead);
    lapsed = false;
    failures = 0;
    if (!running) arm();
  };
  function arm() {
    clearTimeout(timer);
    if (!lease || !lease.mayRefresh) return;
    const ms = lease.wait();
    if (ms <= 0) start();
    else if (ms < Infinity) wait(arm, Math.min(ms, step));
  }

  // pauseAfter returns after how many milliseconds to try again after a failure; undefined if there is no use or no time.
  const pauseAfter = (refused) => {
    if (!socket.connected || !(lapsed || (lease && lease.mayRefresh))) return undefined;
    if (refused && !refused.temporary && hopeful.indexOf(refused.reason) < 0) return undefined;
    const left = lapsed ? Infinity : lease.left();
    const backoff = Math.min(1000 * 2 ** failures++, step) * (0.5 + Math.random());
    const asked = (refused && refused.retryAfter || 0) * 1000 * (1 + Math.random() / 4);
    const ms = Math.max(asked, Math.min(backoff, left / 2), 500);
    return ms < left ? Math.min(ms, longest) : undefined;
  };
  const failed = (error, challenge) => {
    const refused = refusal(error);
    if (isStop(error) || (refused && refused.reason === "token_revoked")) return final(error);
    const ms = challenge ? undefined : pauseAfter(refused);
    if (ms !== undefined) wait(() => start(), ms);
    else if (challenge) arm();
    onRefused(error);
  };

  // start begins a refresh if none is under way. A token that was shown before only makes the server describe the lease.
  function start(challenge, shown) {
    if (running) {
      if (challenge) challenged = challenge; // the token that is under way may not satisfy it
      wanted = wanted || quiet;
      return;
    }
    clearTimeout(timer);
    quiet = shown !== undefined;
    const ask = () => (shown === undefined ? getToken(challenge ? { challenge } : {}) : shown);
    const mine = running = oneRefresh(socket, ask, timeout, (error, told) => {
      if (running !== mine) return;
      running = undefined;
      const next = challenged;
      const again = wanted;
      challenged = undefined;
      wanted = false;
      if (!again) settle(error);
      if (!error) described(told);
      if (next || again) start(next);
      if (error) failed(error, challenge);
      else if (shown === undefined) onRefreshed({ expiresIn: told.expiresIn, refresh: told.refresh === true, joined: told.joined || [], left: told.left || [] });
    });
  }
  return {
    start,
    described,
    left: () => (lease ? lease.left() : Infinity),
    now() {
      return new Promise((resolve, reject) => {
        if (!socket.connected) return reject(failure("not connected"));
        callers.push({ resolve, reject });
        start();
      });
    },
    expiring() {
      if (!lease || lease.mayRefresh) start();
    },
    // lapse notes that the lease has ended. If the socket stays, as a guest, it logs in again.
    lapse() {
      if (!lease) return;
      lease = undefined;
      lapsed = true;
      wait(() => start(), 250 + 500 * Math.random());
    },
    // forget forgets the lease, for example because the connection has ended.
    forget(why) {
      const mine = running;
      settle(failure(why));
      if (mine) mine();
      lease = challenged = undefined;
      lapsed = wanted = false;
      failures = 0;
      clearTimeout(timer);
    },
  };
}

function checkedFresh(getToken, options) {
  if (typeof getToken !== "function") throw new TypeError("socketio-jwt: keepFresh needs a function: getToken");
  const { mode = "handshake", ahead = 30000 } = options;
  if (mode !== "handshake" && mode !== "event") throw new RangeError("socketio-jwt: mode must be handshake or event");
  if (!(ahead > 0 && ahead <= longest)) throw new RangeError(`socketio-jwt: ahead must be from 1 to ${longest} ms`);
  const call = (name) => (...args) => { if (typeof options[name] === "function") options[name](...args); };
  return {
    inHandshake: mode === "handshake", ahead, timeout: checked(options),
    onRefreshed: call("onRefreshed"), onRefused: call("onRefused"), onStopped: call("onStopped"),
  };
}

// showTokens makes a socket show a token from getToken when it connects, and ask for its lease. It returns a function that
// restores what was there.
function showTokens(socket, getToken) {
  if (isOld(socket.io)) return freshQuery(socket, getToken);
  const own = Object.getOwnPropertyDescriptor(socket, "auth");
  const before = socket.auth;
  const { auth, end } = authWith(getToken, (_, token, send) => {
    const sendAll = (members) => send(withToken(Object.assign({}, members, asksForLease), token));
    if (typeof before === "function") before.call(socket, sendAll);
    else sendAll(before);
  });
  socket.auth = auth;
  return () => {
    end(socket);
    if (socket.auth !== auth) return; // other code has replaced it
    delete socket.auth;
    if (own) Object.defineProperty(socket, "auth", own);
  };
}

// keepFresh shows a fresh token at each connect, and refreshes the lease of the socket before it ends, when the server asks for
// it, and when an event needs a fresher token.
export function keepFresh(socket, getToken, options = {}) {
  const checkedOptions = checkedFresh(getToken, options);
  const { inHandshake, timeout, onRefused, onStopped } = checkedOptions;
  const { io: manager } = socket;
  const old = isOld(manager);
  const again = retrying(socket);
  const fresh = refresher(socket, getToken, checkedOptions, (error) => finish(error));
  let shown; // the token of the connection, if the server has described no lease for it
  let expiries = 0; // tokens in a row that had expired when the socket connected
  let ending; // the final refusal after which the server disconnects the socket
  let ended = false;

  const tokenToConnect = () => Promise.resolve(getToken({})).then((token) => {
    if (old) shown = token;
    return token;
  });
  // turnedAway handles a final refusal of the socket. A getToken that caches its result may return a token that has just expired.
  const turnedAway = (error) => {
    const mayReturn = manager.reconnection() && !(old && socket.nsp === "/") && expiries < 3;
    if (mayReturn && isExpired(refusal(error))) again.after(pause(manager, expiries++));
    else finish(error);
  };
  const listeners = {
    connect() {
      ending = undefined;
      if (!inHandshake) return;
      expiries = 0;
      again.cancel();
      if (old && !absent(shown)) fresh.start(undefined, shown);
    },
    authenticated: fresh.described,
    token_expiring: fresh.expiring,
    token_challenge: (challenge) => fresh.start(isObject(challenge) ? challenge : {}),
    unauthorized(told) {
      const refused = refusal(told);
      if (!refused) return; // an event was forbidden
      if (refused.reason === "token_revoked") return finish(unauthorized(told));
      if (refused.temporary || refused.reason === "auth_timeout") return; // the client connects again
      ending = unauthorized(told);
      if (isExpired(refused)) fresh.lapse();
    },
    disconnect(reason) {
      fresh.forget("disconnected");
      const why = ending;
      ending = undefined;
      if (why && reason === "io server disconnect") turnedAway(why);
    },
    connect_error(told) {
      const refused = refusal(told);
      if (isStop(told)) finish(told);
      else if (refused && !refused.temporary && !old) turnedAway(told);
    },
  };
  // Client 2 emits the refusal of "/" on every namespace, so for the old clients the packet is used.
  const packet = ({ type, nsp, data }) => {
    if (type !== ERROR || nsp !== socket.nsp) return;
    const refused = refusal(data);
    if (refused && !refused.temporary) turnedAway(unauthorized(data));
  };
  const loggedIn = (error) => {
    if (!error) {
      expiries = 0;
      again.cancel();
    } else if (isStop(error)) finish(error);
    else onRefused(error);
  };
  const restore = inHandshake ? showTokens(socket, tokenToConnect) : () => {};
  for (const event of Object.keys(listeners)) socket.on(event, listeners[event]);
  if (old) manager.on("packet", packet);
  const leave = inHandshake ? () => {} : keepLoggedIn(socket, () => getToken({}), loggedIn, timeout, asksForLease);
  if (inHandshake && socket.connected) fresh.start();

  function stop() {
    if (ended) return;
    ended = true;
    for (const event of Object.keys(listeners)) socket.off(event, listeners[event]);
    if (old) manager.off("packet", packet);
    leave();
    restore();
    again.end();
    fresh.forget("keepFresh has stopped");
    shown = undefined;
  }
  function finish(error) {
    if (ended) return;
    stop();
    socket.disconnect();
    onStopped(error);
  }
  return {
    stop,
    refresh: () => (ended ? Promise.reject(failure("keepFresh has stopped")) : fresh.now()),
    expiresIn() {
      const left = fresh.left();
      return left < Infinity ? Math.max(0, Math.floor(left / 1000)) : undefined;
    },
  };
}
