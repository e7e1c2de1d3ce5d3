// npm install socket.io-client && TOKEN=... node client.mjs
import { io } from "socket.io-client";

const socket = io("http://localhost:3000", { auth: (send) => send({ token: process.env.TOKEN }) }); // asked at each reconnection
socket.on("connect", () => socket.emit("say", "hello"));
socket.on("said", (who, text) => console.log(`${who}: ${text}`));
socket.on("connect_error", (error) => console.log(error.message, error.data)); // {message, code, type, reason, id}
