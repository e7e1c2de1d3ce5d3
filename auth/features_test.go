package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
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

// These tests do what programs did with the npm packages socketio-jwt and
// @thream/socketio-jwt, in both modes.

// tenant is the key under which a program stores the tenant of a guest's request.
var tenant = socketio.NewKey[string]()

// A key function chooses by the request, the header and the payload, in both modes and when
// a guest logs in later. In the last case the request has only what the socket keeps.
func TestKeyFuncSeesTheRequest(t *testing.T) {
	var f *fixture
	v := verifierOf(t, token.KeyFunc(func(ctx context.Context, u token.Unverified) (token.Key, error) {
		s := socketio.FromContext(ctx)
		h := s.Handshake()
		of := h.Header.Get("X-Tenant")
		if of == "" {
			of, _ = tenant.Value(s)
		}
		var claimed string
		if err := u.Claim("tenant", &claimed); err != nil {
			return token.Key{}, err
		}
		f.ran.add(fmt.Sprint("asked for ", claimed, " of ", of, ", ", u.Header.KeyID, ", ", h.RemoteAddr != "", " ", h.Path, " ", h.Query().Get("room")))
		if claimed != of || u.Header.KeyID != "k1" {
			return token.Key{}, token.ErrKeyNotFound
		}
		return token.Secret("the secret of " + of + ", long enough for HS256"), nil
	}), token.Options{})
	compact := func(of string) string {
		return signWith("the secret of "+of+", long enough for HS256", map[string]any{"alg": "HS256", "kid": "k1"},
			claims{"sub": "ada", "tenant": of, "exp": time.Now().Add(time.Hour).Unix()})
	}
	came := sockettest.Options{Header: http.Header{"X-Tenant": {"t1"}}, Query: url.Values{"room": {"r"}}}
	for _, event := range []bool{false, true} {
		bubble(t, setup{event: event, verifier: v}, func(fixture *fixture) {
			f = fixture
			if event {
				p := f.dial(came)
				f.login(p, compact("t1"))
				f.whoami(p)
				p = f.dial(came)
				f.emit(p, "authenticate", bearing(compact("t2")))
				f.unauthorized(p)
			} else {
				with := came
				with.Auth = bearing(compact("t1"))
				f.whoami(f.dial(with))
				with.Auth = bearing(compact("t2"))
				f.refused(with)
			}
			f.happened("asked for t1 of t1, k1, true /socket.io/ r", "connected ada", "asked for t2 of t1, k1, true /socket.io/ r")
		})
		keep := func(_ context.Context, s *socketio.Socket) error {
			tenant.Set(s, s.Handshake().Header.Get("X-Tenant"))
			return nil
		}
		bubble(t, setup{event: event, verifier: v, gate: auth.Options{Guests: &auth.GuestOptions{}}, furnish: func(f *fixture) { f.srv.OnConnect(keep) }}, func(fixture *fixture) {
			f = fixture
			p := f.dial(came)
			f.whoami(p)
			time.Sleep(time.Hour)
			f.login(p, compact("t1"))
			f.happened("connected guest", "asked for t1 of t1, k1, true /socket.io/ ")
		})
	}
}

// When a guest logs in, the sources get everything of its request that the socket keeps.
func TestSourcesSeeWhatIsLeftOfAGuestsRequest(t *testing.T) {
	var seen *socketio.Handshake
	source := auth.SourceFunc(func(ctx context.Context, h *socketio.Handshake) (string, error) {
		seen = h
		return auth.FromAuth("token").Find(ctx, h)
	})
	bubble(t, setup{gate: auth.Options{Guests: &auth.GuestOptions{}, Sources: []auth.Source{source}}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Header: http.Header{"Origin": {"http://server"}}, Query: url.Values{"a": {"b"}}})
		f.whoami(p)
		f.login(p, sign(nil))
		kept := reflect.ValueOf(f.srv.Sockets()[0].Handshake()).Elem()
		for i, field := range reflect.VisibleFields(kept.Type()) {
			if field.Name == "Auth" || !field.IsExported() {
				continue
			}
			if got, want := reflect.ValueOf(seen).Elem().Field(i).Interface(), kept.Field(i).Interface(); !reflect.DeepEqual(got, want) {
				t.Errorf("%s is %v, and the socket has %v", field.Name, got, want)
			}
		}
		if len(seen.Auth) == 0 || len(seen.Query()) != 0 {
			t.Errorf("auth payload %s, query %v", seen.Auth, seen.Query())
		}
	})
}

