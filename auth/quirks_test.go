package auth_test

// These tests show what this package does instead of the quirks of the npm package
// socketio-jwt 4.6.2. Each quirk has its test. Here are Q1 to Q8; quirks_identity_test.go,
// quirks_keys_test.go and quirks_wiring_test.go have the rest. "npm" in a comment means that
// package.

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

// npm: a socket was in its namespace, and got broadcasts, before it logged in. Here it is
// held outside: it gets no broadcast, is in no listing, and its events reach no handler.
func TestQ1HeldSocketIsOutside(t *testing.T) {
	bubble(t, setup{event: true}, func(f *fixture) {
		inside := f.dial(sockettest.Options{})
		f.login(inside, sign(claims{"sub": "bob"}))
		p := f.dial(sockettest.Options{})
		synctest.Wait()

		if got := f.srv.Sockets(); len(got) != 1 || got[0].ID() != inside.ID() {
			t.Errorf("listed: %v", got)
		}
		if got, _ := f.srv.FetchSockets(f.ctx); len(got) != 1 {
			t.Errorf("fetched: %v", got)
		}
		_ = f.srv.Emit("news")
		_ = f.srv.To(p.ID()).Emit("news")
		_ = f.srv.To("lobby").Emit("news")
		_ = f.srv.SocketsJoin("vip")
		_ = f.srv.To("vip").Emit("news")
		f.emit(p, "say", "early")
		f.nothing(p)
		f.happened("connected bob")
		if got := inside.Events(); len(got) != 3 {
			t.Errorf("the socket inside got %q", got)
		}

		f.login(p, sign(nil))
		f.nothing(p) // earlier broadcasts are not repeated
		f.happened("connected bob", "connected ada", "event say")
		_ = f.srv.To("vip").Emit("news")
		f.nothing(p)
		_ = f.srv.To("lobby").Emit("news")
		f.expect(p, "news")
	})
}

// npm: the first "authenticate" stopped the deadline, whatever its payload, and the socket
// stayed. Here the deadline runs until the login succeeds, whatever the peer sends.
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

// refusedInBothModes shows a token in each mode and expects a refusal. After it no handler
// has run, the socket has ended, and the server still works.
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

// npm: a socket was not refused if a secret function returned neither an error nor a secret,
// or a hook failed without an error. Here it is refused in each of these cases.
func TestQ3EmptyResultsAreRefused(t *testing.T) {
	show := func() sockettest.Options { return sockettest.Options{Auth: bearing(sign(nil))} }
	key := func(err error) *token.Verifier {
		return verifierOf(t, token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) { return token.Key{}, err }), token.Options{})
	}
	var nothing *auth.Error // in an interface it is not nil, so it is an error
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

// npm: `secret: ”` was accepted, and then `alg: none` with an empty signature was a good
// token. Here an empty secret is an error, and unsigned tokens are always refused.
func TestQ4EmptySecretIsAnError(t *testing.T) {
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

// npm: with a secret function, a payload that was not JSON ended the process, and the function
// got null for a payload null. Here the key function finds no claims, and gets an error that
// it can return.
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

// npm: `cookie` without a cookie parser on the request ended the process. Here the gate parses
// cookies, and does not decode their values.
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

// npm: `?token=a&token=b` with a secret function ended the process. Here a peer that shows a
// token twice is refused.
func TestQ7TokenTwiceInTheQuery(t *testing.T) {
	v := verifierOf(t, token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) { return token.Secret(secret), nil }), token.Options{})
	gate := auth.Options{Sources: []auth.Source{auth.FromQuery("token")}}
	for _, twice := range [][]string{{"a", "b"}, {sign(nil), sign(nil)}, {"", ""}} {
		refusedInBothModes(t, setup{verifier: v, gate: gate}, func() sockettest.Options {
			return sockettest.Options{Query: url.Values{"token": twice}}
		}, "token_conflict")
	}
	// A name that the parser qs would read as "token" is another parameter here.
	refusedInBothModes(t, setup{verifier: v, gate: gate}, func() sockettest.Options {
		return sockettest.Options{Query: url.Values{"token[]": {"a"}, "token[x]": {"b"}}}
	}, "token_missing")
}

// npm: a secret function that threw or rejected ended the process, and one that never answered
// left the peer without an answer. Here the peer is refused at the deadline.
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
