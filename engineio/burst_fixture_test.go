package engineio

import "testing"

// queued returns how many messages of a session wait.
func (c *recorder) queued() int {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.s.ws.waiting()
}

// waiting returns how many messages wait. The session's mutex is held.
func (w *writer) waiting() int {
	switch {
	case len(w.first) == 0:
		return 0
	case w.more == nil:
		return 1
	}
	return 1 + len(w.more.frames) - w.more.taken
}

// idle opens a session and waits until nothing is being written.
func (f *fixture) idle() (*socket, *recorder) {
	w, c := f.openSocket()
	if err := c.s.Flush(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	return w, c
}

// rest makes the server forget that the session was written to.
func (c *recorder) rest() {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.ws.touched = 0
}

// sends sends messages.
func sends(t *testing.T, c *recorder, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := c.s.Send(NewMessage([]byte(text))); err != nil {
			t.Errorf("Send: %v", err)
		}
	}
}

// newHeld returns a server whose flushers write nothing until release is called, and for which every
// write is recent unless the session rests.
func newHeld(t *testing.T, serve func(*testing.T, Options, onOpen) *fixture, opts Options) (f *fixture, release func()) {
	f = serve(t, opts, nil)
	f.srv.pause = 1 << 31
	for i := range f.srv.flushers {
		f.srv.flushers[i].running = true
	}
	release = func() {
		for i := range f.srv.flushers {
			f.srv.flushers[i].run()
		}
	}
	t.Cleanup(release)
	return f, release
}

func onTCP(t *testing.T, opts Options, hook onOpen) *fixture { return newTCP(t, opts, hook) }
func onTLS(t *testing.T, opts Options, hook onOpen) *fixture { return newTLS(t, opts, hook) }

// expectQueued compares the number of messages that wait.
func expectQueued(t *testing.T, c *recorder, want int) {
	t.Helper()
	if n := c.queued(); n != want {
		t.Errorf("%d messages wait, want %d", n, want)
	}
}
