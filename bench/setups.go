package main

import "socketiojwt/bench/load"

// setup is one server under one load.
type setup struct {
	name     string
	ours     bool
	kind     string // how the server treats tokens: the argument of its program
	alg      string
	load     load.Config
	wide     bool   // both cores, which the load shares; else one, and the load has the other
	single   bool   // one processor (GOMAXPROCS), also if it is wide
	measured bool   // with metrics, which are scraped
	shared   bool   // one goroutine waits for all idle WebSockets
	wire     string // of the nodes of a cluster; empty means that there is one server
}

// The servers. The kind is what they do with tokens.
var (
	oursOpen      = setup{name: "ours", ours: true, kind: "bare", alg: "HS256"}
	oursQuery     = setup{name: "ours", ours: true, kind: "query", alg: "HS256"}
	oursHS256     = setup{name: "ours", ours: true, kind: "auth", alg: "HS256"}
	oursRS256     = setup{name: "ours", ours: true, kind: "auth", alg: "RS256"}
	oursES256     = setup{name: "ours", ours: true, kind: "auth", alg: "ES256"}
	oursMeasured  = setup{name: "ours with metrics", ours: true, kind: "auth", alg: "HS256", measured: true}
	oursShared    = setup{name: "ours with a shared wait", ours: true, kind: "auth", alg: "HS256", shared: true}
	oursWide      = setup{name: "ours", ours: true, kind: "auth", alg: "HS256", wide: true}
	oursSingle    = setup{name: "ours with one processor", ours: true, kind: "auth", alg: "HS256", wide: true, single: true}
	oursLoginWide = setup{name: "ours", ours: true, kind: "event", alg: "HS256", wide: true}
	oursLogin     = setup{name: "ours", ours: true, kind: "event", alg: "HS256"}
	oursDecoy     = setup{name: "ours", ours: true, kind: "event", alg: "ES256"}
	oursEvent     = setup{name: "ours", ours: true, kind: "event", alg: "ES256", wide: true}

	oursClassicHS256 = setup{name: "ours", ours: true, kind: "auth", alg: "HS256", wire: "classic"}
	oursClassic      = setup{name: "ours", ours: true, kind: "bare", alg: "HS256", wire: "classic"}
	oursStreams      = setup{name: "ours", ours: true, kind: "bare", alg: "HS256", wire: "streams"}
	nodeStreams      = setup{name: "socket.io + redis-streams-adapter", kind: "bare", alg: "HS256", wire: "streams"}
	nodeClassic      = setup{name: "socket.io + redis-adapter", kind: "bare", alg: "HS256", wire: "classic"}

	centrifugeHS256 = setup{name: "centrifuge", kind: "centrifuge", alg: "HS256"}

	nodeOpen    = setup{name: "socket.io", kind: "bare", alg: "HS256"}
	nodeQuery   = setup{name: "socket.io + socketio-jwt", kind: "auth0", alg: "HS256"}
	threamHS256 = setup{name: "socket.io + thream", kind: "thream", alg: "HS256"}
	threamRS256 = setup{name: "socket.io + thream", kind: "thream", alg: "RS256"}
	threamES256 = setup{name: "socket.io + thream", kind: "thream", alg: "ES256"}
)

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
	case "centrifuge":
		c.Via, c.Protocol = load.ViaAuth, load.Centrifuge
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
