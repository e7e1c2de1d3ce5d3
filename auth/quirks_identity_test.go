package auth_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// npm: the secret function got unverified claims, and looked a secret up in an object by them,
// in which `constructor` was found. Here their type says that they are unverified, a lookup
// reports missing keys, and a token is good only with the secret of its own account.
func TestQ9ClaimsOfTheSecretFunctionAreUnverified(t *testing.T) {
	secrets := map[string]token.Key{
		"ada": token.Secret("the secret of ada, long enough for HS256"),
		"bob": token.Secret("the secret of bob, long enough for HS256"),
	}
	v := verifierOf(t, token.KeyFunc(func(_ context.Context, u token.Unverified) (token.Key, error) {
		var id string
		if err := u.Claim("id", &id); err != nil {
			return token.Key{}, err
		}
		key, ok := secrets[id]
		if !ok {
			return token.Key{}, token.ErrKeyNotFound
		}
		return key, nil
	}), token.Options{})
	by := func(key, id string) string {
		return signWith(key, map[string]any{"alg": "HS256"}, claims{"id": id, "sub": id, "exp": time.Now().Add(time.Hour).Unix()})
	}
	for _, id := range []string{"constructor", "__proto__", "toString", "hasOwnProperty", "", "eve"} {
		for _, key := range []string{"", "undefined", "the secret of ada, long enough for HS256"} {
			refusedInBothModes(t, setup{verifier: v}, func() sockettest.Options { return sockettest.Options{Auth: bearing(by(key, id))} }, "token_signature")
		}
	}
	// The secret of one does not open the account of another.
	for _, c := range [][2]string{{"ada", "bob"}, {"bob", "ada"}} {
		refusedInBothModes(t, setup{verifier: v}, func() sockettest.Options {
			return sockettest.Options{Auth: bearing(by("the secret of "+c[0]+", long enough for HS256", c[1]))}
		}, "token_signature")
	}
	bubble(t, setup{verifier: v}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(by("the secret of bob, long enough for HS256", "bob"))})
		if got := f.whoami(p); got != "bob" {
			t.Errorf("whoami: %q", got)
		}
	})
}

// npm: each "authenticate" ran everything again, and could change the user of a socket. Here it
// is idempotent: handlers run once, and the lease and the user stay.
func TestQ10AuthenticateAgainIsIdempotent(t *testing.T) {
	var hooks record
	gate := auth.Options{
		Authorize: userName.By(func(_ context.Context, tok *token.Token, _ *socketio.Handshake) (string, error) {
			hooks.add("authorize " + tok.Subject)
			return tok.ID, nil
		}),
		OnRefuse: func(_ context.Context, _ *socketio.Socket, e *auth.Error) { hooks.add("refuse " + string(e.Reason)) },
	}
	for _, event := range []bool{false, true} {
		hooks = record{}
		bubble(t, setup{event: event, gate: gate}, func(f *fixture) {
			first := sign(nil)
			p := f.dial(sockettest.Options{Auth: bearing(first)})
			if event {
				f.login(p, first)
			}
			synctest.Wait()
			lease := auth.Current(f.srv.Sockets()[0])

			f.login(p, first)
			f.login(p, sign(claims{"jti": "fresh", "exp": time.Now().Add(2 * time.Hour).Unix()}))
			for reason, compact := range map[string]string{
				"subject_changed": sign(claims{"sub": "mallory"}),
				"token_malformed": "junk",
				"token_expired":   expiring(-time.Second),
			} {
				f.emit(p, "authenticate", bearing(compact))
				if told, e := f.unauthorized(p); told.Reason != reason {
					t.Errorf("told %+v, want %s", told, reason)
				} else {
					_ = e.Ack() // does not end the socket
				}
			}
			if got := f.whoami(p); got != "ada" {
				t.Errorf("whoami: %q", got)
			}
			if auth.Current(f.srv.Sockets()[0]) != lease {
				t.Error("another lease")
			}
			f.happened("connected ada")
			got := hooks.all()
			slices.Sort(got)
			want := []string{"authorize ada", "refuse subject_changed", "refuse token_expired", "refuse token_malformed"}
			if !slices.Equal(got, want) {
				t.Errorf("hooks: %q, want %q", got, want)
			}
			start := time.Now()
			f.unauthorized(p) // when the first token expires, not the second
			if took := time.Since(start).Round(time.Minute); took != time.Hour {
				t.Errorf("the lease ended after %v, want 1h", took)
			}
		})
	}
}

