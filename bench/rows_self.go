package main

import (
	"time"

	"socketiojwt/bench/load"
)

// The loads of the rows of ours with itself.
var (
	refuse    = load.Config{Mode: load.Refuse, Count: 5000, Warm: 2000, Settle: time.Second}
	reconnect = load.Config{Mode: load.Reconnect, Count: 5000, Settle: time.Second}
	flood     = load.Config{Mode: load.Flood, Count: 64, Rate: 200, Hold: 5 * time.Second, Share: 0.6, Settle: time.Second}
	decoy     = load.Config{Mode: load.Decoy, Count: 3000, Warm: 500}
	lease     = load.Config{Mode: load.Heap, Count: 10_000, Settle: 2 * time.Second}
	refresh   = load.Config{Mode: load.Refresh, Count: 5000, Each: 4, Settle: time.Second}
	leaseHeap = load.Config{Mode: load.Leases, Count: 5000, Each: 20, Settle: 2 * time.Second}
	leases    = load.Config{Mode: load.Leases, Count: 5000, Each: 20, Settle: 2 * time.Second, Hold: 25 * time.Second} // a ping interval
	revoke    = load.Config{Mode: load.Revoke, Count: 15_000, Messages: 500, Settle: time.Second}
	waves     = load.Config{Mode: load.Waves, Count: 15_000, Settle: 2 * time.Second}
)

// selfRows compares our server with itself, or with a fixed time or size.
func selfRows() []row {
	return []row{
		{name: "refuse", what: "CPU to refuse a bad token, over admitting", unit: "us", figures: cpu, bound: 1.25, aim: 1,
			ours: oursHS256.under(refuse), over: new(oursHS256.under(connect))},
		{name: "reconnect-rs256", what: "CPU per reconnection, RS256, over HS256", unit: "us", figures: cpu, bound: 1.15, aim: 1,
			ours: oursRS256.under(reconnect), over: new(oursHS256.under(reconnect))},
		{name: "reconnect-es256", what: "CPU per reconnection, ES256, over HS256", unit: "us", figures: cpu, bound: 1.15, aim: 1,
			ours: oursES256.under(reconnect), over: new(oursHS256.under(reconnect))},
		{name: "metrics-connect", what: "CPU per connection with metrics, over without", unit: "us", figures: cpu, bound: 1.25, aim: 1.1,
			ours: oursMeasured.under(connect), over: new(oursHS256.under(connect))},
		{name: "metrics-broadcast", what: "CPU per delivered message with metrics, over without", unit: "us", figures: cpu, bound: 1.15, aim: 1.05,
			ours: oursMeasured.under(broadcast), over: new(oursHS256.under(broadcast))},
		{name: "flood", what: "p99 of an answer under bad ES256 tokens, over quiet", unit: "us", figures: answers, bound: 5, aim: 2,
			ours: oursEvent.under(flood)},
		{name: "decoy", what: "median to refuse for no such key, over a wrong signature", unit: "us", figures: decoys, bound: 1.15, aim: 1.05,
			ours: oursDecoy.under(decoy)},
		{name: "shared-idle", what: "RSS per idle connection with a shared wait, over without", unit: "B", figures: rss, exact: under5KB, bound: 0.65, aim: 0.5,
			ours: oursShared.under(idle), over: new(oursHS256.under(idle))},
		{name: "shared-tls", what: "RSS per idle connection by TLS with a shared wait, over without", unit: "B", figures: rss, bound: 0.9, aim: 0.8,
			ours: oursShared.under(tlsIdle), over: new(oursHS256.under(tlsIdle))},
		{name: "shared-connect", what: "CPU per connection with a shared wait, over without", unit: "us", figures: cpu, bound: 1.2, aim: 1.05,
			ours: oursShared.under(connect), over: new(oursHS256.under(connect))},
		{name: "shared-ack", what: "CPU per question and answer with a shared wait, over without", unit: "us", figures: cpu, bound: 1.2, aim: 1.05,
			ours: oursShared.under(ask), over: new(oursHS256.under(ask))},
		{name: "lease", what: "heap per connection with a lease, over one without", unit: "B", figures: heapPer, bound: 1.5, aim: 1.4,
			ours: oursHS256.under(lease), over: new(oursOpen.under(lease))},
		{name: "leases", what: "heap for each of 100,000 leases, over 1,000 B", unit: "B", figures: heapOfLease, bound: 1.3, aim: 1.1,
			ours: oursHS256.under(leaseHeap), over: new(oursOpen.under(leaseHeap))},
		{name: "leases-idle", what: "CPU per idle second with 100,000 leases, over without", unit: "us", figures: cpu, exact: looksOncePerSecond, bound: 1.5, aim: 1.2,
			ours: oursHS256.under(leases), over: new(oursOpen.under(leases))},
		{name: "refresh", what: "CPU per refresh, over a first admission and its connection", unit: "us", figures: refreshes, bound: 0.6, aim: 0.5,
			ours: oursLogin.under(refresh)},
		{name: "refresh-open", what: "CPU per refresh, over a first admission on an open connection", unit: "us", figures: refreshesOpen, bound: 1.25, aim: 1,
			ours: oursLogin.under(refresh)},
		{name: "revoke", what: "p99 of revoking one subject of 15,000, over 1 ms", unit: "us", figures: overMillisecond, bound: 1, aim: 0.5,
			ours: oursHS256.under(revoke)},
		{name: "waves", what: "heap after the 2nd wave, over the 1st", unit: "B", figures: heaps, exact: sameGoroutines, bound: 1.05, aim: 1,
			ours: oursHS256.under(waves)},
	}
}
