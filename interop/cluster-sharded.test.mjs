// Nodes in Node and in Go on the sharded wire of @socket.io/redis-adapter, with one Redis and with a Redis Cluster. Each row is done
// by each node.
import { mixed } from "./cluster/mixed.mjs";

mixed({ wire: "sharded" });
mixed({ wire: "sharded", redisCluster: true, title: "on a Redis Cluster" }, { kinds: [["node", "node"], ["node", "go", "go"]] });
mixed({ wire: "sharded", options: { subscriptionMode: "dynamic-private" }, title: "dynamic-private" }, { kinds: [["node", "go"]] });
