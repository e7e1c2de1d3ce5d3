package auth_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// A socket that becomes a guest leaves every room and loses token, user and values before it
// receives anything else. It has the same ID, and may log in again.
func TestBecomeGuest(t *testing.T) {
	value := socketio.NewKey[string]()
	gate := auth.Options{
		AtExpiry: auth.BecomeGuest,
		Guests: &auth.GuestOptions{OnExpiry: func(ctx context.Context, s *socketio.Socket) {
			_, kept := value.Value(s)
			_ = s.Emit("expired", subject(ctx), userName.From(ctx), kept, len(s.Rooms()), auth.Current(s) == nil)
			_ = s.Join("lobby of guests")
		}},
		Authorize: userName.By(func(context.Context, *token.Token, *socketio.Handshake) (string, error) { return "user", nil }),
	}
	for _, event := range []bool{false, true} {
		bubble(t, setup{gate: gate, event: event, furnish: func(f *fixture) {
			f.srv.Handle("private", func(_ context.Context, s *socketio.Socket, _ *socketio.Event) error {
				value.Set(s, "of ada")
				return s.Join("ada", "staff")
			})
		}}, func(f *fixture) {
			p := f.dial(sockettest.Options{Auth: bearing(expiring(time.Minute))})
			if event {
				f.login(p, expiring(time.Minute))
			}
			f.emit(p, "private")
			synctest.Wait()
			s := f.srv.Sockets()[0]
			time.Sleep(time.Minute)
			_ = f.srv.To("ada", "staff", "lobby").Emit("secret")
			if told, e := f.unauthorized(p); told.Reason != "token_expired" || !e.WantsAck() {
				t.Errorf("told %+v", told)
			}
			var who, user string
			var kept, none bool
			var rooms int
			f.expect(p, "expired", &who, &user, &kept, &rooms, &none)
			if who != "guest" || user != "" || kept || rooms != 1 || !none {
				t.Errorf("the guest is %q, user %q, kept values %t, in %d rooms, without lease %t", who, user, kept, rooms, none)
			}
			f.lists("guest / ")
			_ = f.srv.To("ada", "staff", "lobby").Emit("secret")
			_ = f.srv.To("lobby of guests").Emit("hello")
			f.expect(p, "hello")
			if got := f.whoami(p); got != "guest" || f.srv.Sockets()[0] != s {
				t.Errorf("whoami: %q", got)
			}
			if st := f.gate.Stats(); st.Guests != 1 || st.Leased != 0 || st.Expired != 1 {
				t.Errorf("figures %+v", st)
			}
			time.Sleep(time.Hour) // a guest has no end
			f.login(p, expiring(time.Minute))
			if got := f.whoami(p); got != "ada" {
				t.Errorf("whoami: %q", got)
			}
			f.lists("running /ada ")
			f.unauthorized(p)
			f.expect(p, "expired")
			f.nothing(p)
			_ = p.Close()
			f.forgotten()
		})
	}
}

// The context of a handler ends with the lease, and its cause is the refusal. A handler that
// still runs cannot make the guest join a room, and its values are not the guest's.
func TestHandlerBeyondItsLease(t *testing.T) {
	value := socketio.NewKey[string]()
	gate := auth.Options{AtExpiry: auth.BecomeGuest, Guests: guests(true)}
	bubble(t, setup{gate: gate, furnish: func(f *fixture) {
		f.srv.Handle("slow", func(ctx context.Context, s *socketio.Socket, _ *socketio.Event) error {
			<-ctx.Done()
			var cause *auth.Error
			f.ran.add(fmt.Sprint(subject(ctx), " ended: ", errors.As(context.Cause(ctx), &cause) && cause.Reason == auth.ReasonTokenExpired))
			time.Sleep(2 * time.Second)
			value.Set(s, "of ada")
			f.ran.add(fmt.Sprint("join: ", s.Join("staff"), ", emit: ", s.Emit("late")))
			return nil
		})
		f.srv.Handle("after", func(ctx context.Context, s *socketio.Socket, _ *socketio.Event) error {
			_, kept := value.Value(s)
			f.ran.add(fmt.Sprint("after: ", subject(ctx), ", ", kept, ", ", len(s.Rooms()), " rooms"))
			return nil
		})
	}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(expiring(time.Minute))})
		f.emit(p, "slow")
		f.emit(p, "waits") // behind the slow one, so it is dropped
		time.Sleep(time.Minute + time.Second)
		f.lists("ending /ada ")
		f.unauthorized(p)
		f.emit(p, "after")
		f.happened("connected ada", "ada ended: true", "join: "+socketio.ErrClosed.Error()+", emit: "+socketio.ErrClosed.Error(), "after: guest, false, 1 rooms")
		f.nothing(p)
	})
	// A handler that does not return in time costs the connection.
	bubble(t, setup{gate: gate, furnish: func(f *fixture) {
		f.srv.Handle("deaf", func(context.Context, *socketio.Socket, *socketio.Event) error { time.Sleep(time.Hour); return nil })
	}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(expiring(time.Minute))})
		f.emit(p, "deaf")
		f.ended(p, sockettest.ErrClosed, time.Minute+5*time.Second)
		if told, _ := f.unauthorized(p); told.Reason != "token_expired" {
			t.Errorf("told %+v", told)
		}
		f.forgotten()
		time.Sleep(time.Hour) // until the handler returns
	})
}

