package main

import (
	"fmt"
	"strings"
	"time"

	"socketiojwt/bench/load"
)

// row is one line of the table: what a thing costs our server, over what it costs another.
type row struct {
	name string // for -rows
	what string
	unit string
	ours setup
	over *setup // nil: both figures come from the same run of ours

	// figures returns what is compared, from a run of each; the second is ours again where over is nil.
	figures func(ours, over load.Result) (float64, float64)
	// exact checks what else must hold in each run of ours; nil means nothing.
	exact func(ours load.Result) error

	bound float64 // the ratio may not be above this
	aim   float64 // and better is not above this
}

// setup is one server under one load.
type setup struct {
	name     string
	ours     bool
	kind     string // how the server treats tokens: the argument of its program
	alg      string
	load     load.Config
	wide     bool   // both cores, which the load shares; else one, and the load has the other
	measured bool   // with metrics, which are scraped
	wire     string // of the nodes of a cluster; empty means that there is one server
}

const (
	rounds      = 5 // runs of each server in a row
	quickRounds = 1
	quickCount  = 1000
	fileSlack   = 500 // files that a process needs besides its connections
)

// The loads. What they have in common is in under.
var (
	connect     = load.Config{Mode: load.Connect, Count: 5000, Warm: 2000, Settle: time.Second}
	refuse      = load.Config{Mode: load.Refuse, Count: 5000, Warm: 2000, Settle: time.Second}
	idle        = load.Config{Mode: load.Idle, Count: 19_500, Hold: 10 * time.Second, Settle: time.Second}
	idleBrowser = load.Config{Mode: load.Idle, Count: 19_500, Hold: 10 * time.Second, Settle: time.Second, Browser: true}
	broadcast   = load.Config{Mode: load.Broadcast, Count: 2000, Warm: 20, Rate: 10, Messages: 100, Padding: 100,
		Settle: time.Second, Patience: 20 * time.Second}
	reconnect = load.Config{Mode: load.Reconnect, Count: 5000, Settle: time.Second}
	flood     = load.Config{Mode: load.Flood, Count: 64, Rate: 200, Hold: 5 * time.Second, Share: 0.6, Settle: time.Second}
	decoy     = load.Config{Mode: load.Decoy, Count: 3000, Warm: 500}
	loud      = load.Config{Mode: load.Loud, Count: 8, Quiet: 20, Rate: 50, Hold: 5 * time.Second, Settle: time.Second}
	lease     = load.Config{Mode: load.Heap, Count: 10_000, Settle: 2 * time.Second}
	refresh   = load.Config{Mode: load.Refresh, Count: 5000, Each: 4, Settle: time.Second}
	leaseHeap = load.Config{Mode: load.Leases, Count: 5000, Each: 20, Settle: 2 * time.Second}
	leases    = load.Config{Mode: load.Leases, Count: 5000, Each: 20, Settle: 2 * time.Second, Hold: 25 * time.Second} // a ping interval
	revoke    = load.Config{Mode: load.Revoke, Count: 15_000, Messages: 500, Settle: time.Second}
	sending   = load.Config{Mode: load.Publish, Count: 1, Warm: 2000, Rate: 10_000, Messages: 60_000, Padding: 80, Settle: time.Second,
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
	waves = load.Config{Mode: load.Waves, Count: 15_000, Settle: 2 * time.Second}
)

// The servers. The kind is what they do with tokens.
var (
	oursOpen     = setup{name: "ours", ours: true, kind: "bare", alg: "HS256"}
	oursQuery    = setup{name: "ours", ours: true, kind: "query", alg: "HS256"}
	oursHS256    = setup{name: "ours", ours: true, kind: "auth", alg: "HS256"}
	oursRS256    = setup{name: "ours", ours: true, kind: "auth", alg: "RS256"}
	oursES256    = setup{name: "ours", ours: true, kind: "auth", alg: "ES256"}
	oursMeasured = setup{name: "ours with metrics", ours: true, kind: "auth", alg: "HS256", measured: true}
	oursWide     = setup{name: "ours", ours: true, kind: "auth", alg: "HS256", wide: true}
	oursLogin    = setup{name: "ours", ours: true, kind: "event", alg: "HS256"}
	oursDecoy    = setup{name: "ours", ours: true, kind: "event", alg: "ES256"}
	oursEvent    = setup{name: "ours", ours: true, kind: "event", alg: "ES256", wide: true}

	oursClassicHS256 = setup{name: "ours", ours: true, kind: "auth", alg: "HS256", wire: "classic"}
	oursClassic      = setup{name: "ours", ours: true, kind: "bare", alg: "HS256", wire: "classic"}
	oursStreams      = setup{name: "ours", ours: true, kind: "bare", alg: "HS256", wire: "streams"}
	nodeStreams      = setup{name: "socket.io + redis-streams-adapter", kind: "bare", alg: "HS256", wire: "streams"}
	nodeClassic      = setup{name: "socket.io + redis-adapter", kind: "bare", alg: "HS256", wire: "classic"}

	nodeOpen    = setup{name: "socket.io", kind: "bare", alg: "HS256"}
	nodeQuery   = setup{name: "socket.io + socketio-jwt", kind: "auth0", alg: "HS256"}
	threamHS256 = setup{name: "socket.io + thream", kind: "thream", alg: "HS256"}
	threamRS256 = setup{name: "socket.io + thream", kind: "thream", alg: "RS256"}
	threamES256 = setup{name: "socket.io + thream", kind: "thream", alg: "ES256"}
)

// rows returns the comparison.
func rows() []row {
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
		{name: "idle", what: "RSS per idle connection, ours with HS256", unit: "B", figures: rss, bound: 0.85, aim: 0.65,
			ours: oursHS256.under(idle), over: new(nodeOpen.under(idle))},
		{name: "idle-browser", what: "the same with a browser's headers", unit: "B", figures: rss, bound: 0.85, aim: 0.65,
			ours: oursHS256.under(idleBrowser), over: new(nodeOpen.under(idleBrowser))},
		{name: "broadcast", what: "CPU per delivered message, ours with HS256", unit: "us", figures: cpu, bound: 0.85, aim: 0.75,
			ours: oursHS256.under(broadcast), over: new(nodeOpen.under(broadcast))},
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
		{name: "loud", what: "median of an answer beside 8 loud peers, over quiet", unit: "us", figures: medians, bound: 150, aim: 60,
			ours: oursWide.under(loud)},
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
		{name: "waves", what: "heap after the 2nd wave, over the 1st", unit: "B", figures: heaps, exact: sameGoroutines, bound: 1.05, aim: 1,
			ours: oursHS256.under(waves)},
	}
}

