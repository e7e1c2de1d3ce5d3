package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/gobwas/ws"
)

// Kind is what the loud connections of a run send without a pause.
type Kind string

// The kinds of noise.
const (
	Pings       Kind = "ping"         // ping frames of WebSocket
	Noops       Kind = "noop"         // packets of Engine.IO without effect
	Fragments   Kind = "fragments"    // messages of empty fragments
	Acks        Kind = "acks"         // acknowledgements that the server does not wait for
	SmallEvents Kind = "events"       // small events that are answered
	Unanswered  Kind = "unanswered"   // small events that want no answer
	BadTokens   Kind = "authenticate" // bad tokens in the event "authenticate", of sockets that are held
	LargeEvents Kind = "json"         // events of 1 MB of JSON
	Broadcasts  Kind = "broadcasts"   // of the first connection, to all of them and to those that ask
)

// GeneratorRole is the argument with which a program that uses this package must call Main: see Loud.
const GeneratorRole = "generate-load"

// noise is a process with loud connections. It is not that of the sockets whose answers are timed, or they would wait for a processor there.
type noise struct {
	process *exec.Cmd
	in      io.WriteCloser
	out     *json.Decoder
}

// noiseReport is what the process says when it is asked.
type noiseReport struct {
	Sent  int64  // packets, and fragments
	Error string // the first failure; empty if there is none
}

// startNoise starts the process, which opens its connections.
func (g *generator) startNoise() (*noise, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := g.Config
	c.Mode = makeNoise
	argv := []string{self, GeneratorRole}
	if g.Noise == Broadcasts { // or those that ask would wait for a processor behind thousands that read
		argv = append([]string{"nice", "-n", "19"}, argv...)
	}
	n := &noise{process: exec.Command(argv[0], argv[1:]...)}
	n.process.Stderr = os.Stderr
	n.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if n.in, err = n.process.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := n.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	n.out = json.NewDecoder(out)
	if err := n.process.Start(); err != nil {
		return nil, err
	}
	if err := json.NewEncoder(n.in).Encode(c); err != nil {
		n.close()
		return nil, err
	}
	if _, err := n.report(); err != nil { // when the connections are open
		n.close()
		return nil, err
	}
	return n, nil
}

// ask asks for a report. The first question lets the connections send.
func (n *noise) ask() (noiseReport, error) {
	if _, err := n.in.Write([]byte("{}\n")); err != nil {
		return noiseReport{}, fmt.Errorf("the loud connections are gone: %w", err)
	}
	return n.report()
}

func (n *noise) report() (r noiseReport, err error) {
	if err := n.out.Decode(&r); err != nil {
		return r, fmt.Errorf("the loud connections are gone: %w", err)
	}
	if r.Error != "" {
		return r, errors.New(r.Error)
	}
	return r, nil
}

func (n *noise) close() {
	_ = n.in.Close()
	_ = n.process.Wait()
}

// speakers is the noise inside its process.
type speakers struct {
	all     []*connection
	kind    Kind
	padding int
	token   string
	sent    atomic.Int64
	ended   atomic.Bool
	wrong   atomic.Pointer[error]
	writers sync.WaitGroup
	arrived chan struct{} // sent each time as many messages have come as there are connections (Broadcasts)
	over    chan struct{} // closed by close
}

// runNoise opens the connections and answers the questions from in until that ends.
func runNoise(c Config, in *json.Decoder, out io.Writer) {
	report, err := speak(c, in, out)
	if err != nil {
		report.Error = err.Error()
		_ = json.NewEncoder(out).Encode(report)
	}
}

func speak(c Config, in *json.Decoder, out io.Writer) (r noiseReport, err error) {
	g := &generator{Config: c}
	if c.Via != ViaNone {
		if g.tokens, err = readTokens(c.Tokens); err != nil {
			return r, err
		}
	}
	s := &speakers{kind: c.Noise, padding: c.Padding, all: make([]*connection, c.Count), arrived: make(chan struct{}, broadcastsUnderway), over: make(chan struct{})}
	defer s.close()
	if _, err := g.each(0, c.Count, func(i int) (err error) { s.all[i], err = s.open(g, i); return err }); err != nil {
		return r, err
	}
	answer := json.NewEncoder(out)
	if err := answer.Encode(r); err != nil {
		return r, nil // the parent has ended
	}
	for begun := false; ; begun = true {
		var question struct{}
		if in.Decode(&question) != nil {
			return r, nil
		}
		if !begun {
			s.begin()
		}
		r.Sent = s.sent.Load()
		if wrong := s.wrong.Load(); wrong != nil {
			return r, *wrong
		}
		if err := answer.Encode(r); err != nil {
			return r, nil
		}
	}
}

