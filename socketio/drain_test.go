package socketio_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// ends records when each of n peers has ended.
func ends(f *fixture, n int) func() []time.Duration {
	begun := time.Now()
	var mu sync.Mutex
	var all []time.Duration
	var waiting sync.WaitGroup
	for range n {
		p := f.dial(sockettest.Options{})
		waiting.Go(func() {
			_ = p.Ended(f.ctx)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, time.Since(begun))
		})
	}
	return func() []time.Duration {
		waiting.Wait()
		slices.Sort(all)
		return all
	}
}

// Shutdown closes all connections at once or, if configured, one after the other.
func TestShutdownSpread(t *testing.T) {
	const peers = 100
	for _, test := range []struct{ spread, timeout, want time.Duration }{
		{0, time.Minute, 0},
		{10 * time.Second, time.Minute, 10 * time.Second},
		{10 * time.Second, 0, 10 * time.Second},
		{10 * time.Second, 6 * time.Second, 4 * time.Second}, // 2 s are left for what follows
		{10 * time.Second, 2 * time.Second, time.Second},     // half of the time is left
	} {
		bubble(t, socketio.Options{ShutdownSpread: test.spread}, open, func(f *fixture) {
			ended := ends(f, peers)
			ctx := context.Background()
			if test.timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, test.timeout)
				defer cancel()
			}
			if err := f.srv.Shutdown(ctx); err != nil {
				t.Error(err)
			}
			all := ended()
			if last := all[peers-1]; last < test.want-100*time.Millisecond || last > test.want+2*time.Second {
				t.Errorf("%v: the last ended after %v", test, last)
			}
			for i, at := range all {
				if want := test.want * time.Duration(i+1) / peers; at < want-200*time.Millisecond || at > want+200*time.Millisecond {
					t.Fatalf("%v: number %d of %d ended after %v, want about %v", test, i+1, peers, at, want)
				}
			}
		})
	}
}

// Until its turn comes, a connection works as before. New connections are refused.
func TestShutdownSpreadServesUntilTheEnd(t *testing.T) {
	var handled record
	bubble(t, socketio.Options{ShutdownSpread: 10 * time.Second}, func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("say", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
			handled.add("say")
			return e.Ack()
		})
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		done := make(chan error)
		go func() { done <- f.srv.Shutdown(context.Background()) }()
		time.Sleep(5 * time.Second)
		if _, err := p.EmitWithAck(f.ctx, "say"); err != nil {
			t.Error(err)
		}
		if status := f.status(handshakePath); status != http.StatusServiceUnavailable {
			t.Errorf("a handshake meanwhile: %d", status)
		}
		begun := time.Now()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took < 4*time.Second || took > 6*time.Second {
			t.Errorf("Shutdown ended %v later", took)
		}
	})
}

// Shutdown waits for a handler that is running when its connection's turn comes. The following
// connections do not wait for it.
func TestShutdownSpreadWaitsForHandlers(t *testing.T) {
	release := make(chan struct{})
	bubble(t, socketio.Options{ShutdownSpread: 4 * time.Second}, func(srv *socketio.Server) {
		release = make(chan struct{})
		srv.Open()
		srv.Handle("work", func(ctx context.Context, s *socketio.Socket, _ *socketio.Event) error {
			<-release
			return s.Emit("done")
		})
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		_ = p.Emit("work")
		ended := ends(f, 3)
		synctest.Wait()
		done := make(chan error)
		go func() { done <- f.srv.Shutdown(context.Background()) }()
		ended()
		time.Sleep(10 * time.Second)
		_ = p.Emit("work") // dropped
		close(release)
		f.expect(p, "done")
		if err := <-done; err != nil {
			t.Error(err)
		}
		f.ended(p, sockettest.ErrClosed)
		f.nothing(p)
	})
}

// When Shutdown's context ends, the rest is closed at once.
func TestShutdownSpreadEndsWithItsContext(t *testing.T) {
	bubble(t, socketio.Options{ShutdownSpread: time.Hour}, open, func(f *fixture) {
		ended := ends(f, 10)
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		begun := time.Now()
		if err := f.srv.Shutdown(ctx); err == nil {
			t.Log("nothing was left")
		}
		ended()
		if took := time.Since(begun); took > 4*time.Second {
			t.Errorf("took %v", took)
		}
	})
}
