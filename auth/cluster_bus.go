package auth

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"socketiojwt/socketio"
)

// This file is about messages that the bus loses.

// ErrOthersNotTold is the error of Revoke, Block and Unblock of a gate with Share if the bus is not
// connected or has lost the message, and Options.Denylist is not a SharedDenylist. This node has
// carried out the call. The other nodes carry out a Revoke and a Block when the bus is back. An
// Unblock must be called again then.
var ErrOthersNotTold = errors.New("auth: ended on this node; other nodes were not told")

const (
	// lookEvery is about how often a node looks at the state of the bus, askEvery how often at
	// least it asks the others without a reason, and retryEvery how soon after entries could not
	// be stored.
	lookEvery  = 5 * time.Second
	askEvery   = 30 * time.Minute
	retryEvery = time.Minute
	// settledAfter is the time after which the state of the bus shows whether a message was lost.
	settledAfter = 30 * time.Second
	// mostCallers bounds the nodes that wait to be asked.
	mostCallers = 1000
)

// sending is what a share knows about the messages that the nodes have sent. It is guarded by mu
// of the share.
type sending struct {
	last    time.Time // when this node has published an entry, or asked to be asked
	lost    bool      // the others may have missed entries of this node, and were not told that yet
	losses  uint64    // of the bus, when it was last looked at
	callers []socketio.NodeID
}

// call notes that a node must be asked.
func (s *sending) call(node socketio.NodeID) {
	if len(s.callers) < mostCallers && !slices.Contains(s.callers, node) {
		s.callers = append(s.callers, node)
	}
}

// added tells the other nodes about a new entry.
func (s *share) added(r Revocation) error { return s.tell(note{Add: []Revocation{r}}) }

// removed tells the other nodes that a block has ended.
func (s *share) removed(m Match, madeUntil time.Time) error {
	return s.tell(note{Remove: &unblock{m, madeUntil}})
}

// tell tells the other nodes what this one has done. If it knows that the message does not reach
// them, it fails, and asks them to ask this node when the bus is back.
func (s *share) tell(n note) error {
	if s == nil {
		return nil
	}
	before := s.state()
	s.mu.Lock()
	s.sending.last = time.Now()
	s.mu.Unlock()
	payload, err := n.encode()
	if err == nil {
		err = s.srv.PublishExtension(s.name, payload)
	}
	if after := s.state(); err == nil {
		err = after.lost(before)
	}
	if err == nil {
		return nil
	}
	s.mu.Lock()
	s.sending.lost = true
	s.mu.Unlock()
	s.join() // so that the bus is looked at
	return fmt.Errorf("%w: %w", ErrOthersNotTold, err)
}

// busState is the state of the bus.
type busState struct{ socketio.BusHealth }

// state returns the state of the bus. A bus that does not report it counts as connected.
func (s *share) state() busState {
	if bus := s.srv.Stats().Bus; bus != nil {
		return busState{*bus}
	}
	return busState{socketio.BusHealth{Connected: true}}
}

// missed counts the times at which the bus may have lost messages for this node.
func (b busState) missed() uint64 { return b.Gaps + b.Overflows }

// losses counts the times at which the bus may have lost messages of this node. After a gap of
// this node the others may have had one too.
func (b busState) losses() uint64 { return b.Gaps + b.Dropped }

// lost returns why a message that was published between two states may be lost, or nil.
func (b busState) lost(before busState) error {
	switch {
	case !b.Connected && b.Err != nil:
		return fmt.Errorf("the bus is not connected: %w", b.Err)
	case !b.Connected:
		return errors.New("the bus is not connected")
	case b.Dropped > before.Dropped:
		return errors.New("the bus has dropped messages")
	}
	return nil
}

// join makes this node ask the others for their entries, once at the beginning and then again
// whenever it may have missed some.
func (s *share) join() {
	if s == nil {
		return
	}
	closed, ok := s.srv.ExtensionContext()
	if !ok {
		return
	}
	s.joined.Do(func() {
		s.again(askEvery)
		s.ask(fetch{})
		s.look()
		context.AfterFunc(closed, s.end)
	})
}

// end ends the timers when the server is closed.
func (s *share) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.stopFetch()
	if s.timer != nil {
		s.timer.Stop()
	}
}

// again makes this node ask the others after about that time, and no later.
func (s *share) again(after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = time.Now().Add(after/2 + rand.N(after/2))
}

// look looks at the state of the bus, from now on about every lookEvery until the server is
// closed.
func (s *share) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.timer = time.AfterFunc(lookEvery/2+rand.N(lookEvery), func() {
			bus := s.state()
			s.askToBeAsked(bus)
			s.askAgain(bus)
			s.look()
		})
	}
}

// askAgain asks the others again if there is a reason: another node has asked for it, the bus has
// been interrupted, or much time has passed, because a bus may also lose a message that it does not
// report.
func (s *share) askAgain(bus busState) {
	s.mu.Lock()
	missed := bus.missed()
	due := missed != s.missed || !time.Now().Before(s.next)
	var next fetch
	switch callers := s.sending.callers; {
	case s.fetch.asking != "" || s.ended:
		s.mu.Unlock()
		return
	case len(callers) > 0:
		next = fetch{of: callers[0], called: true}
		s.sending.callers = callers[1:]
	case due:
		s.owed = s.owed || missed != s.missed
		s.missed = missed
	default:
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	if !next.called {
		s.again(askEvery)
	}
	s.ask(next)
}

// askToBeAsked asks the others to ask this node, if they may have missed entries of it and the bus
// is connected.
func (s *share) askToBeAsked(bus busState) {
	s.mu.Lock()
	losses, now := bus.losses(), time.Now()
	losing := losses != s.sending.losses || !bus.Connected // the losses may be reported when it is back
	noticed := losing && !s.sending.lost && now.Sub(s.sending.last) < settledAfter
	s.sending.losses = losses
	s.sending.lost = s.sending.lost || noticed
	call := s.sending.lost && bus.Connected && !s.ended
	if call {
		s.sending.lost, s.sending.last = false, now
	}
	s.mu.Unlock()
	if noticed {
		s.gate.opts.Logger.Warn("auth: the bus may have lost messages; the other nodes are told to fetch the latest revocations of this node when it is connected", "gate", s.gate.name)
	}
	if !call {
		return
	}
	payload, err := note{Again: true}.encode()
	if err == nil {
		err = s.srv.PublishExtension(s.name, payload)
	}
	if err != nil {
		s.mu.Lock()
		s.sending.lost = true
		s.mu.Unlock()
	}
}

// called notes that another node has asked to be asked. It is asked when the bus is looked at next,
// so not all nodes ask it at once.
func (s *share) called(by socketio.NodeID) {
	s.join()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sending.call(by)
}
