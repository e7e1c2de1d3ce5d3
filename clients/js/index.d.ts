/** The codes of the npm package socketio-jwt, `unavailable` for temporary refusals, and codes of the server's hooks. */
export type Code =
  | "credentials_required"
  | "credentials_bad_format"
  | "missing_authorization_header"
  | "invalid_token"
  | "invalid_secret"
  | "unavailable"
  | "unknown"
  | "forbidden"
  | (string & {});

/** Why the server refused. Package auth of the server documents each reason. */
export type Reason =
  | "token_missing"
  | "token_conflict"
  | "token_malformed"
  | "token_too_large"
  | "token_header"
  | "token_unsigned"
  | "token_algorithm"
  | "token_signature"
  | "token_expired"
  | "token_not_active"
  | "token_too_old"
  | "token_issuer"
  | "token_audience"
  | "token_subject"
  | "token_id"
  | "token_nonce"
  | "token_type"
  | "token_claim"
  | "token_revoked"
  | "ticket_invalid"
  | "not_authorized"
  | "subject_changed"
  | "auth_timeout"
  | "internal_error"
  | "keys_unavailable"
  | "auth_unavailable"
  | "overloaded"
  | "login_required"
  | "insufficient_scope"
  | "insufficient_role"
  | "insufficient_user_authentication"
  | "rate_limited"
  | "ticket_invalid"
  | (string & {});

/** The server's refusal. */
export interface Refusal {
  /** The text for people. */
  message: string;
  /** A coarse code for programs. */
  code: Code;
  type: "UnauthorizedError";
  /** A precise reason for programs. Servers with the npm packages send none. */
  reason: Reason | undefined;
  /** An id that the server's log has beside the cause. Servers with the npm packages send none. */
  id: string | undefined;
  /** Whether the same token may be accepted later. The package then connects the namespace again on its own. */
  temporary: boolean;
  /** How many seconds the server asks to wait after a temporary refusal. */
  retryAfter: number | undefined;
}

/** A value that may contain a refusal. `refusal` reads all of them. */
export type UnauthorizedError =
  | (Error & { data: Partial<Refusal> })
  | { message: string; inner?: { message?: string }; data: Partial<Refusal> }
  | (Partial<Refusal> & { data?: undefined });

/** Returns the refusal in a value, or undefined if there is none. Never throws. */
export function refusal(error: unknown): Refusal | undefined;

/** Reports whether `refusal` finds a refusal. Never throws. */
export function isUnauthorizedError(error: unknown): error is UnauthorizedError;

/** undefined, null and "" mean that there is no token: the server refuses, or admits a guest. */
export type Token = string | null | undefined;

/**
 * Returns a token. It may fail, by throwing or by rejecting. If the error has a property `stop` that is true, there will be no
 * token any more, for example because the user has signed out: getToken is not called again, and the socket disconnects if it
 * waits for the token to connect.
 */
export type GetToken = () => Token | Promise<Token>;

/** A socket of socket.io-client, of any version from 1.7 on. */
export interface AnySocket {
  readonly connected: boolean;
  readonly io: any;
  on(event: any, listener: any): any;
  off(event: any, listener: any): any;
  emit(event: any, ...args: any[]): any;
}

export interface Options {
  /** Milliseconds for the whole login: the connection, the token and the answer. The default is 20,000. */
  timeout?: number;
}

/**
 * Two round trips: logs in by `authenticate` after the socket is connected, and resolves on `authenticated`. If the server
 * refuses, it rejects with an Error for which `isUnauthorizedError` is true, and acknowledges the refusal, so that the server
 * disconnects at once. It rejects with another Error if the socket cannot connect or is disconnected, if getToken fails (its
 * error is the `cause`), or after the timeout. Calls for one socket wait for each other.
 */
export function authenticate(socket: AnySocket, token: Token | GetToken, options?: Options): Promise<void>;

/**
 * Two round trips, now and after each reconnect, with a fresh token each time. `told` is called with each outcome: without an
 * error, or with an error as from `authenticate`. If getToken fails or takes longer than the timeout, it is called again after
 * the reconnection delay of the socket's manager, unless reconnection is off. The socket also connects again if the server's
 * deadline passed before it received a token, and after a temporary refusal, as with `freshToken`. Other refusals are final.
 * Returns a function that ends it, after which `told` is not called.
 */
export function keepAuthenticated(
  socket: AnySocket,
  getToken: GetToken,
  told: (error: Error | undefined) => void,
  options?: Options,
): () => void;

