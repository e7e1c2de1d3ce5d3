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
	"strings"
	"time"
)

// Main reads one Config from r, runs it, writes its Result to w and returns the exit status of the process.
func Main(r io.Reader, w io.Writer) int {
	debug.SetGCPercent(400)
	var c Config
	in := json.NewDecoder(r)
	if err := in.Decode(&c); err != nil {
		fmt.Fprintln(os.Stderr, "load: reading the configuration:", err)
		return 2
	}
	if c.Mode == makeNoise {
		runNoise(c, in, w)
		return 0
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
	result, err := g.run()
	result.GeneratorCPU = ownCPU() - before
	return result, err
}

// run does what the mode says.
func (g *generator) run() (Result, error) {
	run, ok := map[Mode]func() (Result, error){
		Connect:   func() (Result, error) { return g.connect(g.admitted) },
		Refuse:    func() (Result, error) { return g.connect(g.refused) },
		Idle:      g.idle,
		Broadcast: func() (Result, error) { return g.broadcast(g.send, 1, nil) },
		Bursts:    g.bursts,
		Rooms:     g.inRooms,
		Slow:      g.slow,
		Storm:     g.storm,
		Events:    g.events,
		Blobs:     g.blobs,
		Closed:    g.closed,
		Ask:       g.echo,
		Heap:      g.heap,
		Waves:     g.waves,
		Refresh:   g.refresh,
		Leases:    g.leases,
		Revoke:    g.revoke,
		Reconnect: g.reconnect,
		Decoy:     g.decoy,
		Flood:     g.flood,
		Publish:   g.publish,
		Across:    g.across,
		Fetch:     g.fetch,
		Outcast:   g.outcast,
		Loud:      g.loud,
		Spread:    g.spread,
	}[g.Mode]
	if !ok {
		return Result{}, fmt.Errorf("unknown mode %q", g.Mode)
	}
	return run()
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

// Spoil returns token with another signature.
func Spoil(token string) string {
	i := strings.LastIndexByte(token, '.') + 1
	c := "A"
	if token[i:] != "" && token[i] == 'A' {
		c = "B"
	}
	return token[:i] + c + token[min(i+1, len(token)):]
}
