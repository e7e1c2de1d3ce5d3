package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// Clients that reconnect 0.5 to 1.5 s after their connection was closed, as the JavaScript clients
// do, reach the next server at an even rate. The closing takes no goroutine for each connection.
func TestShutdownSpreadsArrivals(t *testing.T) {
	const peers, spread = 2000, 20 * time.Second
	bubble(t, socketio.Options{ShutdownSpread: spread, Logger: slog.New(slog.DiscardHandler)}, open, func(f *fixture) {
		ended := ends(f, peers)
		synctest.Wait()
		goroutines := runtime.NumGoroutine()
		done := make(chan error)
		go func() { done <- f.srv.Shutdown(context.Background()) }()
		time.Sleep(spread / 2)
		synctest.Wait()
		if more := runtime.NumGoroutine() - goroutines; more > 10 {
			t.Errorf("%d more goroutines while %d connections wait for their turn", more, peers/2)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		arrivals := make([]int, 22)
		for _, at := range ended() {
			at += time.Second/2 + rand.N(time.Second)
			arrivals[at/time.Second]++
		}
		t.Logf("arrivals in each second: %d", arrivals)
		const each = peers * int(time.Second) / int(spread)
		if peak := slices.Max(arrivals); peak > each*3/2 {
			t.Errorf("%d clients arrived in one second, want about %d", peak, each)
		}
	})
}

// A handshake during Shutdown is refused so that the client tries again, on a new connection, which
// may reach another server.
func TestShutdownRefusesHandshakes(t *testing.T) {
	bubble(t, socketio.Options{ShutdownSpread: time.Minute}, open, func(f *fixture) {
		f.dial(sockettest.Options{})
		go func() { _ = f.srv.Shutdown(f.ctx) }()
		synctest.Wait()
		request, err := http.NewRequestWithContext(f.ctx, http.MethodGet, "http://server"+handshakePath, nil)
		if err != nil {
			t.Fatal(err)
		}
		transport := &http.Transport{DialContext: f.in.Dial}
		defer transport.CloseIdleConnections()
		response, err := transport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		after, err := strconv.Atoi(response.Header.Get("Retry-After"))
		if response.StatusCode != http.StatusServiceUnavailable || err != nil || after < 1 || after > 5 || !response.Close {
			t.Errorf("status %d, Retry-After %q, the connection closes: %v", response.StatusCode, response.Header.Get("Retry-After"), response.Close)
		}
	})
}

// The connections of sockets that are not admitted end before all others.
func TestShutdownEndsNewcomersFirst(t *testing.T) {
	release := make(chan struct{})
	setup := func(srv *socketio.Server) {
		release = make(chan struct{})
		srv.Open()
		srv.Of("/held").Use(func(_ context.Context, s *socketio.Socket) error { return s.Hold(socketio.HoldOptions{}) })
		srv.Of("/examined").Use(func(ctx context.Context, _ *socketio.Socket) error {
			select {
			case <-release:
			case <-ctx.Done():
			}
			return ctx.Err()
		})
	}
	bubble(t, socketio.Options{ShutdownSpread: 10 * time.Second}, setup, func(f *fixture) {
		defer close(release)
		var admitted []*sockettest.Peer
		for range 8 {
			admitted = append(admitted, f.dial(sockettest.Options{}))
		}
		held := f.dial(sockettest.Options{Namespace: "/held"})
		examined := make(chan error)
		go func() {
			_, err := f.tryDial(sockettest.Options{Namespace: "/examined"})
			examined <- err
		}()
		synctest.Wait()
		begun := time.Now()
		go func() { _ = f.srv.Shutdown(f.ctx) }()
		f.ended(held, sockettest.ErrClosed)
		if err := <-examined; !errors.Is(err, sockettest.ErrClosed) {
			t.Errorf("a socket whose middleware runs: %v, want a closed connection", err)
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("both ended after %v, want 2 s: their turns are the first of ten", took)
		}
		if n := f.srv.Stats().Admitted; n != len(admitted) {
			t.Errorf("%d admitted sockets are left, want %d", n, len(admitted))
		}
		for _, p := range admitted {
			f.ended(p, sockettest.ErrClosed)
		}
	})
}

// A connection is closed when its peer has acknowledged the events that ask for it, but not later
// than 2 s after its turn.
func TestShutdownAwaitsAcknowledgements(t *testing.T) {
	for _, test := range []struct {
		name   string
		spread time.Duration
		answer time.Duration // after Shutdown began; zero means never
		want   string
		took   time.Duration
	}{
		{"an answer", 0, time.Second, "<nil>", time.Second},
		{"an answer after the turn", 3 * time.Second, 4 * time.Second, "<nil>", 4 * time.Second},
		{"an answer before the turn", 3 * time.Second, time.Second, "<nil>", 3 * time.Second},
		{"no answer", 0, 0, socketio.ErrClosed.Error(), 2 * time.Second},
		{"no answer after the turn", 3 * time.Second, 0, socketio.ErrClosed.Error(), 5 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got record
			bubble(t, socketio.Options{ShutdownSpread: test.spread}, func(srv *socketio.Server) {
				srv.Open()
				srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {
					s.Go(func(ctx context.Context) {
						_, err := s.EmitWithAck(context.WithoutCancel(ctx), "question")
						got.add(fmt.Sprint(err))
					})
					return nil
				})
			}, func(f *fixture) {
				p := f.dial(sockettest.Options{})
				e, err := p.Expect(f.ctx, "question")
				if err != nil {
					t.Fatal(err)
				}
				begun := time.Now()
				if test.answer > 0 {
					time.AfterFunc(test.answer, func() { _ = e.Ack() })
				}
				if err := f.srv.Shutdown(context.Background()); err != nil {
					t.Error(err)
				}
				if took := time.Since(begun); took < test.took || took > test.took+drainTolerance {
					t.Errorf("Shutdown took %v, want %v", took, test.took)
				}
				if all := got.all(); !slices.Equal(all, []string{test.want}) {
					t.Errorf("EmitWithAck returned %q, want %q", all, test.want)
				}
			})
		})
	}
}

// drainTolerance is more than the time between two looks at a connection whose turn has come.
const drainTolerance = 100 * time.Millisecond

// An event of an admitted socket that is intercepted, such as a refresh of its token, is
// acknowledged before the connection is closed.
func TestShutdownFinishesInterceptedEvents(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			return s.Intercept("authenticate", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
				time.Sleep(time.Second)
				return e.Ack("done")
			})
		})
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		answered := make(chan error)
		go func() {
			_, err := p.EmitWithAck(f.ctx, "authenticate")
			answered <- err
		}()
		synctest.Wait()
		go func() { _ = f.srv.Shutdown(f.ctx) }()
		if err := <-answered; err != nil {
			t.Errorf("the answer was lost: %v", err)
		}
		f.ended(p, sockettest.ErrClosed)
	})
}

// Shutdown does not wait for the turn of connections whose peers have left.
func TestShutdownSkipsClosedConnections(t *testing.T) {
	bubble(t, socketio.Options{ShutdownSpread: time.Hour}, open, func(f *fixture) {
		var peers []*sockettest.Peer
		for range 10 {
			peers = append(peers, f.dial(sockettest.Options{}))
		}
		begun := time.Now()
		time.AfterFunc(time.Second, func() {
			for _, p := range peers {
				_ = p.Close()
			}
		})
		if err := f.srv.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took > time.Second+drainTolerance {
			t.Errorf("Shutdown took %v, want 1 s: all peers have left then", took)
		}
	})
}
