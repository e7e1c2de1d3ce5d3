// Package load puts one bounded load on a Socket.IO 4 server over WebSocket and says what that cost the server.
//
// It speaks the protocol itself, one goroutine and a read buffer of 512 bytes for each connection, so that it needs less
// CPU than what it measures. It has no figure for a run in which anything failed: a connection that was not admitted, a bad token
// that was, a broadcast that did not arrive, a connection lost while idle.
package load

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"
)

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
	Loud      Mode = "loud"      // open Count connections, which send without a pause, and Quiet that want answers
	Decoy     Mode = "decoy"     // on one connection, show Count bad tokens each for a key that exists and for one that does not, in turns
	Revoke    Mode = "revoke"    // open Count connections and revoke the subjects of Messages of them, one after the other
	Refresh   Mode = "refresh"   // open Count connections, admit each by the event, and then refresh the lease of each Each times
	Leases    Mode = "leases"    // open Count connections that join Each namespaces, ask the server for its heap, and watch it idle
	Publish   Mode = "publish"   // let a node send Messages broadcasts to a room with Count members on another node
	Across    Mode = "across"    // the same, with a client of the first node that asks for them
	Fetch     Mode = "fetch"     // open Count connections on each node, and let one ask for all of them Messages times
	Outcast   Mode = "outcast"   // open Count connections on a node, and let another one revoke the subjects of Messages of them
	Flood     Mode = "flood"     // open Count connections, which show bad tokens, and one that is admitted and wants answers
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
	Debug    string // host:port of its debug endpoint; needed by Heap, Leases, Waves and Revoke and for profiles
	Count    int    // connections measured
	Each     int    // refreshes of each connection (Refresh), or namespaces that it joins (Leases)
	Quiet    int    // connections beside them that ask (Loud)
	Warm     int    // connections opened and closed before (Connect, Refuse), broadcasts (Broadcast), or tokens for each key (Decoy)
	Parallel int    // connections being opened at the same time
	Via      Via
	Alg      string // of the tokens (Decoy)
	Scheme   string // prefix of the token in the auth payload: "Bearer " or nothing
	Tokens   string // file of tokens, one in a line: Needs() of them, none used twice except by Decoy, Flood and Reconnect
	Fresh    string // file of tokens: Each for each subject of Tokens, in their order (Refresh)
	Browser  bool   // send the request headers of a browser, 1.5 KB of them
	Settle   time.Duration
	Hold     time.Duration // how long Idle holds before RSS is read, and Leases idles, and each phase of Flood and Loud takes
	Rate     int           // broadcasts, or questions of one connection (Flood, Loud), per second
	Share    float64       // of the bad tokens that the server can refuse in a second, how many Flood sends
	Off      float64       // by which fraction the rate of Flood may be missed; zero means 0.05
	Messages int           // broadcasts in all
	Padding  int           // bytes of padding in a broadcast
	Patience time.Duration // how long the last broadcasts may take to arrive

	Cluster Cluster // the servers of Publish, Across, Fetch and Outcast, which do not use Address

	CPUProfile    string // file for the server's CPU profile of the measured phase; zero means none
	MemoryProfile string // file for its allocations after that phase, while the connections of Idle are open; zero means none
}

