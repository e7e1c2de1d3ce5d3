package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// verifierFunc is a custom verifier. It has a field that cannot be compared, because custom
// verifiers may have one.
type verifierFunc func(ctx context.Context, compact string) (*token.Token, error)

func (f verifierFunc) Verify(ctx context.Context, compact string) (*token.Token, error) {
	return f(ctx, compact)
}

// denylist is a verifier that wraps another one, and knows revoked tokens.
type denylist struct {
	auth.Verifier
	revoked map[[32]byte]bool
}

func (d denylist) Verify(ctx context.Context, compact string) (*token.Token, error) {
	t, err := d.Verifier.Verify(ctx, compact)
	if err == nil && d.revoked[t.Hash] {
		return nil, fmt.Errorf("%w by the operator", token.ErrRevoked)
	}
	return t, err
}

func (d denylist) Unwrap() auth.Verifier { return d.Verifier }

// opaque verifies credentials that are not JSON Web Tokens.
func opaque(known map[string]string) verifierFunc {
	return func(_ context.Context, credential string) (*token.Token, error) {
		claims, ok := known[credential]
		if !ok {
			return nil, token.ErrRevoked
		}
		return token.New(credential, []byte(claims), time.Now().Add(time.Minute))
	}
}

func TestNewGateChecksItsVerifier(t *testing.T) {
	for name, v := range map[string]auth.Verifier{
		"nil": nil, "a nil *token.Verifier": (*token.Verifier)(nil), "a nil pointer": (*denylist)(nil), "a nil func": verifierFunc(nil),
	} {
		if _, err := auth.NewGate(v, auth.Options{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A gate with a custom verifier admits the tokens that it accepts, in both modes and for HTTP,
// and the lease ends when the token expires.
func TestOpaqueTokens(t *testing.T) {
	const credential = "an-opaque-token"
	v := opaque(map[string]string{credential: `{"sub":"ada"}`})
	for _, event := range []bool{false, true} {
		bubble(t, setup{verifier: v, event: event}, func(f *fixture) {
			var p *sockettest.Peer
			if event {
				p = f.dial(sockettest.Options{})
				f.login(p, credential)
			} else {
				p = f.dial(sockettest.Options{Auth: bearing(credential)})
			}
			if got := f.whoami(p); got != "ada" {
				t.Errorf("whoami: %q", got)
			}
			f.login(p, credential) // the same holder, by the hash of the credential
			f.emit(p, "authenticate", bearing("another-credential"))
			if told, _ := f.unauthorized(p); told.Reason != "token_revoked" || told.Message != "jwt revoked" || told.Code != "invalid_token" {
				t.Errorf("told %+v", told)
			}
			begun := time.Now()
			if told, _ := f.unauthorized(p); told.Reason != "token_expired" {
				t.Errorf("told %+v", told)
			}
			if took := time.Since(begun); took != time.Minute {
				t.Errorf("the lease ended after %v", took)
			}
			if strings.Contains(f.log.String(), credential) {
				t.Errorf("the credential is in the log: %s", f.log.String())
			}
		})
	}
	r := newRoute(t, v, auth.Options{})
	if _, body := r.ask("GET", "/me", http.Header{"Authorization": {"Bearer " + credential}}); body != "ada  0" {
		t.Errorf("got %q", body)
	}
}

// A token that the verifier should not have returned is refused. The reason is an internal
// error, or that the token has expired.
func TestTokensThatVerifiersMustNotReturn(t *testing.T) {
	ended, err := token.New("x", []byte(`{"sub":"ada","exp":1}`), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	withoutHash := *ended
	withoutHash.Hash = [32]byte{}
	for name, c := range map[string]struct {
		token  *token.Token
		reason string
	}{
		"none":                {nil, "internal_error"},
		"the zero token":      {&token.Token{}, "internal_error"},
		"a literal":           {&token.Token{Subject: "ada"}, "internal_error"},
		"a literal with hash": {&token.Token{Subject: "ada", Hash: [32]byte{1}}, "token_expired"},
		"without a hash":      {&withoutHash, "internal_error"},
		"past its end":        {ended, "token_expired"},
	} {
		t.Run(name, func(t *testing.T) {
			v := verifierFunc(func(context.Context, string) (*token.Token, error) { return c.token, nil })
			for _, event := range []bool{false, true} {
				bubble(t, setup{verifier: v, event: event, mode: auth.EventOptions{Grace: -1}}, func(f *fixture) {
					var told refusal
					if event {
						p := f.dial(sockettest.Options{})
						f.emit(p, "authenticate", bearing("x"))
						told, _ = f.unauthorized(p)
					} else {
						told = f.refused(sockettest.Options{Auth: bearing("x")})
					}
					if told.Reason != c.reason {
						t.Errorf("told %+v", told)
					}
					f.happened()
				})
			}
			r := newRoute(t, v, auth.Options{})
			response, _ := r.ask("GET", "/me", http.Header{"Authorization": {"Bearer x"}})
			if want := map[string]int{"internal_error": 500, "token_expired": 401}[c.reason]; response.StatusCode != want || len(r.ran.lines) > 0 {
				t.Errorf("status %d, ran %q", response.StatusCode, r.ran.lines)
			}
		})
	}
}

// Errors of a verifier that say how to refuse the peer do so. Any other error refuses it
// temporarily.
func TestErrorsOfVerifiers(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		panics bool
		reason string // empty means temporary, so the connection closes
	}{
		"a revoked token":             {fmt.Errorf("%w: by Ada", token.ErrRevoked), false, "token_revoked"},
		"an expired token":            {token.ErrExpired, false, "token_expired"},
		"an Error":                    {fmt.Errorf("x: %w", &auth.Error{Reason: "banned"}), false, "banned"},
		"a temporary Error":           {&auth.Error{Temporary: true}, false, ""},
		"keys":                        {token.ErrKeysUnavailable, false, ""},
		"a database that is down":     {errors.New("connection refused"), false, ""},
		"a configuration":             {token.ErrOptions, false, ""},
		"a deadline of its own":       {context.DeadlineExceeded, false, ""},
		"a panic":                     {nil, true, "internal_error"},
		"a token beside a revocation": {token.ErrRevoked, false, "token_revoked"},
	} {
		t.Run(name, func(t *testing.T) {
			good, err := token.New("x", []byte(`{"sub":"ada"}`), time.Now().Add(1000*time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			v := verifierFunc(func(context.Context, string) (*token.Token, error) {
				if c.panics {
					panic("a secret")
				}
				return good, c.err
			})
			bubble(t, setup{verifier: v}, func(f *fixture) {
				if c.reason != "" {
					if told := f.refused(sockettest.Options{Auth: bearing("x")}); told.Reason != c.reason {
						t.Errorf("told %+v", told)
					}
				} else if _, err := f.try(sockettest.Options{Auth: bearing("x")}); !errors.Is(err, sockettest.ErrClosed) {
					t.Errorf("got %v", err)
				}
				f.happened()
			})
		})
	}
}

// Errors of a verifier are an outage: connections stay open for some time, as when keys are
// unavailable, and the log has one line.
func TestVerifierThatFailsIsAnOutage(t *testing.T) {
	v := verifierFunc(func(context.Context, string) (*token.Token, error) { return nil, errors.New("connection refused") })
	bubble(t, setup{verifier: v, event: true}, func(f *fixture) {
		for range 3 {
			p := f.dial(sockettest.Options{})
			f.emit(p, "authenticate", bearing("x"))
			if told, _ := f.unauthorized(p); told.Reason != "auth_unavailable" || told.Code != "unavailable" {
				t.Errorf("told %+v", told)
			}
			begun := time.Now()
			if err := p.Ended(f.ctx); !errors.Is(err, sockettest.ErrClosed) {
				t.Errorf("ended with %v", err)
			}
			if took := time.Since(begun); took < 500*time.Millisecond || took > 4500*time.Millisecond { // the mean grows from 1 to 3 s
				t.Errorf("ended after %v", took)
			}
		}
		if n := strings.Count(f.log.String(), "outage began"); n != 1 || !strings.Contains(f.log.String(), "connection refused") {
			t.Errorf("%d outages in the log: %s", n, f.log.String())
		}
	})
}

// A running program adds a tenant and removes it. The keys and the audience of each tenant
// apply, no Insecure option is set, and the program can end the sockets of a removed tenant
// by the room of its issuer.
func TestTenantsComeAndGo(t *testing.T) {
	var (
		mu     sync.Mutex
		known  = map[string]*token.Verifier{}
		lookup atomic.Int64
	)
	keyOf := func(issuer string) string { return issuer + " has a secret of its own" }
	set := func(issuer string, audience string) {
		mu.Lock()
		defer mu.Unlock()
		if audience == "" {
			delete(known, issuer)
			return
		}
		known[issuer] = verifierOf(t, token.Secret(keyOf(issuer)), token.Options{Issuers: []string{issuer}, Audiences: []string{audience}})
	}
	issuers, err := token.ByIssuerFunc(func(_ context.Context, issuer string) (*token.Verifier, error) {
		lookup.Add(1)
		mu.Lock()
		defer mu.Unlock()
		if v := known[issuer]; v != nil {
			return v, nil
		}
		return nil, token.ErrIssuer
	}, token.IssuerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const acme, globex = "https://acme.example", "https://globex.example"
	set(acme, "chat")
	by := func(key, issuer, audience string) sockettest.Options {
		compact := signWith(keyOf(key), map[string]any{"alg": "HS256"}, claims{"iss": issuer, "aud": audience, "sub": "ada", "exp": time.Now().Add(time.Hour).Unix()})
		return sockettest.Options{Auth: bearing(compact)}
	}
	revoked := denylist{issuers, map[[32]byte]bool{}}
	bubble(t, setup{verifier: revoked, furnish: func(f *fixture) {
		f.srv.OnConnect(func(ctx context.Context, s *socketio.Socket) error { return s.Join("issuer " + auth.Token(ctx).Issuer) })
	}}, func(f *fixture) {
		refused := func(opts sockettest.Options, reason string) {
			t.Helper()
			if told := f.refused(opts); told.Reason != reason {
				t.Errorf("told %+v, want %q", told, reason)
			}
		}
		first := f.dial(by(acme, acme, "chat"))
		refused(by(globex, globex, "chat"), "token_signature") // a reason that reveals nothing about issuers

		set(globex, "shop")
		if err := issuers.Refresh(f.ctx, globex); err != nil {
			t.Fatal(err)
		}
		second := f.dial(by(globex, globex, "shop"))
		refused(by(globex, globex, "chat"), "token_audience")
		refused(by(acme, globex, "shop"), "token_signature")
		if n := lookup.Load(); n != 3 {
			t.Errorf("looked up %d times", n)
		}

		set(acme, "")
		issuers.Forget(acme)
		refused(by(acme, acme, "chat"), "token_signature")
		if got := f.whoami(first); got != "ada" { // until its lease ends, or the program ends it
			t.Errorf("whoami: %q", got)
		}
		if err := f.srv.To("issuer " + acme).DisconnectSockets(nil); err != nil {
			t.Fatal(err)
		}
		f.ended(first, sockettest.ErrDisconnected, 0)
		f.whoami(second)
		_ = f.dial(by(globex, globex, "shop"))
		_ = issuers.Close()
	})
}
