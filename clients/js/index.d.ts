/** The codes of the npm package socketio-jwt, `unavailable` for temporary refusals, and codes of the server's hooks. */
export type Code =
  | "credentials_required"
  | "credentials_bad_format"
  | "missing_authorization_header"
  | "invalid_token"
  | "invalid_secret"
  | "unavailable"
  | "unknown"
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

/** Returns a token. It may fail, by throwing or by rejecting. */
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
 * temporarily connects again as with `freshToken`, with the token of the connection.
 */
export function freshQuery(socket: AnySocket, getToken: GetToken): void;