// Needs says how many tokens a run uses up. The last is spoiled, to see that the server refuses it.
func (c Config) Needs() int {
	switch c.Mode {
	case Connect, Refuse:
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

// Result is what one run measured. Fields that its mode does not measure are zero.
type Result struct {
	Seconds      float64 `json:"seconds"`                // the measured phase
	PerSecond    float64 `json:"per_second"`             // connections, refusals, delivered messages or noise
	CPU          float64 `json:"server_cpu_s"`           // server, in that phase, with the closing of its connections
	CPUPerItem   float64 `json:"server_cpu_us_per"`      // microseconds for each of them
	GeneratorCPU float64 `json:"generator_cpu_s"`        // generator, in all of the run
	P50          float64 `json:"p50_ms,omitempty"`       // dial to CONNECT answered, or broadcast to delivery
	P99          float64 `json:"p99_ms,omitempty"`       //
	Delivered    int     `json:"delivered,omitempty"`    // broadcasts times connections
	Lost         int     `json:"lost,omitempty"`         // broadcasts times connections that did not arrive (Publish)
	RedisPer     float64 `json:"redis_us_per,omitempty"` // CPU of Redis in microseconds for each broadcast (Publish)
	RSSBefore    int64   `json:"rss_before,omitempty"`   // bytes
	RSSAfter     int64   `json:"rss_after,omitempty"`
	RSSPer       float64 `json:"rss_per_connection,omitempty"`
	HeapPer      float64 `json:"heap_per_connection,omitempty"`
	QuietP50     float64 `json:"quiet_p50_ms,omitempty"` // question to answer, before Flood or Loud; P50 and P99 are those in it
	QuietP99     float64 `json:"quiet_p99_ms,omitempty"`
	KnownP50     float64 `json:"known_p50_ms,omitempty"`     // the refusal of a bad token for a key that exists (Decoy); P50 is for one that does not
	OpenCPU      float64 `json:"open_cpu_us_per,omitempty"`  // microseconds to open a connection without a token (Refresh)
	FirstCPU     float64 `json:"first_cpu_us_per,omitempty"` // to admit it by the event; CPUPerItem is for a refresh
	Looks        int64   `json:"looks,omitempty"`            // how often the server looked at its clock in Seconds (Leases)
	Saturation   float64 `json:"saturation_per_s,omitempty"` // bad tokens refused in a second, as fast as they can be

	// Memory is what the server says of itself: at the start and after each wave (Waves), or at the end of the measured
	// phase (when profiled).
	Memory []Memory `json:"memory,omitempty"`

	Error string `json:"error,omitempty"` // why there is no figure
}

// Main reads one Config from r, runs it, writes its Result to w and returns the exit status of the process.
func Main(r io.Reader, w io.Writer) int {
	debug.SetGCPercent(400)
	var c Config
	if err := json.NewDecoder(r).Decode(&c); err != nil {
		fmt.Fprintln(os.Stderr, "load: reading the configuration:", err)
		return 2
	}
	result, err := Run(c)
	if err != nil {
		result = Result{Error: err.Error()}
	}
	if err := json.NewEncoder(w).Encode(result); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		return 2
	}
	return 0
}

// Run puts the load on the server and measures. It returns after its last connection is closed.
func Run(c Config) (Result, error) {
	g := &generator{Config: c, zero: time.Now()}
	if c.Via != ViaNone {
		tokens, err := readTokens(c.Tokens)
		if err != nil {
			return Result{}, err
		}
		if len(tokens) < c.Needs() {
			return Result{}, fmt.Errorf("%d tokens, %d needed", len(tokens), c.Needs())
		}
		g.tokens = tokens
		if c.Cluster.Used > 0 {
			g.Address = c.Cluster.Nodes[0].Address
		}
		if err := g.control(Spoil(tokens[len(tokens)-1])); err != nil {
			return Result{}, err
		}
	}
	before := ownCPU()
	var result Result
	var err error
	switch c.Mode {
	case Connect:
		result, err = g.connect(g.admitted)
	case Refuse:
		result, err = g.connect(g.refused)
	case Idle:
		result, err = g.idle()
	case Broadcast:
		result, err = g.broadcast()
	case Heap:
		result, err = g.heap()
	case Waves:
		result, err = g.waves()
	case Refresh:
		result, err = g.refresh()
	case Leases:
		result, err = g.leases()
	case Revoke:
		result, err = g.revoke()
	case Reconnect:
		result, err = g.reconnect()
	case Decoy:
		result, err = g.decoy()
	case Flood:
		result, err = g.flood()
	case Publish:
		result, err = g.publish()
	case Across:
		result, err = g.across()
	case Fetch:
		result, err = g.fetch()
	case Outcast:
		result, err = g.outcast()
	case Loud:
		result, err = g.loud()
	default:
		err = fmt.Errorf("unknown mode %q", c.Mode)
	}
	result.GeneratorCPU = ownCPU() - before
	return result, err
}

// control sees to it that the server checks tokens at all, since one that admits everybody is fast.
func (g *generator) control(bad string) error {
	c, err := g.open(0, bad)
	if err == nil {
		c.close()
		return errors.New("the server admitted a bad token")
	}
	if !errors.Is(err, errRefused) {
		return fmt.Errorf("showing a bad token: %w", err)
	}
	return nil
}

func readTokens(name string) ([]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var tokens []string
	s := bufio.NewScanner(f)
	for s.Scan() {
		tokens = append(tokens, s.Text())
	}
	return tokens, s.Err()
}
