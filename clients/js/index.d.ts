/** The codes of the npm package socketio-jwt, `unavailable` for what will pass, and any that a hook of the server chose. */
export type Code =
  | "credentials_required"
  | "credentials_bad_format"
  | "missing_authorization_header"
  | "invalid_token"
  | "invalid_secret"
  | "unavailable"
  | "unknown"
  | (string & {});

/** Why the server refused; see package auth of the server for what each means. */
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
  | "not_authorized"
  | "subject_changed"
  | "auth_timeout"
  | "internal_error"
  | "keys_unavailable"
  | "auth_unavailable"
  | "overloaded"
  | (string & {});

/** What the server says when it refuses. */
export interface Refusal {
  /** For people. */
  message: string;
  /** For programs, coarse. */
  code: Code;
  type: "UnauthorizedError";
  /** For programs, fine. Servers on the npm packages give none. */
  reason: Reason | undefined;
  /** In the server's log beside the cause. Servers on the npm packages give none. */
  id: string | undefined;
  /** Whether the same token may be accepted later. The package then connects the namespace again by itself. */
  temporary: boolean;
  /** How many seconds the server asks to wait after a temporary refusal. */
  retryAfter: number | undefined;
}

/** What a refusal may arrive in: `refusal` reads them all. */
export type UnauthorizedError =
  | (Error & { data: Partial<Refusal> })
  | { message: string; inner?: { message?: string }; data: Partial<Refusal> }
  | (Partial<Refusal> & { data?: undefined });

/** Reads a refusal out of whatever brought it; undefined for anything else. Never throws. */
export function refusal(error: unknown): Refusal | undefined;

/** Whether `refusal` finds one. Never throws. */
export function isUnauthorizedError(error: unknown): error is UnauthorizedError;

/** Nothing (undefined, null, "") means that there is no token: the server refuses, or lets a guest in. */
export type Token = string | null | undefined;

/** Asks for a token. It may fail, by throwing or by rejecting. */
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
  /** Milliseconds for all of it: connecting, the token, the answer. 20,000 unless given. */
  timeout?: number;
}

/**
 * Two round trips: logs in by `authenticate` once the socket is connected, and resolves on `authenticated`. Rejects with an
 * Error: one that `isUnauthorizedError` knows when the server refuses, which is acknowledged, so that the server lets go; or
 * another when the socket cannot connect or is disconnected, getToken fails (its error is the `cause`), or time is up. Calls
 * for one socket wait for each other.
 */
export function authenticate(socket: AnySocket, token: Token | GetToken, options?: Options): Promise<void>;

/**
 * Two round trips, now and after each reconnect, with a fresh token each time. `told` hears of each outcome: no error, or
 * one as `authenticate` rejects with. When getToken failed, or takes longer than the timeout, it is asked again after the
 * reconnection delay of the socket's manager, unless reconnection is off; likewise the socket comes back when the server's
 * deadline was over before it saw a token, and after a temporary refusal, as with `freshToken`. Other refusals are final. Returns
 * what ends it, after which `told` hears nothing.
 */
export function keepAuthenticated(
  socket: AnySocket,
  getToken: GetToken,
  told: (error: Error | undefined) => void,
  options?: Options,
): () => void;

/**
 * One round trip, socket.io-client 3 and 4: a value for the option `auth`, by which every connect brings a fresh token. When
 * getToken fails, or takes longer than the manager's `timeout`, listeners of `connect_error` hear of it (its error is the
 * `cause`), and it is asked again after the manager's reconnection delay; with reconnection off the socket leaves instead.
 *
 * If the server refuses only this namespace temporarily, the connection stays and the client would never try again. The socket then
 * connects again after the time that the server asked for (`retryAfter`) or the manager's reconnection delay, whichever is longer,
 * and a random part more (`randomizationFactor`). It does so at most `reconnectionAttempts` times in a row, and not if
 * `reconnection` is off or the application has disconnected the socket. Listeners of `connect_error` hear each refusal.
 */
export function freshToken(getToken: GetToken): (this: any, send: (data: { token?: string }) => void) => void;

/**
 * One round trip, socket.io-client 1 and 2: from now on each connection that the socket's manager opens, for all its
 * namespaces, has a fresh token in its query. Make the socket with `autoConnect: false`, call this, and then `socket.open()`,
 * to have it for the first connection too. Once per manager. A failure of getToken is as good as a server that cannot be
 * reached: `connect_error`, and another try after the reconnection delay. A namespace other than "/" that is refused temporarily
 * connects again as with `freshToken`, with the token of the connection.
 */
export function freshQuery(socket: AnySocket, getToken: GetToken): void;
