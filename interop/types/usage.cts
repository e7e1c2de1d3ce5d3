// The same as CommonJS, where the types of client 3 are found too.
import client = require("socketio-jwt-client");
import { authenticate, type Refusal } from "socketio-jwt-client";
import { io as io3 } from "socket.io-client-3";

const socket = io3("http://localhost", { auth: client.freshToken(() => "token") });
const done: Promise<void> = authenticate(socket, async () => undefined);
const stop = client.keepAuthenticated(socket, () => null, (error) => console.log(done, error?.message));
const refused: Refusal | undefined = client.refusal(new Error("any"));
console.log(stop, refused?.code, client.isUnauthorizedError(refused));

// @ts-expect-error there is no default export
client.default;
// @ts-expect-error a token is a text
client.authenticate(socket, 1);
