package redisbus

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/redis/rueidis"
)

// A link is a connection for subscriptions, which is made again when it is lost. Its goroutine
// lives until the router retires it.
type link struct {
	s    *subscriber
	addr string // of a master, or empty if there is only one link
	wake chan struct{}
	last string // the master that was used last, if it can be any

	// The subscriber's mutex guards these.
	todo    []*channel // to be subscribed or given up here
	count   int        // channels that this link was asked to subscribe to
	conn    *connection
	failing bool  // the last attempt to connect has failed
	retired bool  // the goroutine must end
	stale   error // the connection must be replaced
}

// A connection is one life of a link.
type connection struct {
	client rueidis.DedicatedClient
	addr   string       // of the node
	lost   <-chan error // receives why the connection has ended
}

// The pause between two attempts to connect. It is short, because the other nodes send again what
// they have kept for up to two seconds once they are connected.
const (
	minBackoff = 20 * time.Millisecond
	maxBackoff = 250 * time.Millisecond
)

var (
	errNoMaster = errors.New("redisbus: no master of the Redis Cluster is known")
	errReplica  = errors.New("redisbus: the node is no longer the master")
	errNotKnown = errors.New("redisbus: the client does not know this node of the Redis Cluster yet")
	errMoved    = errors.New("redisbus: the slot of a channel has moved")
)

func (l *link) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run connects and works until the link is retired or the subscriber closed.
func (l *link) run() {
	backoff := minBackoff
	for l.wanted() {
		conn, err := l.connect()
		if err != nil {
			l.failed(err)
			if !l.pause(backoff) {
				return
			}
			backoff = min(2*backoff, maxBackoff)
			continue
		}
		began := time.Now()
		err = l.work(conn)
		conn.client.Close()
		l.ended(err)
		if time.Since(began) > time.Second {
			backoff = minBackoff
		}
		if err == nil || !l.pause(backoff) {
			return
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

// wanted reports whether the link is to go on.
func (l *link) wanted() bool {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	return !l.retired && l.s.ctx.Err() == nil
}

// pause waits for d, half of it at random, so that the nodes do not return in step. It
// returns false if the subscriber is closed.
func (l *link) pause(d time.Duration) bool {
	timer := time.NewTimer(d/2 + rand.N(d/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.s.ctx.Done():
		return false
	}
}

// connect makes the connection. The client's timeouts bound it.
func (l *link) connect() (*connection, error) {
	addr, client, err := l.node()
	if err != nil {
		return nil, err
	}
	conn := &connection{addr: addr}
	conn.client, _ = client.Dedicate()
	conn.lost = conn.client.SetPubSubHooks(rueidis.PubSubHooks{
		OnMessage:      func(m rueidis.PubSubMessage) { l.s.o.Message(m.Channel, m.Message) },
		OnSubscription: func(p rueidis.PubSubSubscription) { l.confirm(conn, p) },
	})
	l.s.mu.Lock()
	l.conn = conn // before the first command, whose confirmation confirm expects
	l.s.mu.Unlock()
	select {
	case err := <-conn.lost:
		conn.client.Close()
		return nil, closing(err)
	default:
		return conn, nil
	}
}

// failed records that connect has failed.
func (l *link) failed(err error) {
	s := l.s
	s.mu.Lock()
	defer s.mu.Unlock()
	l.conn = nil
	if l.retired {
		return
	}
	if !l.failing {
		l.failing = true
		s.failing++
	}
	s.outage.err = err
	s.askForTopology()
	s.settle()
}

// work subscribes and gives up channels until the connection is lost. It returns nil if the
// link is not needed any more.
func (l *link) work(conn *connection) error {
	s := l.s
	s.mu.Lock()
	if l.failing {
		l.failing = false
		s.failing--
		s.settle()
	}
	s.mu.Unlock()
	for {
		b, err := l.take()
		if err != nil || b == nil {
			return err
		}
		if b.size > 0 {
			l.send(conn, b)
			continue
		}
		select {
		case <-l.wake:
		case err := <-conn.lost:
			return closing(err)
		case <-s.ctx.Done():
			return nil
		}
	}
}

// closing returns err, or an error for a connection that was closed without one.
func closing(err error) error {
	if err == nil {
		return rueidis.ErrClosing
	}
	return err
}

// ended records that the connection is lost, with all its channels.
func (l *link) ended(cause error) {
	s := l.s
	s.mu.Lock()
	defer s.mu.Unlock()
	l.conn = nil
	l.stale = nil
	if s.ctx.Err() != nil {
		return
	}
	for _, c := range s.channels {
		if c.link == l {
			s.assign(c, nil)
			s.unheard(c, cause)
			s.enqueue(c)
		}
	}
	s.askForTopology()
	s.settle()
	s.poke()
}

// confirm handles a confirmation of Redis. It is called by the goroutine that reads the
// connection, so confirmations are handled in the order in which Redis sent them.
func (l *link) confirm(conn *connection, p rueidis.PubSubSubscription) {
	s := l.s
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[p.Channel]
	if c == nil || l.conn != conn {
		return
	}
	switch p.Kind {
	case "subscribe", "ssubscribe":
		if !c.wanted {
			return
		}
		if c.link != l {
			s.unheard(c, errMoved) // what was sent since the slot has moved went to this node
			s.assign(c, l)
		}
		s.hear(c)
		s.outage.started = true
	case "unsubscribe", "sunsubscribe":
		// Redis sends this unasked when a slot moves. It may also answer an earlier UNSUBSCRIBE
		// of a channel that was added again meanwhile. Subscribing twice does no harm.
		if c.link != l {
			return
		}
		s.assign(c, nil)
		s.unheard(c, errMoved)
		s.askForTopology()
		s.postpone(c)
		s.poke()
	}
	s.settle()
}
