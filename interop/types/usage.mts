// How a program in TypeScript, as an ES module, uses the package of clients/js. It is compiled and never run.
import { io, type Socket } from "socket.io-client";
import { authenticate, freshQuery, freshToken, isUnauthorizedError, keepAuthenticated, keepFresh, refusal, type Challenge, type Code, type Reason, type Refusal } from "socketio-jwt-client";

interface Heard { said: (who: string, text: string) => void }
interface Sent { say: (text: string) => void }

const fetchToken = async (): Promise<string | null> => null;

const plain = io("http://localhost", { auth: freshToken(fetchToken) });
const typed: Socket<Heard, Sent> = io("http://localhost", { auth: freshToken(() => "token") });
declare const old: any; // versions 1 and 2 bring no types

plain.on("connect_error", (error) => {
  const refused: Refusal | undefined = refusal(error);
  const code: Code | undefined = refused?.code;
  const seconds: number | undefined = refused?.temporary ? refused.retryAfter : undefined;
  switch (refused?.reason) {
    case "token_expired":
    case "a reason of one's own":
      console.log(code, seconds);
  }
});

for (const socket of [plain, typed, old]) {
  const done: Promise<void> = authenticate(socket, "token");
  const stop: () => void = keepAuthenticated(socket, fetchToken, (error: Error | undefined) => console.log(done, error?.message), { timeout: 5000 });
  stop();
}
for (const socket of [plain, typed, old]) {
  const fresh = keepFresh(socket, async ({ challenge }: { challenge?: Challenge }) => String(challenge?.maxAge), {
    mode: "event", ahead: 5000, onRefreshed: ({ joined, left }) => console.log(joined.concat(left)), onStopped: (error: Error) => console.log(error.message),
  });
  await fresh.refresh();
  const left: number | undefined = fresh.expiresIn();
  console.log(left);
  fresh.stop();
}
await authenticate(typed, fetchToken, { timeout: 1 });
await authenticate(plain, undefined, {});
freshQuery(old, fetchToken);

try {
  await authenticate(plain, "token");
} catch (error) { // unknown
  if (isUnauthorizedError(error)) {
    const message: string | undefined = error.message;
    console.log(message, error.data?.reason);
  }
}

const reason: Reason = "token_expired";
console.log(reason);

// @ts-expect-error a token is a text
await authenticate(plain, 1);
// @ts-expect-error a function that gives something else
freshToken(() => 1);
// @ts-expect-error nobody to tell
keepAuthenticated(plain, fetchToken);
// @ts-expect-error no function
keepAuthenticated(plain, "token", () => {});
// @ts-expect-error no socket
await authenticate({}, "token");
// @ts-expect-error a member that refusals lack
refusal(undefined)?.token;
// @ts-expect-error may be undefined
refusal(undefined).code;
// @ts-expect-error a time is a number
await authenticate(plain, "token", { timeout: "5s" });
// @ts-expect-error a mode that there is not
keepFresh(plain, fetchToken, { mode: "both" });
