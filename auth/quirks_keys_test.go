package auth_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
	"socketiojwt/token/mint"
)

// npm: the algorithms were guessed from the text of the key, and any text that did not look
// like PEM was a secret. Here a key has its algorithms, whatever the header of a token says.
func TestQ16PublicKeyIsNotASecret(t *testing.T) {
	issuer, err := mint.Generate(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	text, err := issuer.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	opts := token.Options{Issuers: []string{"https://issuer.example"}, Audiences: []string{"chat"}, Leeway: -1}
	good := func() claims {
		return claims{"iss": "https://issuer.example", "aud": "chat", "sub": "ada", "exp": time.Now().Add(time.Hour).Unix()}
	}
	fixed := func(key token.Key) token.KeyFunc {
		return func(context.Context, token.Unverified) (token.Key, error) { return key, nil }
	}
	for name, keys := range map[string]token.Keys{
		"PEM": token.PEM(text), "DER": token.DER(block.Bytes),
		"function, PEM": fixed(token.PEM(text)), "function, DER": fixed(token.DER(block.Bytes)),
	} {
		t.Run(name, func(t *testing.T) {
			v := verifierOf(t, keys, opts)
			for _, key := range []string{string(text), strings.TrimSpace(string(text)), string(block.Bytes), ""} {
				for _, alg := range []string{"HS256", "ES256", "none"} {
					refusedInBothModes(t, setup{verifier: v}, func() sockettest.Options {
						return sockettest.Options{Auth: bearing(signWith(key, map[string]any{"alg": alg}, good()))}
					}, "token_algorithm", "token_signature", "token_unsigned")
				}
			}
			bubble(t, setup{verifier: v}, func(f *fixture) {
				compact, err := mint.Sign(issuer, good(), mint.Header{})
				if err != nil {
					t.Fatal(err)
				}
				if got := f.whoami(f.dial(sockettest.Options{Auth: bearing(compact)})); got != "ada" {
					t.Errorf("whoami: %q", got)
				}
			})
		})
	}
}

// npm: a secret in base64 required a Buffer, which was then refused. Here a secret may be text,
// bytes or base64, and a function may return each of them.
func TestQ17SecretsInEveryForm(t *testing.T) {
	raw := []byte("\x00\xfb\xff\xfe is not a text, and 32 bytes long\x80")
	for name, c := range map[string]struct {
		key    token.Key
		signed string
	}{
		"text":             {token.Secret(secret), secret},
		"bytes":            {token.SecretBytes(raw), string(raw)},
		"base64":           {token.SecretBase64(base64.StdEncoding.EncodeToString(raw)), string(raw)},
		"base64url":        {token.SecretBase64(base64.RawURLEncoding.EncodeToString(raw)), string(raw)},
		"text of a base64": {token.Secret(base64.StdEncoding.EncodeToString(raw)), base64.StdEncoding.EncodeToString(raw)},
	} {
		for _, keys := range []token.Keys{c.key, token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) { return c.key, nil })} {
			for _, event := range []bool{false, true} {
				bubble(t, setup{event: event, verifier: verifierOf(t, keys, token.Options{})}, func(f *fixture) {
					compact := signWith(c.signed, map[string]any{"alg": "HS256"}, claims{"sub": "ada", "exp": time.Now().Add(time.Hour).Unix()})
					p, err := f.try(sockettest.Options{Auth: bearing(compact)})
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					if event {
						f.login(p, compact)
					}
					if got := f.whoami(p); got != "ada" {
						t.Errorf("%s: whoami: %q", name, got)
					}
				})
			}
		}
	}
}

