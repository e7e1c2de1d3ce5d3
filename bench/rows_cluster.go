package main

import (
	"time"

	"socketiojwt/bench/load"
)

// The loads of the rows with several nodes.
var (
	sending = load.Config{Mode: load.Publish, Count: 1, Warm: 2000, Rate: 10_000, Messages: 60_000, Padding: 80, Settle: time.Second,
		Patience: 10 * time.Second, Cluster: load.Cluster{Used: 2, Measured: 0}}
	absent = load.Config{Mode: load.Publish, Warm: 2000, Rate: 10_000, Messages: 60_000, Padding: 80, Settle: time.Second,
		Patience: 10 * time.Second, Cluster: load.Cluster{Used: 2, Measured: 1}}
	receiving = load.Config{Mode: load.Publish, Count: 20, Warm: 1000, Rate: 1000, Messages: 10_000, Padding: 80, Settle: time.Second,
		Patience: 10 * time.Second, Cluster: load.Cluster{Used: 2, Measured: 1}}
	delivering = load.Config{Mode: load.Across, Count: 20, Warm: 200, Rate: 200, Messages: 2000, Padding: 80, Settle: time.Second,
		Patience: 10 * time.Second, Cluster: load.Cluster{Used: 2, Measured: 1}}
	flooding = load.Config{Mode: load.Publish, Count: 20, Warm: 200, Rate: 20_000, Messages: 20_000, Padding: 80, Settle: time.Second,
		Patience: 20 * time.Second, Cluster: load.Cluster{Used: 2, Measured: 1, MayLose: true}}
	fetching = load.Config{Mode: load.Fetch, Count: 1000, Warm: 3, Rate: 4, Messages: 40, Settle: 2 * time.Second,
		Cluster: load.Cluster{Used: 3, Measured: 0}}
	outcasts = load.Config{Mode: load.Outcast, Count: 1000, Rate: 50, Messages: 500, Settle: 2 * time.Second, Patience: 10 * time.Second,
		Cluster: load.Cluster{Used: 3, Measured: 1}}
)

// clusterRows compares a node of a cluster with one of Node.
func clusterRows() []row {
	return []row{
		{name: "cluster-send", what: "CPU of a node per broadcast that it sends", unit: "us", figures: cpu, bound: 0.5, aim: 0.3,
			ours: oursClassic.under(sending), over: new(nodeClassic.under(sending))},
		{name: "cluster-absent", what: "CPU of a node per broadcast to a room that it has no member of", unit: "us", figures: cpu, bound: 0.25, aim: 0.05,
			ours: oursClassic.under(absent), over: new(nodeClassic.under(absent))},
		{name: "cluster-members", what: "CPU of a node per broadcast to 20 members", unit: "us", figures: cpu, bound: 0.7, aim: 0.5,
			ours: oursClassic.under(receiving), over: new(nodeClassic.under(receiving))},
		{name: "cluster-rss", what: "memory of a node after it", unit: "B", figures: rssAfter, bound: 0.25, aim: 0.2,
			ours: oursClassic.under(receiving), over: new(nodeClassic.under(receiving))},
		{name: "cluster-redis", what: "CPU of Redis per broadcast", unit: "us", figures: redisPer, bound: 1, aim: 0.6,
			ours: oursClassic.under(sending), over: new(nodeClassic.under(sending))},
		{name: "cluster-p50", what: "median from a client of one node to 20 of the other", unit: "us", figures: halfTime, bound: 1, aim: 0.7,
			ours: oursClassic.under(delivering), over: new(nodeClassic.under(delivering))},
		{name: "cluster-p99", what: "p99 of the same", unit: "us", figures: longTime, bound: 1, aim: 0.7,
			ours: oursClassic.under(delivering), over: new(nodeClassic.under(delivering))},
		{name: "cluster-fetch", what: "p99 of fetching 3 x 1,000 sockets", unit: "us", figures: longTime, bound: 1, aim: 0.5,
			ours: oursClassic.under(fetching), over: new(nodeClassic.under(fetching))},
		{name: "cluster-revoke", what: "p99 from Revoke on one of 3 nodes to the end of a socket of another, over 100 ms", unit: "us", figures: overRevoking, bound: 1, aim: 0.1,
			ours: oursClassicHS256.under(outcasts)},
		{name: "cluster-lost", what: "messages lost at 20,000 a second by the streams wire", unit: "", figures: lost, bound: 0, aim: 0,
			ours: oursStreams.under(flooding), over: new(nodeStreams.under(flooding))},
	}
}
