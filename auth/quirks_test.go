package auth_test

// The quirks of the npm package socketio-jwt 4.6.2, and what is here instead. Each has
// its test: these are Q1 to Q8, and quirks_identity_test.go, quirks_keys_test.go and
// quirks_wiring_test.go have the rest.

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
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

// A socket was in its namespace, and heard broadcasts, before it logged in. Ours is held
// outside: it hears nothing, is seen by nothing, and what it says reaches nobody.
func TestQ1HeldSocketIsOutside(t *testing.T) {
	bubble(t, setup{event: true}, func(f *fixture) {
		inside := f.dial(sockettest.Options{})
		f.login(inside, sign(claims{"sub": "bob"}))
		p := f.dial(sockettest.Options{})
		synctest.Wait()

		if got := f.io.Sockets(); len(got) != 1 || got[0].ID() != inside.ID() {
			t.Errorf("listed: %v", got)
		}
		if got, _ := f.io.FetchSockets(f.ctx); len(got) != 1 {
			t.Errorf("fetched: %v", got)
		}
		_ = f.io.Emit("news")
		_ = f.io.To(p.ID()).Emit("news")
		_ = f.io.To("lobby").Emit("news")
		_ = f.io.SocketsJoin("vip")
		_ = f.io.To("vip").Emit("news")
		f.emit(p, "say", "early")
		f.nothing(p)
		f.happened("connected bob")
		if got := inside.Events(); len(got) != 3 {
			t.Errorf("the socket inside got %q", got)
		}

		f.login(p, sign(nil))
		f.nothing(p) // what was said before is not said again
		f.happened("connected bob", "connected ada", "event say")
		_ = f.io.To("vip").Emit("news")
		f.nothing(p)
		_ = f.io.To("lobby").Emit("news")
		f.expect(p, "news")
	})
}

// The first "authenticate" stopped the deadline, whatever it carried, and the socket stayed.
// Ours runs until success, whatever the peer sends.
func TestQ2FirstAuthenticateDoesNotStopTheDeadline(t *testing.T) {
	junk := func(f *fixture, p *sockettest.Peer) {
		for range 40 {
			time.Sleep(100 * time.Millisecond)
			_ = p.Emit("authenticate", bearing("junk"))
		}
	}
	for name, c := range map[string]struct {
		mode auth.EventOptions
		send func(f *fixture, p *sockettest.Peer)
	}{
		"silence":      {auth.EventOptions{}, nil},
		"other events": {auth.EventOptions{DropEarly: true}, func(f *fixture, p *sockettest.Peer) { f.emit(p, "hello") }},
		"bad attempts": {auth.EventOptions{Attempts: 1000}, junk},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{event: true, mode: c.mode}, func(f *fixture) {
				start := time.Now()
				p := f.dial(sockettest.Options{})
				if c.send != nil {
					c.send(f, p)
				}
				for {
					told, e := f.unauthorized(p)
					if told.Reason == "token_malformed" {
						continue
					}
					want := refusal{"authentication timeout", "credentials_required", "UnauthorizedError", "auth_timeout", told.ID}
					if told != want || !e.WantsAck() || time.Since(start) != 5*time.Second {
						t.Errorf("told %+v after %v, want %+v after 5s", told, time.Since(start), want)
					}
					break
				}
				_ = p.Emit("authenticate", bearing(sign(nil))) // too late
				f.ended(p, sockettest.ErrDisconnected, 2*time.Second)
				f.happened()
			})
		})
	}
}

// refusedInBothModes shows what a peer has to show, by each mode, and expects a refusal
// of which nothing is left: no handler ran, the socket is gone, and the server is there.
func refusedInBothModes(t *testing.T, s setup, show func() sockettest.Options, want ...string) {
	t.Helper()
	for _, event := range []bool{false, true} {
		s.event = event
		bubble(t, s, func(f *fixture) {
			var told refusal
			if opts := show(); event {
				payload := opts.Auth
				opts.Auth = nil
				p := f.dial(opts)
				f.emit(p, "authenticate", payload)
				told, _ = f.unauthorized(p)
				f.ended(p, sockettest.ErrDisconnected, 2*time.Second)
			} else {
				told = f.refused(opts)
			}
			if !slices.Contains(want, told.Reason) {
				t.Errorf("event mode %t: told %+v, want %q", event, told, want)
			}
			f.happened()
			if _, err := f.try(sockettest.Options{Namespace: "/nowhere"}); err == nil || errors.Is(err, sockettest.ErrClosed) {
				t.Errorf("the server is gone: %v", err)
			}
		})
	}
}

