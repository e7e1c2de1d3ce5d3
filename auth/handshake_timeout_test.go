package auth_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// slow returns a KeyFunc that is slow and ignores its context.
func slow(t testing.TB, d time.Duration) *token.Verifier {
	return verifierOf(t, token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) {
		time.Sleep(d)
		return token.Secret(secret), nil
	}), token.Options{Leeway: -1})
}

func TestHandshakeTimeoutCoversKeys(t *testing.T) {
	for name, c := range map[string]struct {
		takes   time.Duration
		admits  bool
		timeout time.Duration
	}{
		"just in time": {takes: 5*time.Second - 1, admits: true},
		"too late":     {takes: 5*time.Second + 1},
		"own timeout":  {takes: 2 * time.Second, timeout: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{verifier: slow(t, c.takes), gate: auth.Options{Timeout: c.timeout}}, func(f *fixture) {
				start := time.Now()
				_, err := f.try(sockettest.Options{Auth: bearing(sign(nil))})
				if c.admits {
					if err != nil {
						t.Fatal(err)
					}
					f.happened("connected ada")
					return
				}
				want := max(c.timeout, time.Second)
				if c.timeout == 0 {
					want = 5 * time.Second
				}
				// Late keys are not the peer's fault, so the refusal is temporary.
				if !errors.Is(err, sockettest.ErrClosed) || time.Since(start) != want {
					t.Errorf("got %v after %v, want a closed transport after %v", err, time.Since(start), want)
				}
				time.Sleep(time.Minute) // the late result
				f.happened()
			})
		})
	}
}

// If a hook hangs, the socket is refused at the deadline, and a later result is discarded.
func TestHandshakeTimeoutCoversHooksThatNeverReturn(t *testing.T) {
	var hang chan struct{}
	for name, gate := range map[string]auth.Options{
		"source": {Sources: []auth.Source{auth.SourceFunc(func(context.Context, *socketio.Handshake) (string, error) {
			<-hang
			return sign(nil), nil
		})}},
		"Authorize": {Authorize: auth.Check(func(context.Context, *token.Token, *socketio.Handshake) error { <-hang; return nil })},
	} {
		t.Run(name, func(t *testing.T) {
			for _, event := range []bool{false, true} {
				var f *fixture
				gate.OnRefuse = func(_ context.Context, _ *socketio.Socket, e *auth.Error) {
					f.ran.add(fmt.Sprintf("refused %s, temporary %t", e.Reason, e.Temporary))
				}
				bubble(t, setup{gate: gate, event: event}, func(fixture *fixture) {
					f = fixture
					hang = make(chan struct{})
					start := time.Now()
					p, err := f.try(sockettest.Options{Auth: bearing(sign(nil))})
					if event {
						if err != nil {
							t.Fatal(err)
						}
						f.emit(p, "authenticate", bearing(sign(nil)))
						told, _ := f.unauthorized(p)
						if told.Reason != "auth_unavailable" || told.Code != "unavailable" {
							t.Errorf("told %+v", told)
						}
						err = p.Ended(f.ctx)
					}
					if !errors.Is(err, sockettest.ErrClosed) || time.Since(start) != 5*time.Second {
						t.Errorf("got %v after %v, want a closed transport after 5s", err, time.Since(start))
					}
					f.happened("refused auth_unavailable, temporary true")
					close(hang)
					f.happened("refused auth_unavailable, temporary true")
				})
			}
		})
	}
}

// The context of a hook ends at the deadline. The refusal is then the temporary one of the
// deadline, for every result of the hook.
func TestHooksSeeTheDeadline(t *testing.T) {
	final := func(ctx context.Context) error {
		if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) != 5*time.Second {
			t.Errorf("deadline %v, %v", deadline, ok)
		}
		<-ctx.Done()
		return &auth.Error{Message: "final, says the hook"}
	}
	for name, gate := range map[string]auth.Options{
		"Authorize": {Authorize: auth.Check(func(ctx context.Context, _ *token.Token, _ *socketio.Handshake) error { return final(ctx) })},
		"source":    {Sources: []auth.Source{auth.SourceFunc(func(ctx context.Context, _ *socketio.Handshake) (string, error) { return "", final(ctx) })}},
	} {
		t.Run(name, func(t *testing.T) {
			for range 200 {
				bubble(t, setup{gate: gate}, func(f *fixture) {
					if _, err := f.try(sockettest.Options{Auth: bearing(sign(nil))}); !errors.Is(err, sockettest.ErrClosed) {
						t.Fatalf("got %v, want a closed transport", err)
					}
				})
			}
		})
	}
}

func TestKeyServerDownIsTemporary(t *testing.T) {
	down := verifierOf(t, token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) {
		return token.Key{}, errors.New("dial tcp 10.0.0.7:443: connection refused")
	}), token.Options{})
	bubble(t, setup{verifier: down}, func(f *fixture) {
		if _, err := f.try(sockettest.Options{Auth: bearing(sign(nil))}); !errors.Is(err, sockettest.ErrClosed) {
			t.Errorf("got %v, want a closed transport", err)
		}
	})
	var w wire
	bubble(t, setup{verifier: down, event: true, mode: auth.EventOptions{Attempts: 3}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Trace: w.trace})
		f.emit(p, "authenticate", bearing(sign(nil)))
		begun := time.Now()
		if err := p.Ended(f.ctx); !errors.Is(err, sockettest.ErrClosed) {
			t.Errorf("ended with %v", err)
		}
		took := time.Since(begun)
		if took < 500*time.Millisecond || took > 1500*time.Millisecond {
			t.Errorf("the transport closed after %v", took)
		}
		told := fmt.Sprintf(`"id":"*","temporary":true,"retryAfter":%.0f}`, math.Ceil(took.Seconds()))
		w.want(t, `0{"sid":"*"}`, strings.Replace(
			unauthorizedEvent(0, "authentication unavailable", "invalid_secret", "keys_unavailable"), `"id":"*"}`, told, 1))
	})
}
