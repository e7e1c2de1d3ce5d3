package main

import (
	"slices"
	"time"

	"socketiojwt/bench/load"
)

var loud = load.Config{Mode: load.Loud, Count: 8, Quiet: 20, Rate: 50, Hold: 5 * time.Second, Settle: time.Second}

// loudRows compares how long sockets wait for an answer beside peers that send without a pause with a fixed time.
func loudRows() []row {
	return slices.Concat(
		beside(oursWide, load.Pings, "ping frames"),
		beside(oursWide, load.Noops, "packets without effect"),
		beside(oursWide, load.Fragments, "fragments"),
		beside(oursWide, load.Acks, "acknowledgements"),
		beside(oursWide, load.SmallEvents, "small events"),
		beside(oursWide, load.Unanswered, "small events that want no answer"),
		beside(oursLoginWide, load.BadTokens, "bad tokens of held sockets"),
		beside(oursWide, load.LargeEvents, "events of 1 MB"),
	)
}

// beside returns the rows of a kind of noise: the p99 and the median of the same runs.
func beside(s setup, kind load.Kind, of string) []row {
	c := loud
	c.Noise = kind
	s = s.under(c)
	name := "loud-" + string(kind)
	return []row{
		{name: name, what: "p99 of an answer beside 8 peers that flood with " + of + ", over 10 x quiet or 20 ms",
			unit: "us", figures: overNoise, says: circumstances, bound: 1, aim: 0.5, ours: s},
		{name: name + "-p50", what: "median of the same, over 3 ms", unit: "us", figures: medianBesideNoise, bound: 1, aim: 0.5, ours: s},
	}
}
