package socketio_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

func TestEarlyEventsAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		hold   socketio.HoldOptions
		opts   socketio.Options
		events []string
		closed bool
	}{
		"16 fit":              {events: slices.Repeat([]string{"x"}, 16)},
		"17 do not":           {events: slices.Repeat([]string{"x"}, 17), closed: true},
		"64 KiB do not":       {events: []string{strings.Repeat("x", 65<<10)}, closed: true},
		"fewer by option":     {hold: socketio.HoldOptions{Events: 1}, events: []string{"x", "y"}, closed: true},
		"the server's bound":  {opts: socketio.Options{MaxHeldBytes: 4000}, events: []string{strings.Repeat("x", 3000)}, closed: true},
		"dropped if so asked": {hold: socketio.HoldOptions{Drop: true}, events: slices.Repeat([]string{"x"}, 100)},
	} {
		t.Run(name, func(t *testing.T) {
			var ran record
			bubble(t, c.opts, holding(c.hold, &ran), func(f *fixture) {
				p := f.dial(sockettest.Options{})
				for _, text := range c.events {
					_ = p.Emit("say", text)
				}
				if c.closed {
					f.ended(p, sockettest.ErrClosed)
					if got := ran.all(); len(got) != 0 {
						t.Errorf("ran %q", got)
					}
					_ = p.Close()
					synctest.Wait()
					if left := f.srv.Remains(); left != "" {
						t.Errorf("left: %s", left)
					}
					return
				}
				if _, err := p.EmitWithAck(f.ctx, "login", "yes"); err != nil {
					t.Fatal(err)
				}
				said := 0
				for _, line := range ran.all() {
					if strings.HasPrefix(line, "say") {
						said++
					}
				}
				if want := len(c.events); c.hold.Drop && said != 0 || !c.hold.Drop && said != want {
					t.Errorf("%d events handled of %d", said, want)
				}
			})
		})
	}
}

// The charge for the early events of a socket is returned, whether the socket is admitted or
// not.
func TestHeldBytesAreGivenBack(t *testing.T) {
	var ran record
	bubble(t, socketio.Options{MaxHeldBytes: 12_000}, holding(socketio.HoldOptions{}, &ran), func(f *fixture) {
		for i := range 10 {
			p := f.dial(sockettest.Options{})
			if err := p.Emit("say", strings.Repeat("x", 3000)); err != nil {
				t.Fatal(err)
			}
			word := "yes"
			if i%2 == 1 {
				word = "no"
			}
			_ = p.Emit("login", word)
			synctest.Wait()
			if i > 6 { // the others stay
				_ = p.Close()
			}
		}
		said := 0
		for _, line := range ran.all() {
			if strings.HasPrefix(line, "say") {
				said++
			}
		}
		if said != 5 {
			t.Errorf("%d of 5 early events were handled", said)
		}
	})
}

// A peer must not fill the log: dropped events of a held socket are logged once.
func TestDroppedEventsAreLoggedOnce(t *testing.T) {
	var log logged
	var ran record
	bubble(t, socketio.Options{Logger: log.logger()}, holding(socketio.HoldOptions{Drop: true}, &ran), func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for range 1000 {
			_ = p.Emit("say", "x")
		}
		_ = p.Emit("login", "yes")
		ran.all()
		if n := log.count("dropped"); n != 1 {
			t.Errorf("logged %d times", n)
		}
	})
}

// Once a socket is admitted, early events count as waiting events.
func TestEarlyEventsCountInTheInbox(t *testing.T) {
	bubble(t, socketio.Options{MaxInbox: 3000}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			time.AfterFunc(time.Second, func() { _ = s.Admit() })
			return s.Hold(socketio.HoldOptions{})
		})
		srv.OnConnect(func(ctx context.Context, _ *socketio.Socket) error { <-ctx.Done(); return nil })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		_ = p.Emit("early", strings.Repeat("x", 2000))
		time.Sleep(2 * time.Second)
		_ = p.Emit("late", strings.Repeat("x", 1000))
		f.ended(p, sockettest.ErrClosed)
	})
}
