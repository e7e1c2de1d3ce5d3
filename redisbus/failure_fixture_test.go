package redisbus_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
	"socketiojwt/socketio/sockettest"
)

// A stream is two nodes, of which one emits numbers to a room, once a millisecond. Both have a
// peer in the room. It says what happens to messages while Redis fails.
type stream struct {
	t         *testing.T
	from, to  *node
	near, far *received
	stop      chan struct{}
	stopped   chan struct{}
	mu        sync.Mutex
	sent      []time.Time // by number
	failed    int         // Emit has returned an error
}

const (
	room        = "numbers"
	roomChannel = "socket.io#/#" + room + "#"
)

// startStream starts the nodes, and emits until finish.
func startStream(t *testing.T, p *place) *stream {
	t.Helper()
	s := &stream{t: t, from: p.start(t), to: p.start(t), stop: make(chan struct{}), stopped: make(chan struct{})}
	s.near, s.far = receive(s.from, s.from.dial(room)), receive(s.to, s.to.dial(room))
	settle(t, p, 2, roomChannel)
	go s.emit()
	t.Cleanup(s.end)
	s.progress()
	return s
}

func (s *stream) emit() {
	defer close(s.stopped)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
		}
		s.mu.Lock()
		number := len(s.sent)
		s.sent = append(s.sent, time.Now())
		s.mu.Unlock()
		if s.from.To(room).Emit("number", number) != nil {
			s.mu.Lock()
			s.failed++
			s.mu.Unlock()
		}
	}
}

func (s *stream) end() {
	select {
	case <-s.stopped:
	default:
		close(s.stop)
		<-s.stopped
	}
}

// next returns the number that is emitted next.
func (s *stream) next() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sent)
}

// progress waits until the far peer has received a number that is emitted from now on.
func (s *stream) progress() {
	s.t.Helper()
	next := s.next()
	redistest.Eventually(s.t, "messages of the other node", func() bool { return s.far.last() >= next })
}

// local waits until the near peer has received n numbers more.
func (s *stream) local(n int) {
	s.t.Helper()
	next := s.next() + n
	redistest.Eventually(s.t, "messages of the same node", func() bool { return s.near.last() >= next })
}

// connected waits until both nodes are connected or not.
func (s *stream) connected(want bool) {
	s.t.Helper()
	for _, n := range []*node{s.from, s.to} {
		redistest.Eventually(s.t, fmt.Sprint("connected is ", want), func() bool {
			h := n.Stats().Bus
			if h.Connected == (h.Err != nil) {
				s.t.Errorf("health %+v", h)
			}
			return h.Connected == want
		})
	}
}

// gaps waits until both nodes have reported n gaps.
func (s *stream) gaps(n int) {
	s.t.Helper()
	for _, n1 := range []*node{s.from, s.to} {
		redistest.Eventually(s.t, fmt.Sprint(n, " gaps"), func() bool { return len(n1.gaps.all()) >= n })
	}
}

// finish stops the stream and checks what was received. Numbers may be missing only if the
// receiver has reported a gap between the numbers before and after, or if the sender has counted
// them as dropped.
func (s *stream) finish() {
	s.t.Helper()
	s.progress()
	s.end()
	end := s.next()
	_ = s.from.To(room).Emit("number", end)
	redistest.Eventually(s.t, "the last number", func() bool { return s.near.last() == end && s.far.last() == end })
	s.connected(true) // a heartbeat may still be due
	for i, n := range s.near.list {
		if i != n.n {
			s.t.Fatalf("the peer of the same node received %d as number %d", n.n, i)
		}
	}
	gaps := s.to.gaps.all()
	missing, unexplained := s.missing(gaps)
	dropped := int(s.from.Stats().Bus.Dropped)
	s.t.Logf("%d of %d messages missing, %d dropped by the sender, %d refused by Emit, %d gaps", missing, end, dropped, s.failed, len(gaps))
	if unexplained > dropped+s.failed {
		s.t.Errorf("%d messages are missing, not in %v", unexplained, gaps)
	}
	for _, n := range []*node{s.from, s.to} {
		h, gaps := n.Stats().Bus, n.gaps.all()
		if int(h.Gaps) != len(gaps) {
			s.t.Errorf("health %+v, %d gaps were reported", h, len(gaps))
		}
		text := n.log.String()
		if logged := strings.Count(text, "may have been missed") + strings.Count(text, "were removed before they were read"); logged != len(gaps) {
			s.t.Errorf("%d gaps were logged, %d reported", logged, len(gaps))
		}
	}
}

// missing returns how many numbers the far peer has not received, and how many of those are not
// explained by a gap.
func (s *stream) missing(gaps []redisbus.Gap) (missing, unexplained int) {
	before := -1
	var sent time.Time // the number before
	for _, n := range s.far.list {
		if n.n <= before {
			s.t.Errorf("the peer of the other node received number %d after %d", n.n, before)
		}
		if lost := n.n - before - 1; lost > 0 {
			missing += lost
			if !slices.ContainsFunc(gaps, func(g redisbus.Gap) bool { return g.From.Before(n.at) && g.Until.After(sent) }) {
				unexplained += lost
			}
		}
		if before = n.n; before < len(s.sent) {
			sent = s.sent[before]
		}
	}
	return missing, unexplained
}

// received collects the numbers that a peer receives.
type received struct {
	mu   sync.Mutex
	list []number
}

type number struct {
	n  int
	at time.Time
}

func receive(n *node, p *sockettest.Peer) *received {
	r := &received{}
	go func() {
		for {
			e, err := p.Expect(context.Background(), "number") // until the peer is closed
			if err != nil {
				return
			}
			var i int
			if e.Scan(&i) != nil {
				return
			}
			r.mu.Lock()
			r.list = append(r.list, number{i, time.Now()})
			r.mu.Unlock()
		}
	}()
	return r
}

// last returns the highest number, or -1.
func (r *received) last() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.list) == 0 {
		return -1
	}
	return r.list[len(r.list)-1].n
}
