package main

import (
	"time"

	"socketiojwt/bench/load"
)

// The loads of the other rows against Node.
var (
	rooms = load.Config{Mode: load.Rooms, Count: 2000, Warm: 1, Each: 50, Messages: 3, Padding: 100,
		Settle: time.Second, Patience: 30 * time.Second}
	eventsFunc = load.Config{Mode: load.Events, Event: "func", Count: 100, Warm: 5, Each: 50, Padding: 20, Settle: time.Second, Patience: time.Minute}
	eventsScan = load.Config{Mode: load.Events, Event: "scan", Count: 100, Warm: 5, Each: 50, Padding: 20, Settle: time.Second, Patience: time.Minute}
	eventsRaw  = load.Config{Mode: load.Events, Event: "raw", Count: 100, Warm: 5, Each: 50, Padding: 20, Settle: time.Second, Patience: time.Minute}
	blobs      = load.Config{Mode: load.Blobs, Count: 8, Warm: 50, Each: 800, Padding: 64 << 10, Settle: time.Second, Patience: time.Minute}
	// With more messages ours would end the sessions of those that do not read, which makes the others cheaper.
	slow = load.Config{Mode: load.Slow, Count: 200, Quiet: 50, Warm: 20, Messages: 220, Padding: 16_000,
		Settle: time.Second, Patience: 20 * time.Second}
	deflate = load.Config{Mode: load.Bursts, Deflate: true, Count: 500, Warm: 5, Each: 1, Messages: 40, Padding: 4000,
		Settle: time.Second, Patience: 20 * time.Second}
	polling = load.Config{Mode: load.Bursts, Polling: true, Count: 500, Warm: 20, Each: 1, Messages: 100, Padding: 100,
		Settle: time.Second, Patience: 20 * time.Second}
	pollingIdle = load.Config{Mode: load.Idle, Polling: true, Count: 4000, Hold: 10 * time.Second, Settle: time.Second}
	tlsIdle     = load.Config{Mode: load.Idle, TLS: true, Count: 5000, Hold: 10 * time.Second, Settle: time.Second}
	storm       = load.Config{Mode: load.Storm, Count: 5000, Warm: 2000, Rate: 5000, Settle: time.Second, Patience: time.Minute}
	closed      = load.Config{Mode: load.Closed, Count: 10_000, Hold: 5 * time.Second, Settle: time.Second}
)

// loadRows compares other loads with Node.
func loadRows() []row {
	return []row{
		{name: "rooms", what: "CPU per delivered message to many rooms of 10, ours with HS256", unit: "us", figures: cpu, bound: 0.7, aim: 0.6,
			ours: oursHS256.under(rooms), over: new(nodeOpen.under(rooms))},
		{name: "events-func", what: "CPU per event for a handler of Func", unit: "us", figures: cpu, bound: 0.7, aim: 0.6,
			ours: oursHS256.under(eventsFunc), over: new(nodeOpen.under(eventsFunc))},
		{name: "events-scan", what: "CPU per event for a handler that scans", unit: "us", figures: cpu, bound: 0.7, aim: 0.6,
			ours: oursHS256.under(eventsScan), over: new(nodeOpen.under(eventsScan))},
		{name: "events-raw", what: "CPU per event for a handler that leaves it encoded", unit: "us", figures: cpu, bound: 0.7, aim: 0.5,
			ours: oursHS256.under(eventsRaw), over: new(nodeOpen.under(eventsRaw))},
		{name: "binary", what: "CPU per echo of 64 KB", unit: "us", figures: cpu, bound: 0.7, aim: 0.24,
			ours: oursHS256.under(blobs), over: new(nodeOpen.under(blobs))},
		{name: "slow", what: "p99 of a delivery beside 50 connections that do not read", unit: "us", figures: longTime, bound: 0.7, aim: 0.5,
			ours: oursHS256.under(slow), over: new(nodeOpen.under(slow))},
		{name: "slow-cpu", what: "CPU per delivered message beside them", unit: "us", figures: cpu, bound: 0.7, aim: 0.6,
			ours: oursHS256.under(slow), over: new(nodeOpen.under(slow))},
		{name: "storm", what: "p99 until a connection is admitted, of 5,000 a second", unit: "us", figures: longTime, bound: 0.7, aim: 0.3,
			ours: oursHS256.under(storm), over: new(threamHS256.under(storm))},
		{name: "storm-cpu", what: "CPU per connection of a storm", unit: "us", figures: cpu, bound: 0.7, aim: 0.3,
			ours: oursHS256.under(storm), over: new(threamHS256.under(storm))},
		// Neither server keeps anything of a closed connection. The figure is what each had at most, until its collector runs, which depends on
		// the time since it ran last: up to two minutes in Go, where a library must not collect by itself. So the bound is that of Node.
		{name: "closed", what: "RSS 5 s after all connections were closed", unit: "B", figures: rssAfter, bound: 1, aim: 0.56,
			ours: oursHS256.under(closed), over: new(nodeOpen.under(closed))},
		{name: "deflate", what: "CPU per delivered message of 4 KB with permessage-deflate", unit: "us", figures: cpu, bound: 0.7, aim: 0.3,
			ours: oursHS256.under(deflate), over: new(nodeOpen.under(deflate))},
		{name: "polling", what: "CPU per delivered message by long-polling", unit: "us", figures: cpu, bound: 0.7, aim: 0.6,
			ours: oursHS256.under(polling), over: new(nodeOpen.under(polling))},
		{name: "polling-idle", what: "RSS per waiting session by long-polling", unit: "B", figures: rss, bound: 1, aim: 0.6,
			ours: oursHS256.under(pollingIdle), over: new(nodeOpen.under(pollingIdle))},
		{name: "tls", what: "RSS per idle connection by TLS", unit: "B", figures: rss, bound: 0.7, aim: 0.45,
			ours: oursHS256.under(tlsIdle), over: new(nodeOpen.under(tlsIdle))},
	}
}