// npm: the error for invalid options had the secret in it. Here no error has.
func TestQ18ErrorsPrintNoSecret(t *testing.T) {
	const short = "hunter2!"
	for name, v := range map[string]func() (*token.Verifier, error){
		"short": func() (*token.Verifier, error) { return token.NewVerifier(token.Secret(short), token.Options{}) },
		"short bytes": func() (*token.Verifier, error) {
			return token.NewVerifier(token.SecretBytes([]byte(short)), token.Options{})
		},
		"no base64": func() (*token.Verifier, error) { return token.NewVerifier(token.SecretBase64(short), token.Options{}) },
		"no PEM":    func() (*token.Verifier, error) { return token.NewVerifier(token.PEM([]byte(short)), token.Options{}) },
		"no JWK":    func() (*token.Verifier, error) { return token.NewVerifier(token.JWK([]byte(short)), token.Options{}) },
		"of a set": func() (*token.Verifier, error) {
			return token.NewVerifier(token.NewKeySet(token.Secret(short)), token.Options{})
		},
		"options": func() (*token.Verifier, error) {
			return token.NewVerifier(token.Secret(short+secret), token.Options{MaxAge: -1})
		},
		"another's option": func() (*token.Verifier, error) {
			return token.NewVerifier(token.Secret(short+secret), token.Options{InsecureNoIssuer: true})
		},
	} {
		verifier, err := v()
		if err == nil {
			t.Fatalf("%s: no error", name)
		}
		_, gateErr := auth.NewGate(verifier, auth.Options{})
		if got := fmt.Sprintf("%v %+v %#v %v", err, err, err, gateErr); containsAny(got, short, secret) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// npm: the peer got the errors of libraries and drivers, with the expected issuer and audience.
// Here the peer gets only which part is wrong. The rest is in the log.
func TestQ19PeersGetNoInternals(t *testing.T) {
	for _, event := range []bool{false, true} {
		bubble(t, setup{verifier: strict(t), event: event}, func(f *fixture) {
			var w wire
			show := func(compact string) {
				p, err := f.try(sockettest.Options{Auth: bearing(compact), Trace: w.trace})
				if event {
					if err != nil {
						t.Fatal(err)
					}
					f.emit(p, "authenticate", bearing(compact))
					err = p.Ended(f.ctx)
				}
				if err == nil {
					t.Error("admitted")
				}
			}
			for i := range badTokens {
				show(badToken(i))
			}
			show(signWith(secret, map[string]any{"alg": "HS256", "kid": "down"}, claims{}))
			for _, packet := range w.all() {
				if containsAny(packet, "issuer.example", "other.example", "chat", "mail", "ada", "bob", "10.0.0.7", "refused", "role", "at+jwt", "HS256", "token:", "kid") {
					t.Errorf("on the wire: %s", packet)
				}
			}
			for _, cause := range []string{"10.0.0.7", "other.example", "mail"} {
				if !strings.Contains(f.log.String(), cause) {
					t.Errorf("%q is not in the log", cause)
				}
			}
		})
	}
}

// npm: an Error was sent as {}, and any other object with all its members. Here a refusal always
// has the same five members, and nothing of the error that a hook returned.
func TestQ20HooksErrorsAreNotSerialised(t *testing.T) {
	for name, err := range map[string]error{
		"an Error":         errors.New("of the database"),
		"an object":        driverError{Host: "10.0.0.7", Password: "hunter2!"},
		"a pointer":        &driverError{Host: "10.0.0.7", Password: "hunter2!"},
		"an *auth.Error":   &auth.Error{Err: driverError{Host: "10.0.0.7", Password: "hunter2!"}},
		"an Ending":        &socketio.Ending{Message: "10.0.0.7", Data: driverError{Password: "hunter2!"}},
		"an error of ours": token.ErrKeysUnavailable,
	} {
		gate := auth.Options{Logger: slog.New(slog.DiscardHandler), Authorize: auth.Check(func(context.Context, *token.Token, *socketio.Handshake) error {
			return err
		})}
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{gate: gate}, func(f *fixture) {
				var w wire
				_, _ = f.try(sockettest.Options{Auth: bearing(sign(nil)), Trace: w.trace})
				w.want(t, connectError("not authorized", "unknown", "not_authorized"))
			})
			bubble(t, setup{gate: gate, event: true, mode: auth.EventOptions{Grace: -1}}, func(f *fixture) {
				var w wire
				p := f.dial(sockettest.Options{Trace: w.trace})
				f.emit(p, "authenticate", bearing(sign(nil)))
				f.ended(p, sockettest.ErrDisconnected, 0)
				w.want(t, `0{"sid":"*"}`, unauthorizedEvent(0, "not authorized", "unknown", "not_authorized"), "1")
			})
		})
	}
}

// driverError is an error with internals in exported fields.
type driverError struct{ Host, Password string }

func (e driverError) Error() string                { return e.Host + " " + e.Password }
func (e driverError) MarshalJSON() ([]byte, error) { return json.Marshal(e.Password) }

// npm: with one round trip the token was in the URL, which proxies logged. Here the URL is not
// read unless there is a Source for it.
func TestQ21QueryIsOffUnlessAskedFor(t *testing.T) {
	show := func() sockettest.Options { return sockettest.Options{Query: url.Values{"token": {sign(nil)}}} }
	refusedInBothModes(t, setup{}, show, "token_missing")
	gate := auth.Options{Sources: []auth.Source{auth.FromQuery("token")}}
	bubble(t, setup{gate: gate}, func(f *fixture) {
		if got := f.whoami(f.dial(show())); got != "ada" {
			t.Errorf("whoami: %q", got)
		}
	})
}

// npm: "Authorization: Basic" was ignored silently. Here an unusable header refuses the socket.
func TestQ22UnusableHeadersAreRefused(t *testing.T) {
	good := "Bearer " + sign(claims{"exp": 4102444800})
	format := connectError("Format is Authorization: Bearer [token]", "credentials_bad_format", "token_malformed")
	conflict := connectError("more than one token provided", "credentials_bad_format", "token_conflict")
	for name, c := range map[string]struct {
		header http.Header
		query  url.Values
		auth   any
		want   string
	}{
		"basic":             {header: http.Header{"Authorization": {"Basic YTpi"}}, want: format},
		"basic beside good": {header: http.Header{"Authorization": {"Basic YTpi"}}, auth: bearing(sign(claims{"exp": 4102444800})), want: format},
		"one part":          {header: http.Header{"Authorization": {"Bearer"}}, want: format},
		"three parts":       {header: http.Header{"Authorization": {good + " x"}}, want: format},
		"no scheme":         {header: http.Header{"Authorization": {good[7:]}}, want: format},
		"empty":             {header: http.Header{"Authorization": {""}}, want: format},
		"several":           {header: http.Header{"Authorization": {good, good}}, want: conflict},
		"another than auth": {header: http.Header{"Authorization": {good}}, auth: bearing(sign(claims{"exp": 4102444800, "sub": "bob"})), want: conflict},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{}, func(f *fixture) {
				var w wire
				if _, err := f.try(sockettest.Options{Header: c.header, Query: c.query, Auth: c.auth, Trace: w.trace}); err == nil {
					t.Fatal("admitted")
				}
				w.want(t, c.want)
			})
		})
	}
}