/**
 * One round trip, socket.io-client 3 and 4: a value for the option `auth` that gets a fresh token for every connect. If
 * getToken fails or takes longer than the manager's `timeout`, listeners of `connect_error` are called (its error is the
 * `cause`), and it is called again after the manager's reconnection delay. If reconnection is off, the socket disconnects instead.
 *
 * If the server refuses only this namespace temporarily, the connection stays and the client would never try again. The socket then
 * connects again after the time that the server asked for (`retryAfter`) or the manager's reconnection delay, whichever is longer,
 * plus a random part (`randomizationFactor`). It does so at most `reconnectionAttempts` times in a row, and not if `reconnection`
 * is off or the application has disconnected the socket. Listeners of `connect_error` receive each refusal.
 */
export function freshToken(getToken: GetToken): (this: any, send: (data: { token?: string }) => void) => void;

/**
 * One round trip, socket.io-client 1 and 2: from now on each connection that the socket's manager opens, for all its
 * namespaces, has a fresh token in its query. Call it once per manager. For the first connection too, make the socket with
 * `autoConnect: false`, call this, and then `socket.open()`. If getToken fails, the effect is that of a server that cannot be
 * reached: `connect_error`, and another attempt after the reconnection delay. A namespace other than "/" that is refused
 * temporarily connects again as with `freshToken`, with the token of the connection. Returns a function that ends it.
 */
export function freshQuery(socket: AnySocket, getToken: GetToken): () => void;

/** What an event needs of a token: see `Fresh` of the server's package auth. */
export interface Challenge {
  /** How many seconds ago the user may have authenticated. */
  maxAge?: number;
  /** Accepted values of the claim acr, in order of preference. */
  acrValues?: string[];
  /** Values that the claim amr must contain. */
  amr?: string[];
}

/** What the server has told about a lease that was refreshed. */
export interface Refreshed {
  /** Whole seconds until the lease ends; undefined if it does not end. */
  expiresIn: number | undefined;
  /** Whether the lease may be refreshed again. */
  refresh: boolean;
  /** Rooms that the socket has joined and left because of the new token. */
  joined: string[];
  left: string[];
}

export interface FreshOptions {
  /** How the token is sent: with CONNECT, or by the event `authenticate`. The default is "handshake". */
  mode?: "handshake" | "event";
  /** Milliseconds for one refresh, or for a login in event mode. The default is 20,000. */
  timeout?: number;
  /**
   * How many milliseconds before the end of a lease it is refreshed if the server does not warn about the end. The time is random,
   * between this and half of it, and not in the first two thirds of the lease. The default is 30,000.
   */
  ahead?: number;
  /** Called after each refresh. */
  onRefreshed?: (refreshed: Refreshed) => void;
  /**
   * Called if an attempt fails: the server refuses the token (see `refusal`), getToken fails (its error is the `cause`), or there
   * is no answer. The socket keeps its lease. There is another attempt if it can help and there is time left.
   */
  onRefused?: (error: Error) => void;
  /**
   * Called once after a final refusal, or if getToken fails with `stop`. Everything has ended then, as by `stop()`, and the socket
   * is disconnected. Call keepFresh again after the next login.
   */
  onStopped?: (error: Error) => void;
}

export interface KeptFresh {
  /**
   * Refreshes the lease now. Resolves when the server has accepted the token. If a refresh is under way, it waits for that one.
   */
  refresh(): Promise<void>;
  /** Whole seconds until the lease ends, or undefined if it does not end, is not known, or the socket is not connected. */
  expiresIn(): number | undefined;
  /** Ends it: removes all listeners and timers, and restores the socket's own `auth`. The socket stays connected. */
  stop(): void;
}

/**
 * Keeps a socket logged in for as long as there are tokens. Each connect shows a fresh token, as with `freshToken`, `freshQuery`
 * (clients 1 and 2) or `keepAuthenticated` (mode "event"), so do not use these for the same socket. While the socket is connected,
 * its lease is refreshed in place when the server warns about its end or asks for it, when an event needs a fresher token, and
 * otherwise by itself ahead of the end. getToken is called for each token; `challenge` is what an event needs.
 *
 * With clients 3 and 4, call it before the socket connects, in the same task as `io()` at the latest. The members of the socket's
 * own `auth` are sent too, except `token`. With clients 1 and 2 in mode "handshake", make the socket with `autoConnect: false`, as for
 * `freshQuery`, and call it for one socket of a manager.
 *
 * A refusal that is temporary, and one because the token has expired, is tried again. Other refusals of a refresh wait for the end
 * of the lease. Other refusals of the socket, and `token_revoked`, are final.
 */
export function keepFresh(
  socket: AnySocket,
  getToken: (asked: { challenge?: Challenge }) => Token | Promise<Token>,
  options?: FreshOptions,
): KeptFresh;
