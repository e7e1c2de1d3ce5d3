package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/engineio"
	"socketiojwt/socketio"
	"socketiojwt/socketio/client"
	"socketiojwt/socketio/sockettest"
)

// dialFrom dials from an address of the loopback network.
func dialFrom(ip string) func(context.Context, string, string) (net.Conn, error) {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	return dialer.DialContext
}

// serveTCP serves "/", without a gate, and "/admin", behind a gate in event mode, and
// returns the URL.
func serveTCP(t *testing.T, opts socketio.Options, gate auth.Options, mode auth.EventOptions) string {
	t.Helper()
	srv, err := socketio.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	g := newGate(t, verifier(t), gate)
	srv.Open()
	srv.Of("/admin").Use(g.Event(mode))
	handler, err := srv.Handler()
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(handler)
	t.Cleanup(func() { _ = srv.Close(); web.Close() })
	return web.URL
}

// While one address opens as many connections as it can, and none of them authenticates,
// every login of another address succeeds. This also holds if the connections of the flood
// are admitted to a namespace without a gate, so that they do not count as new.
func TestFloodOfOneAddress(t *testing.T) {
	for name, first := range map[string]string{"new connections": "/admin", "by way of an open namespace": "/"} {
		t.Run(name, func(t *testing.T) {
			const room, attempts, honest = 200, 2000, 40
			url := serveTCP(t, socketio.Options{Engine: engineio.Options{MaxNewPerAddress: 50}},
				auth.Options{Timeout: 30 * time.Second}, auth.EventOptions{MaxHeld: room, MaxHeldPerAddress: 50})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			ctx, stop := context.WithCancel(ctx)

			var left, refused atomic.Int64
			left.Store(attempts)
			var flooding sync.WaitGroup
			for range 8 {
				flooding.Go(func() {
					for left.Add(-1) >= 0 && ctx.Err() == nil {
						p, err := sockettest.Dial(ctx, url, sockettest.Options{Namespace: first, NetDial: dialFrom("127.0.0.2")})
						if err == nil && first == "/" {
							_, err = p.Join(ctx, "/admin", nil)
						}
						if err != nil {
							refused.Add(1)
						}
						if p != nil { // the connection stays open until the test ends
							context.AfterFunc(ctx, func() { _ = p.Close() })
						}
					}
				})
			}
			for refused.Load() < 100 && ctx.Err() == nil { // until the flood has reached its limit
				time.Sleep(time.Millisecond)
			}
			for i := range honest {
				if err := login(ctx, url, "127.0.0.3"); err != nil {
					t.Errorf("login %d: %v", i, err)
				}
			}
			stop()
			flooding.Wait()
		})
	}
}

// login logs in in event mode, and leaves.
func login(ctx context.Context, url, ip string) error {
	p, err := sockettest.Dial(ctx, url, sockettest.Options{Namespace: "/admin", NetDial: dialFrom(ip)})
	if err != nil {
		return err
	}
	defer func() { _ = p.Close() }()
	if err := p.Emit("authenticate", bearing(sign(nil))); err != nil {
		return err
	}
	_, err = p.Expect(ctx, "authenticated")
	return err
}

// Refused tokens count for their address, and the count is forgiven after some time. Logins
// that succeed do not count.
func TestRefusedTokensOfAnAddress(t *testing.T) {
	url := serveTCP(t, socketio.Options{Engine: engineio.Options{MaxNewPerAddress: 10}}, auth.Options{}, auth.EventOptions{Grace: -1})
	guess := func(ip string) error {
		p, err := sockettest.Dial(t.Context(), url, sockettest.Options{Namespace: "/admin", NetDial: dialFrom(ip)})
		if err != nil {
			return err
		}
		defer func() { _ = p.Close() }()
		_ = p.Emit("authenticate", bearing("junk"))
		return p.Ended(t.Context())
	}
	var refused *client.StatusError
	guesses := 0
	for ; guesses < 100 && !errors.As(guess("127.0.0.2"), &refused); guesses++ {
	}
	if refused == nil || refused.Status != 503 || guesses < 5 { // until it has ended, one that was refused counts twice
		t.Errorf("%v after %d guesses, want 503 after 5 to about 10", refused, guesses)
	}
	for i := range 50 {
		if err := login(t.Context(), url, "127.0.0.3"); err != nil {
			t.Fatalf("login %d: %v", i, err)
		}
	}
}

// A peer whose token is too large gets the same final refusal for every source. The limit is
// only in the log.
func TestTokenTooLarge(t *testing.T) {
	for _, size := range []int{17_000, 60_000, 100_000, 900_000, 2_000_000} {
		large := strings.Repeat("x", size)
		for _, event := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d bytes, event mode %t", size, event), func(t *testing.T) {
				bubble(t, setup{event: event}, func(f *fixture) {
					var told refusal
					if event {
						p := f.dial(sockettest.Options{})
						f.emit(p, "authenticate", bearing(large))
						told, _ = f.unauthorized(p)
						f.ended(p, sockettest.ErrDisconnected, 2*time.Second)
					} else {
						told = f.refused(sockettest.Options{Auth: bearing(large)})
					}
					if told.Message != "token too large" || told.Code != "invalid_token" || told.Reason != "token_too_large" {
						t.Errorf("told %+v", told)
					}
					if log := f.log.String(); !strings.Contains(log, "MaxAuthPayload") && !strings.Contains(log, "16384") {
						t.Errorf("the log says nothing of a limit: %s", log)
					}
				})
			})
		}
	}
}

// A guest whose token is too large is refused, and not admitted as one without a token.
func TestGuestWithATokenTooLarge(t *testing.T) {
	for _, event := range []bool{false, true} {
		bubble(t, setup{event: event, gate: auth.Options{Guests: &auth.GuestOptions{}}}, func(f *fixture) {
			large := json.RawMessage(`{"token":"` + strings.Repeat("x", 100_000) + `"}`)
			if told := f.refused(sockettest.Options{Auth: large}); told.Reason != "token_too_large" {
				t.Errorf("told %+v", told)
			}
			p := f.dial(sockettest.Options{})
			f.emit(p, "authenticate", large)
			if told, _ := f.unauthorized(p); told.Reason != "token_too_large" {
				t.Errorf("as a guest: told %+v", told)
			}
		})
	}
}