// under returns s with its load, and where its server looks for tokens.
func (s setup) under(c load.Config) setup {
	c.Parallel = 50
	if c.Mode == load.Decoy {
		c.Alg = s.alg
	}
	switch s.kind {
	case "bare":
		c.Via = load.ViaNone
	case "query", "auth0":
		c.Via = load.ViaQuery
	case "thream":
		c.Via, c.Scheme = load.ViaAuth, "Bearer "
	case "event":
		c.Via = load.ViaEvent
	default:
		c.Via = load.ViaAuth
	}
	s.load = c
	return s
}

// overNode reports whether the row compares with Node.
func (r row) overNode() bool { return r.over != nil && !r.over.ours }

// needsRedis reports whether the row has a cluster.
func (r row) needsRedis() bool { return r.ours.wire != "" }

// most returns s with no more than n connections.
func (s setup) most(n int) setup {
	if s.load.Count <= n {
		return s
	}
	if s.load.Mode == load.Connect || s.load.Mode == load.Refuse {
		s.load.Warm = s.load.Warm * n / s.load.Count
	}
	s.load.Count = n
	return s
}

func cpu(ours, over load.Result) (float64, float64) { return ours.CPUPerItem, over.CPUPerItem }

func rss(ours, over load.Result) (float64, float64) { return ours.RSSPer, over.RSSPer }

