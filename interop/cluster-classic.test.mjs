// Nodes in Node and in Go on the wire of @socket.io/redis-adapter, the classic one. Each row is done by each node.
import { emitters, requests } from "./cluster/classic.mjs";
import { mixed } from "./cluster/mixed.mjs";

mixed({ wire: "classic" }, { further: { emitters, requests } });
