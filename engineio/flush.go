package engineio

import "context"

// Queued returns about how many bytes wait until the peer takes them, as Options.MaxOutbound
// counts them. It is zero once the session has ended.
func (s *Session) Queued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.life == closed:
		return 0
	case s.ws != nil:
		return s.ws.queued
	}
	return s.polling.queued
}

// Flush waits until nothing is queued: what was sent before has then been passed to the
// operating system or, by long-polling, to net/http. It does not mean that the peer has
// received it. If other goroutines go on sending to a slow peer, Flush may wait for their
// messages too. It returns the cause of ctx if ctx ends first, and ErrClosed once the
// session has ended.
func (s *Session) Flush(ctx context.Context) error {
	for {
		s.mu.Lock()
		if s.life == closed {
			s.mu.Unlock()
			return ErrClosed
		}
		if s.ws != nil && s.ws.state == writerQueued {
			s.ws.writeQueue()
		}
		if s.allWritten() {
			s.mu.Unlock()
			return nil
		}
		if s.flushed == nil {
			s.flushed = make(chan struct{})
		}
		flushed := s.flushed
		s.mu.Unlock()
		select {
		case <-flushed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// allWritten reports whether nothing is queued or being written. s.mu is held.
func (s *Session) allWritten() bool {
	if s.polling != nil && (s.polling.writing > 0 || len(s.polling.queue) > 0) {
		return false
	}
	return s.ws == nil || s.ws.state == writerIdle && len(s.ws.first) == 0
}

// wakeFlush makes all calls of Flush check again. s.mu is held.
func (s *Session) wakeFlush() {
	if s.flushed != nil {
		close(s.flushed)
		s.flushed = nil
	}
}