func rssAfter(ours, over load.Result) (float64, float64) {
	return float64(ours.RSSAfter), float64(over.RSSAfter)
}

func redisPer(ours, over load.Result) (float64, float64) { return ours.RedisPer, over.RedisPer }

func halfTime(ours, over load.Result) (float64, float64) { return ours.P50 * 1000, over.P50 * 1000 }

func longTime(ours, over load.Result) (float64, float64) { return ours.P99 * 1000, over.P99 * 1000 }

// lost returns how many messages did not arrive. What Node loses counts as at least one, because the other figure must not be 0.
func lost(ours, over load.Result) (float64, float64) {
	return float64(ours.Lost), float64(max(over.Lost, 1))
}

func heapPer(ours, over load.Result) (float64, float64) { return ours.HeapPer, over.HeapPer }

func overMillisecond(ours, _ load.Result) (float64, float64) { return ours.P99 * 1000, 1000 }

// overRevoking compares with the time within which other nodes carry out a revocation.
func overRevoking(ours, _ load.Result) (float64, float64) { return ours.P99 * 1000, 100_000 }

// heapOfLease returns what a socket with a lease has more than one without.
func heapOfLease(ours, over load.Result) (float64, float64) { return ours.HeapPer - over.HeapPer, 1000 }

func refreshes(ours, _ load.Result) (float64, float64) {
	return ours.CPUPerItem, ours.OpenCPU + ours.FirstCPU
}

func refreshesOpen(ours, _ load.Result) (float64, float64) { return ours.CPUPerItem, ours.FirstCPU }

// looksOncePerSecond checks that the ends of leases wake the server once a second, however many there are.
func looksOncePerSecond(ours load.Result) error {
	if float64(ours.Looks) > ours.Seconds+2 {
		return fmt.Errorf("%d looks at the clock in %.0f s", ours.Looks, ours.Seconds)
	}
	return nil
}

func heaps(ours, _ load.Result) (float64, float64) {
	return float64(ours.Memory[2].HeapAlloc), float64(ours.Memory[1].HeapAlloc)
}

func answers(ours, _ load.Result) (float64, float64) { return ours.P99 * 1000, ours.QuietP99 * 1000 }

func medians(ours, _ load.Result) (float64, float64) { return ours.P50 * 1000, ours.QuietP50 * 1000 }

// decoys returns the larger median and the smaller one, since a peer learns as much from a refusal that comes sooner as from one that
// comes later.
func decoys(ours, _ load.Result) (float64, float64) {
	return max(ours.P50, ours.KnownP50) * 1000, min(ours.P50, ours.KnownP50) * 1000
}

func sameGoroutines(ours load.Result) error {
	if first, second := ours.Memory[1].Goroutines, ours.Memory[2].Goroutines; first != second {
		return fmt.Errorf("%d goroutines after the first wave, %d after the second", first, second)
	}
	return nil
}

// choose returns the rows whose names are in the list, in the order of the table; an empty list means all.
func choose(all []row, list string) ([]row, error) {
	if list == "" {
		return all, nil
	}
	wanted := make(map[string]bool)
	for name := range strings.SplitSeq(list, ",") {
		wanted[strings.TrimSpace(name)] = true
	}
	var chosen []row
	var names []string
	for _, r := range all {
		names = append(names, r.name)
		if wanted[r.name] {
			chosen = append(chosen, r)
			delete(wanted, r.name)
		}
	}
	for name := range wanted {
		return nil, fmt.Errorf("no row %q; there are %s", name, strings.Join(names, ", "))
	}
	return chosen, nil
}
