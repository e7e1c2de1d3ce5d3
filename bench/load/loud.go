package load

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

// loud measures how long the sockets of Quiet wait for an answer while Count others send as much as the server reads: first
// without these, then beside them.
func (g *generator) loud() (r Result, err error) {
	asking, err := g.openSilent(g.Count, g.Quiet)
	defer g.closeAll(asking)
	if err != nil {
		return r, err
	}
	loud, err := g.openSilent(0, g.Count)
	noise := &noise{all: loud}
	defer noise.close()
	if err != nil {
		return r, err
	}
	time.Sleep(g.Settle)
	quiet, err := g.askAll(asking)
	if err != nil {
		return r, err
	}
	r.percentiles(quiet)
	r.QuietP50, r.QuietP99 = r.P50, r.P99

	noise.begin()
	time.Sleep(g.Settle)
	if err := g.startProfile(); err != nil {
		return r, err
	}
	cpu, err := g.read()
	if err != nil {
		return r, err
	}
	before, start := noise.sent.Load(), time.Now()
	disturbed, err := g.askAll(asking)
	sent, took := float64(noise.sent.Load()-before), time.Since(start).Seconds()
	spent, gone := g.read()
	switch err = errors.Join(err, gone, noise.failed()); {
	case err != nil:
		return r, err
	case sent == 0:
		return r, errors.New("the loud connections sent nothing")
	}
	r.Seconds, r.PerSecond = took, sent/took
	r.CPU = spent.cpu - cpu.cpu
	r.CPUPerItem = r.CPU * 1e6 / sent
	r.percentiles(disturbed)
	return r, g.stopProfiles(&r)
}

// openSilent opens n connections, with the tokens from the given one on, which nothing reads.
func (g *generator) openSilent(from, n int) ([]*connection, error) {
	all := make([]*connection, n)
	_, err := g.each(from, n, func(i int) (err error) {
		all[i-from], err = g.open(i, g.token(i))
		return err
	})
	return all, err
}

// askAll asks on all connections at once, as ask does on one.
func (g *generator) askAll(connections []*connection) (took []uint32, err error) {
	var mu sync.Mutex
	var asking sync.WaitGroup
	for i, c := range connections {
		asking.Go(func() {
			time.Sleep(time.Duration(i) * time.Second / time.Duration(g.Rate*len(connections)))
			one, failed := g.ask(c)
			mu.Lock()
			defer mu.Unlock()
			took, err = append(took, one...), errors.Join(err, failed)
		})
	}
	asking.Wait()
	return took, err
}

// noise is connections that send without a pause.
type noise struct {
	all     []*connection
	sent    atomic.Int64 // packets, and fragments
	ended   atomic.Bool
	wrong   atomic.Pointer[error]
	writers sync.WaitGroup
}

// begin lets each connection send what is its own kind of noise.
func (n *noise) begin() {
	for i, c := range n.all {
		n.writers.Go(func() {
			err := n.make(i, c)
			if err != nil && !n.ended.Load() {
				err = fmt.Errorf("loud connection %d: %w", i+1, err)
				n.wrong.CompareAndSwap(nil, &err)
			}
		})
	}
}

const (
	noisePackets = 4000 // in one write
	noiseEvents  = 100  // that wait for their acknowledgements
)

// make sends until the connection closes: packets that mean nothing, messages of empty fragments, or small events.
func (n *noise) make(i int, c *connection) error {
	var block []byte
	count := noisePackets
	switch i % 3 {
	case 0:
		block = bytes.Repeat(frame(ws.NewTextFrame([]byte("6"))), count)
	case 1:
		block = frame(ws.NewFrame(ws.OpText, false, []byte("6")))
		block = append(block, bytes.Repeat(frame(ws.NewFrame(ws.OpContinuation, false, nil)), count-2)...)
		block = append(block, frame(ws.NewFrame(ws.OpContinuation, true, nil))...)
	default:
		count = noiseEvents
		for id := range count {
			block = append(block, frame(ws.NewTextFrame([]byte("42"+strconv.Itoa(id)+`["echo",1]`)))...)
		}
	}
	for {
		if _, err := c.Write(block); err != nil {
			return err
		}
		for id := 0; i%3 == 2 && id < count; id++ {
			if err := c.expect("43" + strconv.Itoa(id) + "["); err != nil {
				return err
			}
		}
		n.sent.Add(int64(count))
	}
}

// frame returns the bytes of a client's frame.
func frame(f ws.Frame) []byte {
	return ws.MustCompileFrame(ws.MaskFrameInPlace(f))
}

func (n *noise) close() {
	n.ended.Store(true)
	for _, c := range n.all {
		if c != nil {
			_ = c.Close()
		}
	}
	n.writers.Wait()
}

// failed returns what went wrong so far.
func (n *noise) failed() error {
	if err := n.wrong.Load(); err != nil {
		return *err
	}
	return nil
}