// open opens a connection. Those that send bad tokens are held.
func (s *speakers) open(g *generator, i int) (*connection, error) {
	if s.kind == BadTokens {
		s.token = Spoil(g.token(0))
		return g.open(i, "")
	}
	c, err := g.open(i, g.token(i))
	if err == nil && s.kind == Broadcasts {
		s.writers.Go(func() { s.check(i, s.listen(c)) }) // from now on, because pings must be answered
	}
	return c, err
}

func (s *speakers) begin() {
	if s.kind == Broadcasts {
		s.beginBroadcasts()
		return
	}
	for i, c := range s.all {
		s.writers.Go(func() { s.check(i, s.speak(c)) })
		if s.kind == Pings {
			s.writers.Go(func() { _, _ = io.Copy(io.Discard, c) }) // or the server would keep its answers
		}
	}
}

// check keeps the first error of a connection that is not closed by close.
func (s *speakers) check(i int, err error) {
	if err != nil && !s.ended.Load() {
		err = fmt.Errorf("loud connection %d: %w", i+1, err)
		s.wrong.CompareAndSwap(nil, &err)
	}
}

// The number of packets in one write. At most twice as many wait for their answers.
const (
	noisePackets = 1000
	noiseEvents  = 100
	noiseTokens  = 20
)

// block returns what a connection sends again and again, and how many packets it is.
func (s *speakers) block() (block []byte, count int) {
	switch s.kind {
	case Pings:
		return bytes.Repeat(frame(ws.NewPingFrame(nil)), noisePackets), noisePackets
	case Noops:
		return bytes.Repeat(textFrame("6"), noisePackets), noisePackets
	case Acks:
		return bytes.Repeat(textFrame("4399[1]"), noisePackets), noisePackets
	case Fragments:
		block = frame(ws.NewFrame(ws.OpText, false, []byte("6")))
		block = append(block, bytes.Repeat(frame(ws.NewFrame(ws.OpContinuation, false, nil)), noisePackets-2)...)
		return append(block, frame(ws.NewFrame(ws.OpContinuation, true, nil))...), noisePackets
	case Unanswered:
		return bytes.Repeat(textFrame(`42["raw","x"]`), noisePackets), noisePackets
	case BadTokens:
		return bytes.Repeat(textFrame(`42["authenticate",{"token":"`+s.token+`"}]`), noiseTokens), noiseTokens
	case LargeEvents:
		const object = `{"id":123456,"name":"a name of some length","tags":["one","two","three"],"at":1735689600.25,"ok":true}`
		data := strings.Repeat(object+",", 960_000/len(object))
		return textFrame(`420["take",[` + data + object + `]]`), 1
	default:
		for id := range noiseEvents {
			block = append(block, textFrame("42"+strconv.Itoa(id)+`["echo",1]`)...)
		}
		return block, noiseEvents
	}
}

// speak sends until the connection closes.
func (s *speakers) speak(c *connection) error {
	block, count := s.block()
	for first := true; ; first = false {
		if _, err := c.Write(block); err != nil {
			return err
		}
		s.sent.Add(int64(count))
		if first {
			continue // so that one block is always on its way while the answers to another are awaited
		}
		for i := range count {
			if err := s.answered(c, i); err != nil {
				return err
			}
		}
	}
}

// answered waits for the answer to packet i of a block, if it has one.
func (s *speakers) answered(c *connection, i int) error {
	switch s.kind {
	case SmallEvents, LargeEvents:
		return c.expect("43" + strconv.Itoa(i) + "[")
	case BadTokens:
		p, err := c.next()
		if err == nil && !refusal(p) {
			err = fmt.Errorf("a refusal expected, got %.80q", p)
		}
		return err
	}
	return nil
}

func (s *speakers) close() {
	s.ended.Store(true)
	close(s.over)
	for _, c := range s.all {
		if c != nil {
			_ = c.Close()
		}
	}
	s.writers.Wait()
}
