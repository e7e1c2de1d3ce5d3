package main

import (
	"time"

	"socketiojwt/bench/load"
)

// The loads of the rows against Node.
var (
	connect     = load.Config{Mode: load.Connect, Count: 5000, Warm: 2000, Settle: time.Second}
	idle        = load.Config{Mode: load.Idle, Count: 19_500, Hold: 10 * time.Second, Settle: time.Second}
	idleBrowser = load.Config{Mode: load.Idle, Count: 19_500, Hold: 10 * time.Second, Settle: time.Second, Browser: true}
	broadcast   = load.Config{Mode: load.Broadcast, Count: 2000, Warm: 20, Rate: 10, Messages: 100, Padding: 100,
		Settle: time.Second, Patience: 20 * time.Second}
)

// nodeRows compares connections, memory and broadcasts with Node.
func nodeRows() []row {
	return []row{
		{name: "hs256", what: "CPU per connection, HS256", unit: "us", figures: cpu, bound: 0.18, aim: 0.12,
			ours: oursHS256.under(connect), over: new(threamHS256.under(connect))},
		{name: "query", what: "CPU per connection, HS256 in the query", unit: "us", figures: cpu, bound: 0.35, aim: 0.24,
			ours: oursQuery.under(connect), over: new(nodeQuery.under(connect))},
		{name: "rs256", what: "CPU per connection, RS256", unit: "us", figures: cpu, bound: 0.28, aim: 0.22,
			ours: oursRS256.under(connect), over: new(threamRS256.under(connect))},
		{name: "es256", what: "CPU per connection, ES256", unit: "us", figures: cpu, bound: 0.28, aim: 0.22,
			ours: oursES256.under(connect), over: new(threamES256.under(connect))},
		{name: "open", what: "CPU per connection, no tokens", unit: "us", figures: cpu, bound: 0.35, aim: 0.25,
			ours: oursOpen.under(connect), over: new(nodeOpen.under(connect))},
		{name: "idle", what: "RSS per idle connection, ours with HS256", unit: "B", figures: rss, bound: 0.66, aim: 0.62,
			ours: oursHS256.under(idle), over: new(nodeOpen.under(idle))},
		{name: "idle-browser", what: "the same with a browser's headers", unit: "B", figures: rss, bound: 0.85, aim: 0.65,
			ours: oursHS256.under(idleBrowser), over: new(nodeOpen.under(idleBrowser))},
		{name: "broadcast", what: "CPU per delivered message, ours with HS256", unit: "us", figures: cpu, bound: 0.85, aim: 0.75,
			ours: oursHS256.under(broadcast), over: new(nodeOpen.under(broadcast))},
	}
}