// A secret function that answered neither an error nor a secret, or a hook that failed
// with nothing, was no refusal at all. Ours refuses each.
func TestQ3NothingIsNoSuccess(t *testing.T) {
	show := func() sockettest.Options { return sockettest.Options{Auth: bearing(sign(nil))} }
	key := func(err error) *token.Verifier {
		return verifierOf(t, token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) { return token.Key{}, err }), token.Options{})
	}
	var nothing *auth.Error // which is an error all the same, as an interface
	refusedInBothModes(t, setup{verifier: key(nil)}, show, "token_signature")
	refusedInBothModes(t, setup{verifier: key(nothing)}, show, "not_authorized")
	var refused record
	heard := func(_ context.Context, _ *socketio.Socket, e *auth.Error) {
		refused.add(fmt.Sprint(errors.Is(e, token.ErrExpired), e.Err))
	}
	for _, err := range []error{nothing, fmt.Errorf("wrapped: %w", nothing)} {
		refusedInBothModes(t, setup{gate: auth.Options{OnRefuse: heard, Authorize: userName.By(func(context.Context, *token.Token, *socketio.Handshake) (string, error) {
			return "a user", err
		})}}, show, "not_authorized")
		refusedInBothModes(t, setup{gate: auth.Options{OnRefuse: heard, Sources: []auth.Source{auth.SourceFunc(func(context.Context, *socketio.Handshake) (string, error) {
			return sign(nil), err
		})}}}, show, "not_authorized")
	}
	want := append(slices.Repeat([]string{"false auth: refused"}, 4), slices.Repeat([]string{"false wrapped: auth: refused"}, 4)...)
	if !slices.Equal(refused.lines, want) {
		t.Errorf("OnRefuse heard %q, want %q", refused.lines, want)
	}
}

// `secret: ”` was taken, and then `alg: none` with an empty signature was a good token.
// With us an empty secret is an error, and unsigned tokens do not exist.
func TestQ4EmptySecretLetsNobodyIn(t *testing.T) {
	for _, key := range []token.Key{token.Secret(""), token.SecretBytes(nil), token.SecretBase64(""), {}} {
		for _, opts := range []token.Options{{}, {InsecureShortSecret: true}} {
			if _, err := token.NewVerifier(key, opts); !errors.Is(err, token.ErrKey) {
				t.Errorf("NewVerifier with an empty secret: %v", err)
			}
		}
		v := verifierOf(t, token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) { return key, nil }),
			token.Options{InsecureShortSecret: true, InsecureNoExpiry: true})
		for _, alg := range []string{"none", "None", "nOnE", "", "HS256"} {
			signed := signWith("", map[string]any{"alg": alg, "typ": "JWT"}, claims{"sub": "ada"})
			bare := signed[:strings.LastIndex(signed, ".")+1]
			for _, compact := range []string{signed, bare} {
				refusedInBothModes(t, setup{verifier: v}, func() sockettest.Options { return sockettest.Options{Auth: bearing(compact)} },
					"token_unsigned", "token_signature", "token_algorithm", "token_header", "token_malformed")
			}
		}
	}
}

// With a secret function a payload that was no JSON ended the process, and that function
// got null for one that was null. Ours finds no claims, which is an error to pass on.
func TestQ5OddPayloadsEndNothing(t *testing.T) {
	v := verifierOf(t, token.KeyFunc(func(_ context.Context, u token.Unverified) (token.Key, error) {
		var c claims
		err := u.Claims(&c)
		if (err == nil) != (string(u.RawClaims()) == `{}`) {
			t.Errorf("claims %v of %s, error %v", c, u.RawClaims(), err)
		}
		return token.Secret(secret), err
	}), token.Options{})
	encode := base64.RawURLEncoding.EncodeToString
	for _, payload := range []string{`{"sub":`, ``, `null`, `[]`, `"ada"`, `7`, "\xff\xfe", `{"a":1}{}`} {
		for _, header := range []string{`{"typ":"JWT","alg":"HS256"}`, `{"alg":"HS256"}`} {
			compact := encode([]byte(header)) + "." + encode([]byte(payload)) + ".c2ln"
			refusedInBothModes(t, setup{verifier: v}, func() sockettest.Options { return sockettest.Options{Auth: bearing(compact)} }, "token_malformed")
		}
	}
	for _, header := range []string{`null`, `[]`, `{"alg":null}`, `{"alg":{}}`, `{`, ``} {
		compact := encode([]byte(header)) + "." + encode([]byte(`{}`)) + ".c2ln"
		refusedInBothModes(t, setup{verifier: v}, func() sockettest.Options { return sockettest.Options{Auth: bearing(compact)} },
			"token_malformed", "token_header", "token_unsigned")
	}
}