// A namespace uses its own gate, and a dynamic namespace the gate of its rule. A token for
// one gate is refused by the others.
func TestEachNamespaceHasItsOwnGate(t *testing.T) {
	gateFor := func(audience string) *auth.Gate {
		return newGate(t, verifierOf(t, token.Secret(secret), token.Options{Audiences: []string{audience}}), auth.Options{})
	}
	bubble(t, setup{furnish: func(f *fixture) {
		f.furnish(f.srv.Of("/admin"), gateFor("admin").Event(auth.EventOptions{}))
		f.furnish(f.srv.OfPattern(regexp.MustCompile(`/room-\d+`)), gateFor("rooms").Handshake)
		f.furnish(f.srv.OfPattern(regexp.MustCompile(`/desk-\d+`)), gateFor("desks").Event(auth.EventOptions{}))
	}}, func(f *fixture) {
		compact := func(audience string) string { return sign(claims{"aud": audience, "sub": "ada of " + audience}) }
		p := f.dial(sockettest.Options{Auth: bearing(sign(nil))})
		join := func(name, audience string) (*sockettest.Peer, error) {
			return p.Join(f.ctx, name, bearing(compact(audience)))
		}
		for _, name := range []string{"/room-1", "/room-2"} {
			for _, other := range []string{"admin", "desks", "mail"} {
				if _, err := join(name, other); err == nil {
					t.Errorf("%s let in a token for %s", name, other)
				}
			}
			room, err := join(name, "rooms")
			if err != nil || f.whoami(room) != "ada of rooms" {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, own := range map[string]string{"/admin": "admin", "/desk-1": "desks", "/desk-2": "desks"} {
			outside, err := join(name, own) // the token is not read
			if err != nil {
				t.Fatal(err)
			}
			f.emit(outside, "authenticate", bearing(compact("rooms")))
			if told, _ := f.unauthorized(outside); told.Reason != "token_audience" {
				t.Errorf("%s told %+v", name, told)
			}
			f.ended(outside, sockettest.ErrDisconnected, 2*time.Second)
			inside, err := join(name, own)
			if err != nil {
				t.Fatal(err)
			}
			f.login(inside, compact(own))
			if got := f.whoami(inside); got != "ada of "+own {
				t.Errorf("%s: whoami: %q", name, got)
			}
		}
		if got := f.whoami(p); got != "ada" {
			t.Errorf("whoami: %q", got)
		}
	})
}

// The result of Authorize is the user, also for a guest that logs in later. A token that
// Authorize refuses does not give a lease.
func TestAuthorizeOfALaterLogin(t *testing.T) {
	gate := auth.Options{Guests: &auth.GuestOptions{Attempts: 2}, Authorize: userName.By(func(_ context.Context, tok *token.Token, h *socketio.Handshake) (string, error) {
		if tok.Subject == "mallory" || h.RemoteAddr == "" {
			return "", &auth.Error{Message: "banned", Code: "banned"}
		}
		return strings.ToUpper(tok.Subject), nil
	})}
	for _, event := range []bool{false, true} {
		bubble(t, setup{event: event, gate: gate, furnish: func(f *fixture) {
			f.srv.Handle("user", func(ctx context.Context, _ *socketio.Socket, _ *socketio.Event) error {
				f.ran.add(fmt.Sprintf("user %q", userName.From(ctx)))
				return nil
			})
		}}, func(f *fixture) {
			p := f.dial(sockettest.Options{})
			f.emit(p, "user")
			f.emit(p, "authenticate", bearing(sign(claims{"sub": "mallory"})))
			if told, _ := f.unauthorized(p); told.Message != "banned" || told.Code != "banned" {
				t.Errorf("told %+v", told)
			}
			f.emit(p, "user")
			synctest.Wait()
			f.login(p, sign(nil))
			f.emit(p, "user")
			if got := f.ran.all(); !slices.Equal(got, []string{"connected guest", `user ""`, `user ""`, `user "ADA"`}) {
				t.Errorf("on the server ran %q", got)
			}
		})
	}
}
