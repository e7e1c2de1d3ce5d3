package socketio

import (
	"context"

	"socketiojwt/internal/turns"
)

// post adds a task for the worker, and starts the worker if it is not running. The caller holds
// mu.
func (s *Socket) post(t *task) {
	if s.queue(t) {
		s.conn.server.engine.Go((*worker)(s))
	}
}

// queue adds a task to the inbox, and reports whether the caller must start the worker. The caller holds mu.
func (s *Socket) queue(t *task) (start bool) {
	s.inbox.add(t)
	if s.working {
		return false
	}
	s.working = true
	s.conn.server.running.add(1)
	return true
}

// worker is a Socket as the engineio.Task of its worker.
type worker Socket

// Run implements engineio.Task.
func (w *worker) Run() { (*Socket)(w).work() }

// work runs the tasks in the inbox one at a time, and ends when the inbox is empty.
func (s *Socket) work() {
	var turn turns.Turn
	for {
		now := s.look()
		s.mu.Lock()
		t := s.inbox.take()
		if t == nil {
			s.working = false
			s.mu.Unlock()
			s.conn.server.running.add(-1)
			return
		}
		if t.event != nil {
			s.giveBack(t.event.size)
		}
		// Read these together: an event in the inbox implies that the socket, and therefore its
		// context, has not ended.
		ctx, late, more := s.ctx, t.event != nil && s.pastDeadline(now), !s.inbox.isEmpty()
		s.mu.Unlock()
		if !late {
			s.guard(func() { s.do(ctx, t) }, func() { go s.work() })
		}
		if more {
			turn.Give() // so that a peer that floods does not keep the processor from others
		}
	}
}

func (s *Socket) do(ctx context.Context, t *task) {
	if t.event == nil {
		t.step()
		return
	}
	if ctx.Err() != nil { // the socket has ended since work checked
		return
	}
	name, handler := t.event.name, t.handler
	if handler == nil {
		handler = s.namespace.table.handler(name)
	}
	if s.conn.server.opts.Observer != nil {
		handler = s.observeHandler(handler)
	}
	if err := handler(ctx, s, t.event); err != nil {
		s.logFailed(ctx, name, err)
	}
}

// guard runs user code. A panic in it is logged and ends only the socket. After runtime.Goexit,
// which ends the goroutine, resume continues on another one.
func (s *Socket) guard(user, resume func()) {
	returned := false
	defer func() {
		if returned {
			return
		}
		p := recover()
		s.logPanic(p)
		s.fail(&Ending{Message: "internal error"})
		if p == nil {
			resume()
		}
	}()
	user()
	returned = true
}
