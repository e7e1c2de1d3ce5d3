package auth_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

func TestHandshakeAdmits(t *testing.T) {
	var w wire
	bubble(t, setup{}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(sign(nil)), Trace: w.trace})
		w.want(t, `0{"sid":"*"}`)
		if got := f.whoami(p); got != "ada" {
			t.Errorf("whoami: %q", got)
		}
		f.happened("connected ada")
	})
}

func TestAuthorizeAttachesAUser(t *testing.T) {
	type account struct{ name string }
	user, other := auth.NewUser[*account](), auth.NewUser[*account]()
	for _, event := range []bool{false, true} {
		bubble(t, setup{event: event, gate: auth.Options{
			Authorize: user.By(func(ctx context.Context, tok *token.Token, h *socketio.Handshake) (*account, error) {
				if socketio.FromContext(ctx) == nil || h.Header.Get("X-Tenant") != "t1" {
					t.Errorf("hook without socket or handshake")
				}
				return &account{tok.Subject}, nil
			}),
		}, furnish: func(f *fixture) {
			f.srv.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
				if u := user.From(ctx); u == nil || u.name != "ada" || user.From(s.Context()) != u || auth.Token(ctx) != auth.Current(s).Token {
					t.Errorf("in OnConnect: user %v, lease %v", u, auth.Current(s))
				}
				if u := other.From(ctx); u != nil {
					t.Errorf("another User of the same type has %v", u)
				}
				return nil
			})
			f.srv.Handle("user", socketio.AckFunc(func(ctx context.Context, _ *socketio.Socket, _ struct{}) (string, error) {
				return user.From(ctx).name, nil
			}))
		}}, func(f *fixture) {
			p := f.dial(sockettest.Options{Auth: bearing(sign(nil)), Header: map[string][]string{"X-Tenant": {"t1"}}})
			if event {
				f.login(p, sign(nil))
			}
			answer, err := p.EmitWithAck(f.ctx, "user")
			var name string
			if err != nil || answer.Scan(&name) != nil || name != "ada" {
				t.Errorf("user %q, %v", name, err)
			}
		})
	}
}

func TestHandshakeGuests(t *testing.T) {
	var admitted record
	gate := auth.Options{Guests: &auth.GuestOptions{}, Authorize: userName.By(func(context.Context, *token.Token, *socketio.Handshake) (string, error) { return "Ada", nil })}
	bubble(t, setup{gate: gate, furnish: func(f *fixture) {
		f.srv.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
			admitted.add(fmt.Sprintf("%s %t %q %t", subject(ctx), auth.Token(ctx) == nil, userName.From(ctx), auth.Current(s) == nil))
			return nil
		})
	}}, func(f *fixture) {
		guest := f.dial(sockettest.Options{})
		if got := f.whoami(guest); got != "guest" {
			t.Errorf("whoami: %q", got)
		}
		if got := f.whoami(f.dial(sockettest.Options{Auth: bearing(sign(nil))})); got != "ada" {
			t.Errorf("whoami: %q", got)
		}
		if got := strings.Join(admitted.all(), "; "); got != `guest true "" true; ada false "Ada" false` {
			t.Errorf("OnConnect: %s", got)
		}
		// A peer that shows a bad token is not admitted as a guest.
		for _, payload := range []string{"", "x", expiring(-time.Second)} {
			f.refused(sockettest.Options{Auth: bearing(payload)})
		}
		f.refused(sockettest.Options{Auth: map[string]any{"token": 7}})
		f.refused(sockettest.Options{Header: map[string][]string{"Authorization": {"Basic YTpi"}}})
		time.Sleep(24 * time.Hour) // guests stay
		if got := f.whoami(guest); got != "guest" {
			t.Errorf("whoami: %q", got)
		}
	})
}

// Without Options.Guests no socket is admitted as a guest.
func TestNoGuestsByDefault(t *testing.T) {
	bubble(t, setup{}, func(f *fixture) {
		f.refused(sockettest.Options{})
		f.happened()
	})
}

// A peer that leaves during verification is not counted as refused, and nothing of its socket
// is kept, whether or not the key function heeds its context.
func TestPeerLeavesDuringVerification(t *testing.T) {
	listening := verifierOf(t, token.KeyFunc(func(ctx context.Context, _ token.Unverified) (token.Key, error) {
		<-ctx.Done()
		return token.Key{}, ctx.Err()
	}), token.Options{})
	for range 50 {
		for _, v := range []*token.Verifier{listening, slow(t, 3*time.Second)} {
			for _, event := range []bool{false, true} {
				var hooks record
				bubble(t, setup{event: event, verifier: v, gate: auth.Options{
					OnRefuse: func(_ context.Context, _ *socketio.Socket, e *auth.Error) { hooks.add(string(e.Reason)) },
				}}, func(f *fixture) {
					if event {
						p := f.dial(sockettest.Options{})
						f.emit(p, "authenticate", bearing(sign(nil)))
						synctest.Wait()
						_ = p.Close()
					} else {
						ctx := f.ctx
						short, cancel := context.WithTimeout(ctx, time.Second)
						defer cancel()
						f.ctx = short
						if _, err := f.try(sockettest.Options{Auth: bearing(sign(nil))}); !errors.Is(err, context.DeadlineExceeded) {
							t.Errorf("dial: %v", err)
						}
						f.ctx = ctx
					}
					time.Sleep(time.Minute)
					f.happened()
					if got := hooks.all(); len(got) > 0 {
						t.Fatalf("hooks ran: %q", got)
					}
				})
			}
		}
	}
}

// A middleware after the gate may still refuse the socket. Its lease is then removed.
func TestLaterMiddlewareRefuses(t *testing.T) {
	bubble(t, setup{furnish: func(f *fixture) {
		f.srv.Use(func(ctx context.Context, s *socketio.Socket) error {
			if auth.Token(ctx).Subject != "ada" {
				t.Error("no token in the context of the next middleware")
			}
			return &socketio.Ending{Message: "no"}
		})
	}}, func(f *fixture) {
		_, err := f.try(sockettest.Options{Auth: bearing(sign(nil))})
		var told *sockettest.ConnectError
		if !errors.As(err, &told) || told.Message != "no" {
			t.Errorf("got %v", err)
		}
		f.happened()
	})
}