// `cookie` without a parser of cookies on the request ended the process. Ours parses them
// itself, and takes what it finds there as it is.
func TestQ6CookiesNeedNoParser(t *testing.T) {
	gate := auth.Options{Sources: []auth.Source{auth.FromCookie("jwt")}}
	for _, header := range []http.Header{nil, {"Cookie": {""}}, {"Cookie": {"jwt"}}, {"Cookie": {";;=;jwt"}}, {"Cookie": {`"jwt="x`}}, {"Cookie": {"a=b", "c"}}} {
		refusedInBothModes(t, setup{gate: gate}, func() sockettest.Options { return sockettest.Options{Header: header} }, "token_missing", "token_malformed")
	}
	for _, event := range []bool{false, true} {
		bubble(t, setup{gate: gate, event: event}, func(f *fixture) {
			p := f.dial(sockettest.Options{Header: http.Header{"Cookie": {"a=b; jwt=" + sign(nil)}}})
			if event {
				f.emit(p, "authenticate")
				f.expect(p, "authenticated")
			}
			if got := f.whoami(p); got != "ada" {
				t.Errorf("whoami: %q", got)
			}
		})
	}
}

// `?token=a&token=b` with a secret function ended the process. With us a token that is
// shown twice is refused.
func TestQ7TokenTwiceInTheQuery(t *testing.T) {
	v := verifierOf(t, token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) { return token.Secret(secret), nil }), token.Options{})
	gate := auth.Options{Sources: []auth.Source{auth.FromQuery("token")}}
	for _, twice := range [][]string{{"a", "b"}, {sign(nil), sign(nil)}, {"", ""}} {
		refusedInBothModes(t, setup{verifier: v, gate: gate}, func() sockettest.Options {
			return sockettest.Options{Query: url.Values{"token": twice}}
		}, "token_conflict")
	}
	// Of another name, as qs would read it, is another one.
	refusedInBothModes(t, setup{verifier: v, gate: gate}, func() sockettest.Options {
		return sockettest.Options{Query: url.Values{"token[]": {"a"}, "token[x]": {"b"}}}
	}, "token_missing")
}

// A secret function that threw, or rejected, ended the process; one that never answered
// left the peer without an answer. Ours refuses the peer in time.
func TestQ8SecretFunctionThatFails(t *testing.T) {
	for name, fails := range map[string]func(ctx context.Context) (token.Key, error){
		"panics": func(context.Context) (token.Key, error) { panic("no database") },
		"panics by nil": func(context.Context) (token.Key, error) {
			var keys map[string]func() token.Key
			return keys["a"](), nil
		},
		"fails":   func(context.Context) (token.Key, error) { return token.Key{}, errors.New("no database") },
		"waits":   func(ctx context.Context) (token.Key, error) { <-ctx.Done(); return token.Key{}, ctx.Err() },
		"is late": func(context.Context) (token.Key, error) { time.Sleep(time.Hour); return token.Secret(secret), nil },
	} {
		v := verifierOf(t, token.KeyFunc(func(ctx context.Context, _ token.Unverified) (token.Key, error) { return fails(ctx) }), token.Options{})
		t.Run(name, func(t *testing.T) {
			for _, event := range []bool{false, true} {
				bubble(t, setup{verifier: v, event: event}, func(f *fixture) {
					start, compact := time.Now(), sign(nil)
					var err error
					if event {
						p := f.dial(sockettest.Options{})
						f.emit(p, "authenticate", bearing(compact))
						f.unauthorized(p)
						err = p.Ended(f.ctx)
					} else {
						_, err = f.try(sockettest.Options{Auth: bearing(compact)})
					}
					if err == nil || time.Since(start) > 5*time.Second {
						t.Errorf("ended by %v after %v", err, time.Since(start))
					}
					time.Sleep(2 * time.Hour)
					f.happened()
				})
			}
		})
	}
}
