package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"socketiojwt/observe"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

type spanKey struct{}

// watcher records operations and puts their number into their context.
type watcher struct {
	record
	mu sync.Mutex
	n  int
	// during is called in Start and at the end.
	during func()
}

func (w *watcher) Start(ctx context.Context, op observe.Operation) (context.Context, func(observe.Outcome)) {
	w.mu.Lock()
	w.n++
	n := w.n
	w.mu.Unlock()
	if w.during != nil {
		w.during()
	}
	parent, _ := ctx.Value(spanKey{}).(int)
	return context.WithValue(ctx, spanKey{}, n), func(o observe.Outcome) {
		if w.during != nil {
			w.during()
		}
		line := fmt.Sprint(op.Kind, " ", op.Namespace, " ", op.Event, " ", o.Result)
		if o.Held {
			line += " held"
		}
		if op.Kind == observe.Broadcast {
			line += fmt.Sprint(" ", o.Count, " in ", parent)
		}
		w.add(line)
	}
}

// An Observer may use the server, so it is called without a lock. It is told nothing that a peer
// has chosen.
func TestObserverIsToldAboutConnectsHandlersAndBroadcasts(t *testing.T) {
	w := &watcher{}
	var values []any
	setup := func(srv *socketio.Server) {
		w.during = func() {
			for _, s := range srv.Sockets() {
				_, _, _ = s.Rooms(), s.Context(), s.Handshake()
			}
			srv.Lookup("/")
			srv.Stats()
		}
		srv.Use(func(ctx context.Context, s *socketio.Socket) error {
			values = append(values, ctx.Value(spanKey{}))
			s.SetContextValue("mine", 1)
			if s.Handshake().Auth != nil {
				return errors.New("refused")
			}
			return nil
		}, func(ctx context.Context, s *socketio.Socket) error {
			values = append(values, ctx.Value(spanKey{}), ctx.Value("mine"))
			return nil
		})
		srv.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
			values = append(values, ctx.Value(spanKey{}), ctx.Value("mine"))
			return nil
		})
		srv.Handle("say", func(ctx context.Context, s *socketio.Socket, e *socketio.Event) error {
			values = append(values, ctx.Value(spanKey{}))
			return srv.Broadcast.WithContext(ctx).Emit("said")
		})
		srv.Handle("fail", func(context.Context, *socketio.Socket, *socketio.Event) error { return errors.New("of the test") })
		srv.Handle("scan", socketio.Func(func(context.Context, *socketio.Socket, int) error { return nil }))
		srv.Handle("panic", func(context.Context, *socketio.Socket, *socketio.Event) error { panic("of the test") })
		held := srv.Of("/held")
		held.Use(func(ctx context.Context, s *socketio.Socket) error { return s.Hold(socketio.HoldOptions{}) })
		srv.OfPattern(regexp.MustCompile("/room-.*")).Open()
	}
	bubble(t, socketio.Options{Observer: w}, setup, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		synctest.Wait() // the peer is told before OnConnect runs, and before the Observer
		f.refused(sockettest.Options{Auth: map[string]string{"x": "y"}})
		synctest.Wait()
		for _, event := range []string{"say", "chosen by the peer", "fail", "scan"} {
			_ = p.Emit(event)
			synctest.Wait()
		}
		if want := []any{1, 1, 1, nil, 1, 2, 3}; !slices.Equal(values, want) {
			t.Errorf("values of contexts %v, want %v", values, want)
		}
		f.dial(sockettest.Options{Namespace: "/room-of-a-peer"})
		synctest.Wait() // the peer is told before the Observer
		_, _ = f.srv.EmitWithAck(f.expired(), "question")
		_ = f.srv.BroadcastIn("/nowhere").Emit("unheard")
		_ = p.Emit("panic")
		synctest.Wait()
		q := f.dial(sockettest.Options{Namespace: "/held"})
		_ = q.Close()
		synctest.Wait()
		want := []string{
			"connect /  ok", "connect /  refused",
			"broadcast / said ok 1 in 3", "handle / say ok", "handle / other ok", "handle / fail failed", "handle / scan peer_failed",
			"connect /room-.*  ok", "broadcast / question ok 1 in 0", "broadcast other unheard ok 0 in 0", "handle / panic panicked",
			"connect /held  left held",
		}
		if got := w.all(); !slices.Equal(got, want) {
			t.Errorf("told\n%q, want\n%q", got, want)
		}
	})
}

// expired returns a context that has ended.
func (f *fixture) expired() context.Context {
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	return ctx
}

// The program may broadcast names that peers have chosen. Only a bounded number is told apart.
func TestObserverIsToldABoundedNumberOfBroadcastNames(t *testing.T) {
	w := &watcher{}
	bubble(t, socketio.Options{Observer: w}, func(srv *socketio.Server) { srv.Open() }, func(f *fixture) {
		for i := range 1000 {
			_ = f.srv.Emit(fmt.Sprint("event", i))
		}
		lines := w.all()
		slices.Sort(lines)
		if n := len(slices.Compact(lines)); n != 65 {
			t.Errorf("%d different operations, want 64 and one for others", n)
		}
	})
}

type panicking struct{}

func (panicking) Start(ctx context.Context, op observe.Operation) (context.Context, func(observe.Outcome)) {
	if op.Kind == observe.Handle {
		panic("of the test")
	}
	return ctx, func(observe.Outcome) { panic("of the test") }
}

func TestPanickingObserverHarmsNoSocket(t *testing.T) {
	setup := func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("say", socketio.AckFunc(func(context.Context, *socketio.Socket, struct{}) (int, error) { return 1, srv.Emit("said") }))
	}
	bubble(t, socketio.Options{Observer: panicking{}}, setup, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for range 3 {
			if _, err := p.EmitWithAck(f.ctx, "say"); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Expect(f.ctx, "said"); err != nil {
				t.Fatal(err)
			}
		}
		if n := f.srv.Stats().Panics; n != 0 {
			t.Errorf("%d panics of the program were counted", n)
		}
	})
}