// A hook of a lease that has ended is waited for as a handler is: what it does does not concern
// the guest, and the peer is not told that it is authenticated.
func TestHookBeyondItsLease(t *testing.T) {
	value := socketio.NewKey[string]()
	for _, hook := range []string{"OnLogin", "OnRefresh", "Authorize"} {
		var f *fixture
		slow := func(name string, s *socketio.Socket) {
			if name == hook {
				time.Sleep(2 * time.Second)
				value.Set(s, "of ada")
				f.ran.add(fmt.Sprint(name, " joins: ", s.Join("ada")))
			}
		}
		gate := auth.Options{
			AtExpiry: auth.BecomeGuest,
			Guests: &auth.GuestOptions{
				OnLogin: func(_ context.Context, s *socketio.Socket) { slow("OnLogin", s) },
				OnExpiry: func(ctx context.Context, s *socketio.Socket) {
					_, kept := value.Value(s)
					f.ran.add(fmt.Sprint("OnExpiry: ", subject(ctx), ", ", kept, ", ", len(s.Rooms()), " rooms"))
				},
			},
			OnRefresh: func(_ context.Context, s *socketio.Socket, _ *auth.Lease) { slow("OnRefresh", s) },
			Authorize: auth.Check(func(ctx context.Context, tok *token.Token, _ *socketio.Handshake) error {
				if tok.ID == "slow" {
					<-ctx.Done()
					slow("Authorize", socketio.FromContext(ctx))
				}
				return nil
			}),
		}
		bubble(t, setup{gate: gate, furnish: func(made *fixture) { f = made }}, func(*fixture) {
			// The examination of a token ends with the lease before.
			first, shown := "ada", sign(claims{"jti": "slow"})
			if hook != "Authorize" {
				shown = expiring(time.Second)
			}
			opts := sockettest.Options{Auth: bearing(expiring(time.Second))}
			if hook == "OnLogin" {
				first, opts.Auth = "guest", nil
			}
			p := f.dial(opts)
			go func() { _, _ = p.EmitWithAck(f.ctx, "authenticate", bearing(shown)) }()
			time.Sleep(1500 * time.Millisecond)
			f.nothing(p)
			f.unauthorized(p)
			f.happened("connected "+first, hook+" joins: "+socketio.ErrClosed.Error(), "OnExpiry: guest, false, 1 rooms")
			if got := f.whoami(p); got != "guest" {
				t.Errorf("whoami: %q", got)
			}
			f.nothing(p)
			_ = p.Close()
			f.forgotten()
		})
	}
}

// A peer that logs in as soon as it hears of the end of its lease does so after OnExpiry.
func TestLoginDuringOnExpiry(t *testing.T) {
	var f *fixture
	gate := auth.Options{AtExpiry: auth.BecomeGuest, Guests: &auth.GuestOptions{
		OnExpiry: func(ctx context.Context, _ *socketio.Socket) {
			time.Sleep(time.Second)
			f.ran.add("OnExpiry of " + subject(ctx))
		},
		OnLogin: func(ctx context.Context, _ *socketio.Socket) { f.ran.add("OnLogin of " + subject(ctx)) },
	}}
	bubble(t, setup{gate: gate, furnish: func(made *fixture) { f = made }}, func(*fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(expiring(time.Minute))})
		f.unauthorized(p)
		f.login(p, sign(nil))
		f.happened("connected ada", "OnExpiry of guest", "OnLogin of ada")
	})
}

// A lease that ends while a middleware after the gate runs ends the socket, because there is no
// guest yet.
func TestBecomeGuestBeforeTheAdmission(t *testing.T) {
	bubble(t, setup{gate: auth.Options{AtExpiry: auth.BecomeGuest, Guests: guests(true)}, furnish: func(f *fixture) {
		f.srv.Use(func(context.Context, *socketio.Socket) error { time.Sleep(time.Minute); return nil })
	}}, func(f *fixture) {
		ctx, cancel := context.WithTimeout(f.ctx, time.Hour)
		defer cancel()
		_, err := sockettest.Dial(ctx, "http://server", sockettest.Options{NetDial: f.in.Dial, Auth: bearing(expiring(time.Second))})
		if !errors.Is(err, sockettest.ErrClosed) {
			t.Errorf("got %v", err)
		}
		time.Sleep(time.Hour)
		f.happened()
		f.forgotten()
	})
}
