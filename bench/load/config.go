package load

import "time"

// Mode is what a run does to the server.
type Mode string

// The modes of a run.
const (
	Connect   Mode = "connect"   // open Count connections, Parallel at a time, and close each as soon as it is admitted
	Refuse    Mode = "refuse"    // the same with bad tokens, each of which must be refused
	Idle      Mode = "idle"      // open Count connections and keep them, answering pings
	Broadcast Mode = "broadcast" // open Count connections, one of which asks for broadcasts
	Heap      Mode = "heap"      // open Count connections and ask the server for its heap, before and with them
	Waves     Mode = "waves"     // twice: open Count connections, then close them all
	Reconnect Mode = "reconnect" // Connect, of clients that were there before: with tokens that the server has seen
	Loud      Mode = "loud"      // open Count connections, which send Noise, or ask for it, without a pause, and Quiet that want answers
	Decoy     Mode = "decoy"     // on one connection, show Count bad tokens each for a key that exists and for one that does not, in turns
	Revoke    Mode = "revoke"    // open Count connections and revoke the subjects of Messages of them, one after the other
	Refresh   Mode = "refresh"   // open Count connections, admit each by the event, and then refresh the lease of each Each times
	Leases    Mode = "leases"    // open Count connections that join Each namespaces, ask the server for its heap, and watch it idle
	Publish   Mode = "publish"   // let a node send Messages broadcasts to a room with Count members on another node
	Across    Mode = "across"    // the same, with a client of the first node that asks for them
	Fetch     Mode = "fetch"     // open Count connections on each node, and let one ask for all of them Messages times
	Outcast   Mode = "outcast"   // open Count connections on a node, and let another one revoke the subjects of Messages of them
	Bursts    Mode = "burst"     // open Count connections, one of which asks for Each broadcasts back to back, Messages times
	Ask       Mode = "ask"       // open Count connections, each of which asks Each questions, one after the other
	Rooms     Mode = "rooms"     // open Count connections, each of which joins Each rooms of ten, and let the server send to each room, Messages times
	Events    Mode = "events"    // open Count connections, each of which sends Each blocks of events
	Blobs     Mode = "blobs"     // Ask, with Padding bytes of binary
	Slow      Mode = "slow"      // Bursts of one broadcast, beside Quiet connections that do not read
	Storm     Mode = "storm"     // open Count connections, Rate in a second, however long they take
	Closed    Mode = "closed"    // Idle, and close all
	Spread    Mode = "spread"    // open Count connections, one of which asks for broadcasts, and let all read when the server has written
	Flood     Mode = "flood"     // open Count connections, which show bad tokens, and one that is admitted and wants answers

	makeNoise Mode = "noise" // open Count connections, and send Noise when stdin says so; only for Loud
)

// Via is where a connection shows its token.
type Via string

// The places for a token.
const (
	ViaNone  Via = ""      // nowhere
	ViaAuth  Via = "auth"  // in the auth payload of CONNECT
	ViaQuery Via = "query" // in the query string of the WebSocket request
	ViaEvent Via = "event" // in the event "authenticate", after CONNECT was answered
)

// KnownKeyID is the ID of the key that a server of the kind "event" verifies with.
const KnownKeyID = "the-known"

// Config describes one run. It is JSON, since the generator runs in a process of its own.
type Config struct {
	Mode     Mode
	Address  string // host:port of the server
	PID      int    // process id of the server
	Protocol Protocol
	Debug    string // host:port of its debug endpoint; needed by Heap, Leases, Waves and Revoke and for profiles
	Count    int    // connections measured
	Each     int    // refreshes, questions or blocks of each connection, namespaces or rooms that it joins, or broadcasts of a burst
	Quiet    int    // connections beside them that ask (Loud), or do not read (Slow)
	Noise    Kind   // what those of Count send (Loud)
	Warm     int    // connections opened and closed before (Connect, Refuse), broadcasts (Broadcast), or tokens for each key (Decoy)
	Parallel int    // connections being opened at the same time
	Via      Via
	TLS      bool
	Polling  bool   // by long-polling instead of WebSocket
	Deflate  bool   // with permessage-deflate, and count only broadcasts that are compressed
	Event    string // which Events sends
	Alg      string // of the tokens (Decoy)
	Scheme   string // prefix of the token in the auth payload: "Bearer " or nothing
	Tokens   string // file of tokens, one in a line: Needs() of them, none used twice except by Decoy, Flood and Reconnect
	Fresh    string // file of tokens: Each for each subject of Tokens, in their order (Refresh)
	Browser  bool   // send the request headers of a browser, 1.5 KB of them
	Settle   time.Duration
	Hold     time.Duration // how long Idle holds before RSS is read, and Closed after closing, and Leases idles, and each phase of Flood and Loud takes
	Rate     int           // broadcasts, connections (Storm), or questions of one connection (Flood, Loud), per second
	Share    float64       // of the bad tokens that the server can refuse in a second, how many Flood sends
	Off      float64       // by which fraction the rate of Flood may be missed; zero means 0.05
	Messages int           // broadcasts in all
	Padding  int           // bytes of padding in a broadcast or question
	Patience time.Duration // how long the last broadcasts may take to arrive, and an answer or a handshake if that is longer than usual

	Cluster Cluster // the servers of Publish, Across, Fetch and Outcast, which do not use Address

	CPUProfile    string // file for the server's CPU profile of the measured phase; zero means none
	MemoryProfile string // file for its allocations after that phase, while the connections of Idle are open; zero means none
}

// Needs says how many tokens a run uses up. The last is spoiled, to see that the server refuses it.
func (c Config) Needs() int {
	switch c.Mode {
	case Connect, Refuse, Storm:
		return c.Warm + c.Count + 1
	case Waves:
		return 2*c.Count + 1
	case Leases:
		return c.Count*c.Each + 1
	case Decoy:
		return 1
	case Publish, Across: // and one that is not in the room
		return c.Count + 2
	default:
		return c.Count + c.Quiet + 1
	}
}

// AtOnce says how many connections are open at the same time at most.
func (c Config) AtOnce() int {
	switch c.Mode {
	case Connect, Refuse, Reconnect:
		return min(c.Parallel, c.Count)
	case Flood, Publish, Across:
		return c.Count + 1
	case Decoy:
		return 1
	case Fetch:
		return c.Count * len(c.Cluster.Nodes)
	default:
		return c.Count + c.Quiet
	}
}

// Debugs reports whether a run asks the debug endpoint of the server.
func (c Config) Debugs() bool {
	switch c.Mode {
	case Heap, Leases, Waves, Revoke:
		return true
	default:
		return false
	}
}
