package socketio_test

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// dependency is a Dependency that a test can make unavailable.
type dependency struct{ away atomic.Bool }

func (d *dependency) Available() bool { return !d.away.Load() }

const handshakePath = "/socket.io/?EIO=4&transport=polling"

// Handshakes are refused exactly while no namespace can admit a socket.
func TestHandshakesWhileNamespacesAreUnavailable(t *testing.T) {
	refuse := func(context.Context, *socketio.Socket) error { return errors.New("not while it is away") }
	for name, test := range map[string]struct {
		wire func(srv *socketio.Server, d, other *dependency)
		shut bool
	}{
		"one namespace": {func(srv *socketio.Server, d, _ *dependency) {
			srv.Use(refuse)
			srv.DependsOn(d)
		}, true},
		"two that need the same": {func(srv *socketio.Server, d, _ *dependency) {
			for _, n := range []*socketio.Namespace{srv.Namespace, srv.Of("/b")} {
				n.Use(refuse)
				n.DependsOn(d)
			}
		}, true},
		"dynamic ones": {func(srv *socketio.Server, d, _ *dependency) {
			n := srv.OfPattern(regexp.MustCompile(`/room-\d+`))
			n.Use(refuse)
			n.DependsOn(d)
		}, true},
		"another that needs nothing": {func(srv *socketio.Server, d, _ *dependency) {
			srv.Use(refuse)
			srv.DependsOn(d)
			srv.Of("/b").Open()
		}, false},
		"another that needs something else": {func(srv *socketio.Server, d, other *dependency) {
			srv.Use(refuse)
			srv.DependsOn(d)
			srv.Of("/b").Use(refuse)
			srv.Of("/b").DependsOn(other)
		}, false},
		"one that needs either": {func(srv *socketio.Server, d, other *dependency) {
			srv.Use(refuse)
			srv.DependsOn(d)
			srv.DependsOn(other)
		}, false},
		"one that needs more than can be known": {func(srv *socketio.Server, d, _ *dependency) {
			srv.Use(refuse)
			srv.DependsOn(d)
			for range 20 {
				more := &dependency{}
				more.away.Store(true)
				srv.DependsOn(more)
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var d, other dependency
			bubble(t, socketio.Options{}, func(srv *socketio.Server) {
				test.wire(srv, &d, &other)
			}, func(f *fixture) {
				if status := f.status(handshakePath); status != http.StatusOK {
					t.Errorf("before: %d", status)
				}
				d.away.Store(true)
				refused := 0
				for range 100 { // ten seconds in total
					switch status := f.status(handshakePath); status {
					case http.StatusOK:
					case http.StatusServiceUnavailable:
						refused++
					default:
						t.Errorf("status %d", status)
					}
					time.Sleep(100 * time.Millisecond)
				}
				switch {
				case test.shut && (refused < 80 || refused > 95): // one per second goes through
					t.Errorf("%d of 100 handshakes were refused", refused)
				case !test.shut && refused > 0:
					t.Errorf("%d of 100 handshakes were refused, want none", refused)
				}
				d.away.Store(false)
				if status := f.status(handshakePath); status != http.StatusOK {
					t.Errorf("afterwards: %d", status)
				}
			})
		})
	}
}

// A refused handshake says when to come back, at random times, and pages can read it too.
func TestRefusedHandshakeSaysWhenToComeBack(t *testing.T) {
	var d dependency
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.DependsOn(&d)
	}, func(f *fixture) {
		d.away.Store(true)
		seen := make(map[string]bool)
		for range 40 {
			r, err := http.NewRequestWithContext(f.ctx, http.MethodGet, "http://server"+handshakePath, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Origin", "http://server")
			response, err := (&http.Transport{DialContext: f.in.Dial, DisableKeepAlives: true}).RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			after := response.Header.Get("Retry-After")
			if n, err := strconv.Atoi(after); response.StatusCode != 503 || err != nil || n < 1 || n > 5 {
				t.Fatalf("%d, Retry-After %q", response.StatusCode, after)
			}
			seen[after] = true
		}
		if len(seen) < 3 {
			t.Errorf("all were told to come back at the same time: %v", seen)
		}
	})
}

// A namespace that admits a socket while its dependency is unavailable counts as available.
func TestAdmissionOpensTheDoor(t *testing.T) {
	var d dependency
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.DependsOn(&d)
	}, func(f *fixture) {
		d.away.Store(true)
		if f.status(handshakePath) != http.StatusServiceUnavailable {
			t.Error("the first handshake was not refused")
		}
		time.Sleep(time.Second)
		p := f.dial(sockettest.Options{}) // the one that goes through each second
		synctest.Wait()                   // the door opens after CONNECT is answered
		_ = p.Close()
		for range 25 {
			if status := f.status(handshakePath); status != http.StatusOK {
				t.Fatalf("status %d", status)
			}
			time.Sleep(time.Minute)
		}
		time.Sleep(10 * time.Minute)
		if f.status(handshakePath) != http.StatusServiceUnavailable {
			t.Error("it still counts as available after half an hour")
		}
	})
}

// The connection of a temporary refusal is closed after RetryAfter, by one timer that ends with
// the connection.
func TestTemporaryRefusalWaits(t *testing.T) {
	var after time.Duration
	setup := func(srv *socketio.Server) {
		srv.Use(func(context.Context, *socketio.Socket) error {
			return &socketio.Ending{Message: "later", Temporary: true, RetryAfter: after}
		})
	}
	for wanted, d := range map[time.Duration]time.Duration{0: 0, 3 * time.Second: 3 * time.Second, time.Hour: 10 * time.Second} {
		after = wanted
		bubble(t, socketio.Options{ConnectTimeout: 10 * time.Second}, setup, func(f *fixture) {
			begun := time.Now()
			_, err := sockettest.Dial(f.ctx, "http://server", f.options(sockettest.Options{}))
			if !errors.Is(err, sockettest.ErrClosed) {
				t.Errorf("got %v", err)
			}
			if took := time.Since(begun); took != d {
				t.Errorf("RetryAfter of %v: closed after %v", wanted, took)
			}
		})
	}
}
