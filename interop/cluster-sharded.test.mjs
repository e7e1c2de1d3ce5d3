// Nodes in Node and in Go on the sharded wire of @socket.io/redis-adapter. Each row is done by each node.
import { mixed } from "./cluster/mixed.mjs";

mixed({ wire: "sharded" });
