package upstream

import (
	"context"
	"sync"
	"time"

	"socketiojwt/internal/guard"
)

const (
	// noticeWorkers bounds the requests for disconnects that are under way.
	noticeWorkers = 8
	// noticeAttempts is how often the backend is told about one disconnect, at most.
	noticeAttempts = 4
)

// notices are the disconnects of which the backend has not been told yet. Goroutines send them,
// which exist only while there are some.
type notices struct {
	running sync.WaitGroup

	mu      sync.Mutex
	queue   []head
	sending int             // goroutines
	closed  bool            // no further ones are taken
	idle    []chan struct{} // to close when all are sent
}

func (n *notices) length() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.queue) + n.sending
}

// notify tells the backend about a disconnect. It does not block.
func (b *Backend) notify(h head) {
	n := &b.notices
	n.mu.Lock()
	full := n.closed || len(n.queue) >= b.opts.MaxNotices
	if !full {
		n.queue = append(n.queue, h)
		if n.sending < noticeWorkers {
			n.sending++
			n.running.Go(b.sendNotices)
		}
	}
	n.mu.Unlock()
	if full {
		b.dropped(1)
	}
}

// dropped counts disconnects that the backend is not told about.
func (b *Backend) dropped(n int) {
	if n > 0 {
		b.count(func(s *Stats) { s.Dropped += uint64(n) })
		b.warn(context.Background(), "", "upstream: the backend is not told about disconnects", "dropped", n)
	}
}

// sendNotices sends disconnects until there is none left.
func (b *Backend) sendNotices() {
	n := &b.notices
	for {
		n.mu.Lock()
		if len(n.queue) == 0 {
			n.queue = nil
			if n.sending--; n.sending == 0 {
				for _, idle := range n.idle {
					close(idle)
				}
				n.idle = nil
			}
			n.mu.Unlock()
			return
		}
		h := n.queue[0]
		n.queue[0] = head{}
		n.queue = n.queue[1:]
		n.mu.Unlock()
		if !b.sendNotice(h) {
			b.dropped(1)
		}
	}
}

// sendNotice tells the backend about a disconnect, in several attempts, and reports whether it
// has answered.
func (b *Backend) sendNotice(h head) (told bool) {
	defer func() {
		if value := recover(); value != nil {
			b.opts.Logger.Error("upstream: panic while telling the backend about a disconnect", guard.Recovered(value).Attr())
		}
	}()
	m, err := newMessage(h)
	if err != nil {
		return false
	}
	for attempt := range noticeAttempts {
		if attempt > 0 && !pause(b.life, b.life, retryPause(attempt, time.Second/2)) {
			return false
		}
		if _, failed := b.ask(b.life, m); failed == nil || failed.code == codeFailed {
			return failed == nil
		}
	}
	return false
}

// drain takes no further disconnects, and waits until all are sent or ctx ends. Then it drops
// those that are left, and returns their number.
func (n *notices) drain(ctx context.Context) (dropped int) {
	n.mu.Lock()
	n.closed = true
	idle := make(chan struct{})
	if n.sending == 0 {
		close(idle)
	} else {
		n.idle = append(n.idle, idle)
	}
	n.mu.Unlock()
	select {
	case <-idle:
		return 0
	case <-ctx.Done():
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	dropped, n.queue = len(n.queue), nil
	return dropped
}