// npm: a failed login left the claims of one token beside the text of another one. Here a
// login changes the whole identity in one step, and a failed login changes nothing.
func TestQ11IdentityIsOfOneToken(t *testing.T) {
	gate := auth.Options{KeepEncoded: true, Guests: &auth.GuestOptions{Attempts: 3},
		Authorize: userName.By(func(_ context.Context, tok *token.Token, _ *socketio.Handshake) (string, error) {
			time.Sleep(time.Second) // so that handlers run in this time
			return tok.Subject, nil
		}),
	}
	bubble(t, setup{gate: gate, event: true, furnish: func(f *fixture) {
		f.srv.Handle("identity", socketio.AckFunc(func(ctx context.Context, s *socketio.Socket, _ struct{}) (string, error) {
			lease := auth.Current(s)
			if lease == nil {
				return fmt.Sprintf("%t %q %q", auth.Token(ctx) == nil, userName.From(ctx), auth.Encoded(ctx)), nil
			}
			return fmt.Sprintf("%t %v %t %q", lease.Token == auth.Token(ctx), userName.From(ctx), lease.Encoded == auth.Encoded(ctx), auth.Encoded(ctx)), nil
		}))
	}}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		is := func(want string) {
			t.Helper()
			answer, err := p.EmitWithAck(f.ctx, "identity")
			var got string
			if err != nil || answer.Scan(&got) != nil || got != want {
				t.Errorf("identity %q, want %q", got, want)
			}
		}
		is(`true "" ""`)
		f.emit(p, "authenticate", bearing(signWith("another secret, just as long as the first", map[string]any{"alg": "HS256"}, claims{"sub": "root"})))
		f.unauthorized(p)
		is(`true "" ""`)
		compact := sign(nil)
		f.emit(p, "authenticate", bearing(compact))
		is(`true "" ""`) // it is being examined
		f.expect(p, "authenticated")
		is(`true ada true "` + compact + `"`)
		for _, other := range []string{sign(claims{"sub": "root"}), "junk", expiring(-time.Minute), sign(claims{"jti": "2"})} {
			f.emit(p, "authenticate", bearing(other))
			is(`true ada true "` + compact + `"`)
		}
	})
}

// npm: a socket could try any number of tokens, of any size and all at once. Here Attempts and
// MaxSize bound them, and one token is examined at a time.
func TestQ12AttemptsAreBounded(t *testing.T) {
	var refused record
	gate := auth.Options{OnRefuse: func(_ context.Context, _ *socketio.Socket, e *auth.Error) { refused.add(string(e.Reason)) }}
	bubble(t, setup{event: true, gate: gate, mode: auth.EventOptions{Attempts: 3}}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for range 2 {
			f.emit(p, "authenticate", bearing("junk"))
			f.unauthorized(p)
		}
		f.login(p, sign(nil))
		f.happened("connected ada")

		p = f.dial(sockettest.Options{})
		for range 3 {
			f.emit(p, "authenticate", bearing("junk"))
			f.unauthorized(p)
		}
		f.emit(p, "authenticate", bearing(sign(nil)))
		f.ended(p, sockettest.ErrDisconnected, 2*time.Second)
		f.happened("connected ada")
		if got := len(refused.all()); got != 5 {
			t.Errorf("OnRefuse ran %d times, want 5", got)
		}
	})
	// One token is examined at a time for each socket, and too large ones are not examined.
	running, most, asked := 0, 0, 0
	v := verifierOf(t, token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) {
		running++
		most, asked = max(most, running), asked+1
		time.Sleep(time.Second)
		running--
		return token.Key{}, token.ErrKeyNotFound
	}), token.Options{})
	bubble(t, setup{event: true, verifier: v, mode: auth.EventOptions{Attempts: 100}}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		f.emit(p, "authenticate", bearing(sign(claims{"pad": strings.Repeat("x", 16<<10)})))
		if told, _ := f.unauthorized(p); told.Reason != "token_too_large" || asked != 0 {
			t.Errorf("told %+v, and asked for %d keys", told, asked)
		}
		for range 50 {
			f.emit(p, "authenticate", bearing(sign(nil)))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if most != 1 || asked > 6 {
			t.Errorf("%d verifications at once and %d in all, want one and those of 5 s", most, asked)
		}
	})
}

