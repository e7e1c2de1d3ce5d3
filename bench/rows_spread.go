package main

import (
	"time"

	"socketiojwt/bench/load"
)

// The loads of the rows of broadcasts to many connections.
var (
	spread = load.Config{Mode: load.Spread, Count: 20_000, Warm: 3, Messages: 20, Padding: 100, Settle: time.Second, Patience: 30 * time.Second}
	asking = load.Config{Mode: load.Loud, Noise: load.Broadcasts, Count: 20_000, Quiet: 20, Rate: 50, Padding: 100,
		Hold: 5 * time.Second, Settle: time.Second, Patience: 30 * time.Second}
)

// spreadRows compares broadcasts by two processors with those by one, and answers beside broadcasts with a fixed time.
func spreadRows() []row {
	return []row{
		{name: "spread", what: "time until the last of all has a broadcast, two processors over one", unit: "us", figures: halfTime, bound: 0.6, aim: 0.55,
			ours: oursWide.under(spread), over: new(oursSingle.under(spread))},
		{name: "spread-cpu", what: "CPU per message of it", unit: "us", figures: cpu, bound: 1.1, aim: 1.05,
			ours: oursWide.under(spread), over: new(oursSingle.under(spread))},
		{name: "spread-answers", what: "p99 of an answer while broadcasts go to all, over 5 ms more than without", unit: "us", figures: delayed,
			says: circumstances, bound: 1, aim: 0.5, ours: oursHS256.under(asking)},
	}
}
