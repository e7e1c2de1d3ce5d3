// Nodes in Node and in Go on the wire of @socket.io/redis-streams-adapter. Each row is done by each node.
import { mixed } from "./cluster/mixed.mjs";

mixed({ wire: "streams" });