// npm: a refusal closed the connection, with all its namespaces. Here it ends only the socket
// of one namespace.
func TestQ13RefusalEndsOnlyOneNamespace(t *testing.T) {
	bubble(t, setup{furnish: func(f *fixture) { f.furnish(f.srv.Of("/admin"), f.gate.Event(auth.EventOptions{})) }}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(sign(nil))})
		admin, err := p.Join(f.ctx, "/admin", nil)
		if err != nil {
			t.Fatal(err)
		}
		f.emit(admin, "authenticate", bearing("junk"))
		f.unauthorized(admin)
		f.ended(admin, sockettest.ErrDisconnected, 2*time.Second)
		if got := f.whoami(p); got != "ada" {
			t.Errorf("whoami: %q", got)
		}
		if admin, err = p.Join(f.ctx, "/admin", nil); err != nil {
			t.Fatal(err)
		}
		f.login(admin, sign(claims{"sub": "root"})) // another identity on the same connection
		if a, b := f.whoami(p), f.whoami(admin); a != "ada" || b != "root" {
			t.Errorf("whoami: %q and %q", a, b)
		}
	})
}

// npm: the first refusal rewrote a negative `callback` in options that others shared. Here the
// options are copied once and never changed.
func TestQ14OptionsAreTheCallers(t *testing.T) {
	sources := []auth.Source{auth.FromAuth("token")}
	bubble(t, setup{gate: auth.Options{Sources: sources}}, func(f *fixture) {
		sources[0] = auth.FromAuth("other")
		f.dial(sockettest.Options{Auth: bearing(sign(nil))})
	})
	shared := auth.Options{Sources: sources}
	mode := auth.EventOptions{Grace: -1, Attempts: 2}
	bubble(t, setup{event: true, gate: shared, mode: mode, furnish: func(f *fixture) {
		second := newGate(t, verifier(t), shared)
		f.furnish(f.srv.Of("/second"), second.Event(mode))
	}}, func(f *fixture) {
		for _, namespace := range []string{"/", "/second", "/"} {
			p := f.dial(sockettest.Options{Namespace: namespace})
			for range 2 {
				f.emit(p, "authenticate", bearing("junk"))
				f.unauthorized(p)
			}
			f.ended(p, sockettest.ErrDisconnected, 0)
		}
	})
	if shared.Timeout != 0 || len(shared.Sources) != 1 {
		t.Errorf("the options are %+v now", shared)
	}
}

// npm: `exp` was checked once, and an expired token worked for days. Here the connection ends:
// the peer gets the reason, and the transport closes, without DISCONNECT.
func TestQ15ExpiredTokenEndsTheConnection(t *testing.T) {
	for _, event := range []bool{false, true} {
		var w wire
		bubble(t, setup{event: event, furnish: func(f *fixture) {
			f.srv.Handle("long", func(ctx context.Context, _ *socketio.Socket, _ *socketio.Event) error {
				<-ctx.Done()
				var e *auth.Error
				var d *socketio.DisconnectError
				f.ran.add(fmt.Sprint("cancelled: ", errors.As(context.Cause(ctx), &d), errors.As(context.Cause(ctx), &e) && e.Reason == auth.ReasonTokenExpired))
				return nil
			})
		}}, func(f *fixture) {
			p := f.dial(sockettest.Options{Auth: bearing(expiring(time.Minute)), Trace: w.trace})
			if event {
				f.login(p, expiring(time.Minute))
			}
			f.emit(p, "long")
			f.ended(p, sockettest.ErrClosed, time.Minute)
			want := []string{`0{"sid":"*"}`, unauthorizedEvent(0, "jwt expired", "invalid_token", "token_expired")}
			if event {
				want = []string{want[0], `2["authenticated"]`, want[1]}
			}
			w.want(t, want...)
			f.happened("connected ada", "cancelled: true true", "disconnected: forced server close")
		})
	}
}
