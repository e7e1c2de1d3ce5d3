package redisbus

import "time"

// A gap is a time in which messages of other nodes may have been missed.
type gap struct {
	// From is when the loss was noticed. A connection that has been closed is noticed at once,
	// and one that has fallen silent after the client's KeepAlive and ConnWriteTimeout.
	From time.Time
	// Until is when all channels that were lost had been subscribed again, or given up.
	Until time.Time
	// Channels is the number of channels that were lost, out of Of.
	Channels, Of int
	// Cause is why the first of them was lost.
	Cause error
}

// outage keeps what a subscriber does not hear. The subscriber's mutex guards it.
type outage struct {
	started bool // a channel has been heard
	ready   bool
	since   time.Time // when ready changed
	err     error     // the last error
	lost    int       // channels that are lost
	open    *gap
	closed  []gap // to be reported
	gaps    int
	logged  bool // the start of the open gap
}

// begin records that a channel is lost.
func (o *outage) begin(cause error, wanted int) {
	if o.open == nil {
		o.open = &gap{From: time.Now(), Of: wanted, Cause: cause}
		o.logged = false
	}
	o.open.Channels++
	o.lost++
	if cause != nil {
		o.err = cause
	}
}

// restored records that a channel is not lost any more, and reports whether the gap has ended.
func (o *outage) restored() bool {
	if o.lost--; o.lost > 0 {
		return false
	}
	o.open.Until = time.Now()
	o.closed = append(o.closed, *o.open)
	o.open = nil
	o.gaps++
	return true
}

func (o *outage) settle(ready bool) {
	if ready != o.ready {
		o.ready = ready
		o.since = time.Now()
	}
	if ready {
		o.err = nil
	}
}

// report logs the start and the end of gaps, and calls the Gap function.
func (s *subscriber) report() {
	s.mu.Lock()
	closed := s.outage.closed
	s.outage.closed = nil
	var opened *gap
	if open := s.outage.open; open != nil && !s.outage.logged {
		s.outage.logged = true
		copied := *open
		opened = &copied
	}
	s.mu.Unlock()
	for _, g := range closed {
		s.o.Logger.Warn("redisbus: messages of other nodes may have been missed",
			"from", g.From, "until", g.Until, "seconds", g.Until.Sub(g.From).Seconds(), "channels", g.Channels, "of", g.Of, "cause", g.Cause)
		if s.o.Gap != nil {
			s.o.Gap(g)
		}
	}
	if opened != nil {
		s.o.Logger.Warn("redisbus: subscriptions lost", "channels", opened.Channels, "of", opened.Of, "cause", opened.Cause)
	}
}
