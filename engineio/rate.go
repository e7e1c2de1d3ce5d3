package engineio

import (
	"context"
	"log/slog"
	"time"
)

// This file bounds what a session's peer sends in a second (docs/adr/0067-turns-and-rates-of-peers.md).
// A peer that exceeds the bound is not read for a while, so that TCP makes it wait, or it is
// closed.

// bucket is a token bucket: the time at which it is full again, so that it needs no timer. It
// takes any charge while it is not empty, and then owes the rest, because one message may be larger
// than the bucket. The zero bucket is full.
type bucket time.Duration

// empty returns how long the bucket stays empty, if a full one has the tokens of d.
func (b bucket) empty(now, d time.Duration) time.Duration { return max(0, time.Duration(b)-now-d+1) }

// charge takes the tokens of d.
func (b *bucket) charge(now, d time.Duration) { *b = max(*b, bucket(now)) + bucket(d) }

// traffic is what is counted of the data that a peer sends. Most sessions have none.
type traffic struct {
	discarded      int64 // bytes of messages that were too long
	packets, bytes bucket
	delayedUntil   time.Duration // when the last delay ended or will end; zero means never
	ended          chan struct{} // closed when the delays must end; nil until there is one
}

// sent returns the session's traffic. s.mu is held.
func (s *Session) sent() *traffic {
	if s.traffic == nil {
		s.traffic = new(traffic)
	}
	return s.traffic
}

// fewDelays is how much longer than necessary a peer is delayed, so that several packets can be
// received afterwards. Otherwise each of them would need a timer.
const fewDelays = 20 * time.Millisecond

// mostPerSecond bounds Options whose intervals are counted in nanoseconds.
const mostPerSecond = 1_000_000

// mostAtOnce bounds the bytes that are charged for one packet, so that no sum overflows.
const mostAtOnce = 1 << 30

// pace counts a packet or frame of that size, and waits if the peer has sent too much before it.
// An error ends the session. s.mu is not held.
func (s *Session) pace(size int64) error { return s.charge(1, size) }

// charge is pace for any number of packets.
func (s *Session) charge(packets, size int64) error {
	if s == nil { // a client of tests
		return nil
	}
	opts := &s.srv.opts
	if opts.MaxPacketsPerSecond == 0 && opts.MaxBytesPerSecond == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life != open {
		return nil // a closing session receives nothing
	}
	now, t := s.srv.now(), s.sent()
	wait := max(t.packets.empty(now, opts.RateBurst), t.bytes.empty(now, opts.RateBurst))
	switch {
	case wait == 0:
	case opts.CloseAboveRate:
		s.mu.Unlock()
		s.srv.loud.Log(context.Background(), s.srv.log, slog.LevelWarn, s.network(),
			"engineio: session closed: its peer sends more than Options.MaxPacketsPerSecond or MaxBytesPerSecond allows", "address", s.network())
		s.mu.Lock()
		return errRate
	default:
		s.delay(t, now, wait+min(opts.RateBurst, fewDelays))
	}
	if n := int64(opts.MaxPacketsPerSecond); n > 0 {
		t.packets.charge(now, time.Duration(packets*int64(time.Second)/n))
	}
	if n := int64(opts.MaxBytesPerSecond); n > 0 {
		t.bytes.charge(now, time.Duration(min(size, mostAtOnce)*int64(time.Second)/n))
	}
	return nil
}

var errRate = &frameError{codePolicyViolation, "the peer sends too much"}

// delay returns after that time, or when the session closes. s.mu is held, but not while delay
// waits.
func (s *Session) delay(t *traffic, now, wait time.Duration) {
	f := &s.srv.figures
	f.delays.Add(1)
	f.delayed.Add(1)
	defer f.delayed.Add(-1)
	t.delayedUntil = max(t.delayedUntil, now+wait)
	if t.ended == nil {
		t.ended = make(chan struct{})
	}
	ended := t.ended
	if s.ws != nil {
		s.ws.in.handOver() // events that have arrived do not wait
	}
	s.mu.Unlock()
	s.srv.loud.Log(context.Background(), s.srv.log, slog.LevelWarn, s.network(),
		"engineio: peer delayed: it sends more than Options.MaxPacketsPerSecond or MaxBytesPerSecond allows", "address", s.network())
	timer := time.NewTimer(wait)
	select {
	case <-timer.C:
	case <-ended:
		timer.Stop()
	}
	s.mu.Lock()
}

// endDelay ends a delay, because the session closes. s.mu is held.
func (s *Session) endDelay() {
	if t := s.traffic; t != nil && t.ended != nil {
		close(t.ended)
		t.ended = nil
	}
}

// delayedSilence reports whether a peer that seems silent may only not have been read, and
// gives it time to be heard: PingTimeout after the end of the last delay. s.mu is held.
func (s *Session) delayedSilence(now time.Duration) bool {
	if s.traffic == nil || s.traffic.delayedUntil == 0 {
		return false
	}
	until := s.traffic.delayedUntil + s.srv.opts.PingTimeout
	if now >= until {
		return false
	}
	s.heartbeat.due = until
	return true
}

// network returns the peer's network, or its address if that is not an IP address.
func (s *Session) network() string {
	if network := Network(s.addr); network.IsValid() {
		return network.String()
	}
	return s.addr
}
