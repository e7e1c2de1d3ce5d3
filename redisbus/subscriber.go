package redisbus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// A subscriber keeps a set of channels subscribed. It uses connections of its own: one to a
// single Redis or to the master that Sentinel names, one to a master of a Redis Cluster for
// plain channels, and for sharded channels one to each master that has any of them. It
// subscribes again after a lost connection, a failover and a moved slot, and reports the gap.
//
// The router goroutine decides which link a channel belongs to. Each link has a goroutine that
// connects, and sends SUBSCRIBE and UNSUBSCRIBE in batches. All methods may be called
// concurrently. No lock is held during I/O or while a function of the options runs.
type subscriber struct {
	client  rueidis.Client
	o       subscriberOptions
	cluster bool // the client is connected to a Redis Cluster
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	wake    chan struct{} // capacity 1: the router has something to do

	mu         sync.Mutex
	channels   map[string]*channel
	peak       int // the largest len(channels) since the map was made
	wanted     int
	subscribed int              // channels that are heard
	refused    int              // wanted channels that Redis has refused
	failing    int              // links whose last attempt to connect has failed
	links      map[string]*link // by the address of a master, or by "" if there is only one
	later      []*channel       // to be subscribed after the next look at the cluster
	topology   *topology        // of a Redis Cluster; nil until it is known
	waiters    []*waiter
	refresh    bool // the topology may have changed
	outage     outage
}

// subscriberOptions say what a subscriber does with what it receives.
type subscriberOptions struct {
	// Sharded uses SSUBSCRIBE instead of SUBSCRIBE.
	Sharded bool
	// Message receives each message. It is called by the goroutine that reads the connection,
	// so it must return soon: Redis closes a connection that is not read. Calls for different
	// channels may overlap in a Redis Cluster, and a call may follow Close.
	Message func(channel, payload string)
	// Gap is called after each gap, and must return soon. Nil ignores gaps.
	Gap func(gap)
	// Logger receives a line for the start and for the end of each gap. Nil discards them.
	Logger *slog.Logger
}

// A channel is the state of one channel. The subscriber's mutex guards it.
type channel struct {
	name    string
	link    *link // it was asked to subscribe to the channel; nil if none was
	slot    uint16
	wanted  bool
	heard   bool // Redis has confirmed the subscription
	lost    bool // it was heard before, and is not yet again
	refused bool // Redis has answered SUBSCRIBE with an error
	queued  bool // in the queue of a link, or in later
}

// A subscriberState describes what a subscriber hears.
type subscriberState struct {
	// Ready is false if any channel is known to be unheard: before the first subscription,
	// during a gap, or if Redis cannot be reached or refuses a channel. A channel that has just
	// been added does not count.
	Ready bool
	// Since is when Ready changed last.
	Since              time.Time
	Wanted, Subscribed int
	Gaps               int
	// Err is the error that made Ready false. It is nil if Ready is true.
	Err error
}

var errSubscriberClosed = errors.New("redisbus: closed")

func newSubscriber(client rueidis.Client, o subscriberOptions) *subscriber {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &subscriber{
		client:   client,
		o:        o,
		cluster:  client.Mode() == rueidis.ClientModeCluster,
		wake:     make(chan struct{}, 1),
		channels: make(map[string]*channel),
		links:    make(map[string]*link),
		refresh:  true,
	}
	s.outage.since = time.Now()
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.running.Go(s.route)
	return s
}

// Change adds channels to the set and removes others. It returns at once. Adding a channel
// that is in the set, or removing one that is not, does nothing.
func (s *subscriber) Change(add, remove []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range remove {
		if c := s.channels[name]; c != nil && c.wanted {
			c.wanted = false
			s.wanted--
			s.notLost(c)
			s.setRefused(c, false)
			s.enqueue(c)
		}
	}
	for _, name := range add {
		c := s.channels[name]
		if c == nil {
			c = &channel{name: name}
			if s.cluster && s.o.Sharded {
				c.slot = slotOf(name)
			}
			s.channels[name] = c
			s.peak = max(s.peak, len(s.channels))
		}
		if !c.wanted {
			c.wanted = true
			s.wanted++
			s.enqueue(c)
		}
	}
	s.settle()
}

// Wait returns when Redis has confirmed the subscription to all named channels, which must be
// in the set. It returns the error of Redis if Redis refuses one, although the subscriber keeps
// trying, and the cause of ctx if that ends first.
func (s *subscriber) Wait(ctx context.Context, names ...string) error {
	w := &waiter{missing: make(map[string]struct{}), done: make(chan struct{})}
	s.mu.Lock()
	for _, name := range names {
		if c := s.channels[name]; c == nil || !c.heard {
			w.missing[name] = struct{}{}
		}
	}
	if len(w.missing) == 0 {
		s.mu.Unlock()
		return nil
	}
	s.waiters = append(s.waiters, w)
	s.mu.Unlock()
	defer s.forget(w)
	select {
	case <-w.done:
		return w.err
	case <-s.ctx.Done():
		return errSubscriberClosed
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.outage.err != nil {
			return fmt.Errorf("%w (%w)", context.Cause(ctx), s.outage.err)
		}
		return context.Cause(ctx)
	}
}

// State returns what is heard at present.
func (s *subscriber) State() subscriberState {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := subscriberState{
		Ready: s.outage.ready, Since: s.outage.since, Gaps: s.outage.gaps,
		Wanted: s.wanted, Subscribed: s.subscribed,
	}
	if !state.Ready {
		state.Err = s.outage.err
	}
	return state
}

// Close gives up all channels. It returns when the goroutines have ended, or with the cause of
// ctx: a connection attempt cannot be interrupted, but ends by the client's timeouts.
func (s *subscriber) Close(ctx context.Context) error {
	s.mu.Lock() // so that no link is started any more
	s.cancel()
	s.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		s.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// A waiter is a call of Wait.
type waiter struct {
	missing map[string]struct{}
	err     error
	done    chan struct{} // closed when missing is empty, or with err
}

// answered tells the waiters that a channel is heard, or why it is not. The caller holds mu.
func (s *subscriber) answered(name string, err error) {
	for _, w := range s.waiters {
		if _, ok := w.missing[name]; !ok || w.err != nil {
			continue
		}
		if err != nil {
			w.err = fmt.Errorf("redisbus: subscribe to channel %q: %w", name, err)
			close(w.done)
		} else if delete(w.missing, name); len(w.missing) == 0 {
			close(w.done)
		}
	}
}

func (s *subscriber) forget(w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.waiters {
		if s.waiters[i] == w {
			s.waiters = append(s.waiters[:i], s.waiters[i+1:]...)
			return
		}
	}
}

// poke makes the router look what there is to do.
func (s *subscriber) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
