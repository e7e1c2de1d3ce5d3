package main

import (
	"time"

	"socketiojwt/bench/load"
)

// The loads of the rows against Centrifuge.
var (
	burst = load.Config{Mode: load.Bursts, Count: 2000, Warm: 1, Each: 100, Messages: 3, Padding: 100,
		Settle: time.Second, Patience: 30 * time.Second}
	ask1 = load.Config{Mode: load.Ask, Count: 1, Warm: 5000, Each: 30_000, Padding: 60, Settle: time.Second, Patience: time.Minute}
	ask  = load.Config{Mode: load.Ask, Count: 1000, Warm: 10, Each: 100, Padding: 60, Settle: time.Second, Patience: time.Minute}
)

// centrifugeRows compares with Centrifuge. Both servers verify tokens of HS256.
func centrifugeRows() []row {
	return []row{
		{name: "connect", what: "CPU per connection, HS256", unit: "us", figures: cpu, bound: 1, aim: 0.75,
			ours: oursHS256.under(connect), over: new(centrifugeHS256.under(connect))},
		{name: "centrifuge-broadcast", what: "CPU per delivered message", unit: "us", figures: cpu, bound: 0.9, aim: 0.75,
			ours: oursHS256.under(broadcast), over: new(centrifugeHS256.under(broadcast))},
		{name: "centrifuge-idle", what: "RSS per idle connection", unit: "B", figures: rss, bound: 0.66, aim: 0.5,
			ours: oursHS256.under(idle), over: new(centrifugeHS256.under(idle))},
		{name: "burst", what: "CPU per delivered message of 100 broadcasts back to back", unit: "us", figures: cpu, bound: 0.9, aim: 0.6,
			ours: oursHS256.under(burst), over: new(centrifugeHS256.under(burst))},
		{name: "ack1", what: "CPU per question and answer, one connection", unit: "us", figures: cpu, bound: 1, aim: 0.9,
			ours: oursHS256.under(ask1), over: new(centrifugeHS256.under(ask1))},
		{name: "ack", what: "CPU per question and answer, many connections", unit: "us", figures: cpu, bound: 1, aim: 0.9,
			ours: oursHS256.under(ask), over: new(centrifugeHS256.under(ask))},
	}
}
