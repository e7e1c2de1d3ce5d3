package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// strict is a verifier that checks every claim.
func strict(t testing.TB) *token.Verifier {
	return verifierOf(t, token.KeyFunc(func(_ context.Context, u token.Unverified) (token.Key, error) {
		switch u.Header.KeyID {
		case "":
			return token.Secret(secret), nil
		case "down":
			return token.Key{}, errors.New("dial tcp 10.0.0.7: connection refused")
		case "empty":
			return token.Key{}, nil
		case "panic":
			panic("no such kid: " + u.Header.KeyID)
		}
		return token.Key{}, token.ErrKeyNotFound
	}), token.Options{
		Leeway: -1, Issuers: []string{"https://issuer.example"}, Audiences: []string{"chat"},
		Subject: "ada", ID: "7", Nonce: "n", Required: []string{"role"}, MaxAge: time.Hour, Type: "at+jwt", MaxSize: 2000,
	})
}

// badTokens are tokens that strict refuses, with the message and reason.
var badTokens = []struct {
	name    string
	header  map[string]any
	claims  claims
	compact string // instead of header and claims
	key     string
	message string
	reason  string
}{
	{name: "no token at all", compact: "no-token-at-all", message: "jwt malformed", reason: "token_malformed"},
	{name: "too large", claims: claims{"pad": strings.Repeat("x", 2000)}, message: "token too large", reason: "token_too_large"},
	{name: "critical extension", header: map[string]any{"crit": []string{"x"}}, message: "jwt header invalid", reason: "token_header"},
	{name: "alg none", header: map[string]any{"alg": "none"}, message: "jwt signature is required", reason: "token_unsigned"},
	{name: "alg HS512", header: map[string]any{"alg": "HS512"}, message: "invalid signature", reason: "token_signature"}, // strict's key is chosen
	{name: "alg RS256", header: map[string]any{"alg": "RS256"}, message: "invalid signature", reason: "token_signature"},
	{name: "another key", key: "another secret, just as long as the first", message: "invalid signature", reason: "token_signature"},
	{name: "unknown key", header: map[string]any{"kid": "nobody"}, message: "invalid signature", reason: "token_signature"},
	{name: "empty key", header: map[string]any{"kid": "empty"}, message: "invalid signature", reason: "token_signature"},
	{name: "panic in KeyFunc", header: map[string]any{"kid": "panic"}, message: "invalid signature", reason: "token_signature"},
	{name: "expired", claims: claims{"exp": 1}, message: "jwt expired", reason: "token_expired"},
	{name: "expired, and another key", claims: claims{"exp": 1}, key: "another secret, just as long as the first", message: "invalid signature", reason: "token_signature"},
	{name: "not active", claims: claims{"nbf": 4102444800}, message: "jwt not active", reason: "token_not_active"},
	{name: "too old", claims: claims{"iat": 1}, message: "maxAge exceeded", reason: "token_too_old"},
	{name: "issuer", claims: claims{"iss": "https://other.example"}, message: "jwt issuer invalid", reason: "token_issuer"},
	{name: "audience", claims: claims{"aud": "mail"}, message: "jwt audience invalid", reason: "token_audience"},
	{name: "subject", claims: claims{"sub": "bob"}, message: "jwt subject invalid", reason: "token_subject"},
	{name: "jti", claims: claims{"jti": "8"}, message: "jwt jwtid invalid", reason: "token_id"},
	{name: "nonce", claims: claims{"nonce": "m"}, message: "jwt nonce invalid", reason: "token_nonce"},
	{name: "typ", header: map[string]any{"typ": "logout+jwt"}, message: "jwt type invalid", reason: "token_type"},
	{name: "missing claim", claims: claims{"role": nil}, message: "jwt claim missing", reason: "token_claim"},
	{name: "bad claim", claims: claims{"exp": "soon"}, message: "jwt claim invalid", reason: "token_claim"},
}

// badToken makes one of them. It must run in a bubble, because it uses the time.
func badToken(i int) string {
	b := badTokens[i]
	if b.compact != "" {
		return b.compact
	}
	header := map[string]any{"alg": "HS256", "typ": "at+jwt"}
	for name, value := range b.header {
		header[name] = value
	}
	c := claims{
		"iss": "https://issuer.example", "aud": "chat", "sub": "ada", "jti": "7", "nonce": "n", "role": "writer",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
	}
	for name, value := range b.claims {
		c[name] = value
	}
	key := b.key
	if key == "" {
		key = secret
	}
	return signWith(key, header, c)
}

// data is the refusal as it must be on the wire.
func data(message, code, reason string) string {
	return fmt.Sprintf(`{"message":%q,"code":%q,"type":"UnauthorizedError","reason":%q,"id":"*"}`, message, code, reason)
}

func connectError(message, code, reason string) string {
	return fmt.Sprintf(`4{"message":%q,"data":%s}`, message, data(message, code, reason))
}

func unauthorizedEvent(ackID int, message, code, reason string) string {
	return fmt.Sprintf(`2%d["unauthorized",{"message":%q,"inner":{"message":%q},"data":%s}]`, ackID, message, message, data(message, code, reason))
}

func TestBadTokensOnTheWire(t *testing.T) {
	for i, b := range badTokens {
		t.Run(b.name, func(t *testing.T) {
			t.Run("handshake", func(t *testing.T) {
				bubble(t, setup{verifier: strict(t)}, func(f *fixture) {
					var w wire
					_, err := f.try(sockettest.Options{Auth: bearing(badToken(i)), Trace: w.trace})
					if err == nil {
						t.Fatal("admitted")
					}
					w.want(t, connectError(b.message, "invalid_token", b.reason))
					f.happened()
				})
			})
			t.Run("event", func(t *testing.T) {
				bubble(t, setup{verifier: strict(t), event: true}, func(f *fixture) {
					var w wire
					p := f.dial(sockettest.Options{Trace: w.trace})
					f.emit(p, "authenticate", bearing(badToken(i)))
					f.ended(p, sockettest.ErrDisconnected, 2*time.Second)
					w.want(t, `0{"sid":"*"}`, unauthorizedEvent(0, b.message, "invalid_token", b.reason), "1")
					f.happened()
				})
			})
		})
	}
}

// A refusal names the algorithm only if one key is for every token. Otherwise it would reveal
// whether a key exists.
func TestAlgorithmOnTheWire(t *testing.T) {
	one := token.Secret(secret)
	ring := token.NewKeySet(one.WithID("ada"), token.Secret("another secret, just as long as the first").WithID("bob"))
	tenant, err := token.ByIssuer(verifierOf(t, one, token.Options{Issuers: []string{"https://issuer.example"}}))
	if err != nil {
		t.Fatal(err)
	}
	const algorithm, signature = "invalid algorithm", "invalid signature"
	for _, test := range []struct {
		name          string
		verifier      *token.Verifier
		alg, kid, iss string
		message       string
	}{
		{"one key", verifierOf(t, one, token.Options{}), "HS512", "", "", algorithm},
		{"one key, another ID named", verifierOf(t, one, token.Options{}), "HS512", "bob", "", algorithm},
		{"one key with an ID", verifierOf(t, one.WithID("ada"), token.Options{}), "HS512", "ada", "", signature},
		{"one key with another ID", verifierOf(t, one.WithID("ada"), token.Options{}), "HS512", "bob", "", signature},
		{"set, a key that exists", verifierOf(t, ring, token.Options{}), "HS512", "ada", "", signature},
		{"set, none", verifierOf(t, ring, token.Options{}), "HS512", "eve", "", signature},
		{"set, no ID", verifierOf(t, ring, token.Options{}), "HS512", "", "", signature},
		{"issuer that exists", tenant, "HS512", "", "https://issuer.example", signature},
		{"issuer that exists, wrong signature", tenant, "HS256", "", "https://issuer.example", signature},
		{"issuer that does not", tenant, "HS256", "", "https://other.example", signature},
	} {
		t.Run(test.name, func(t *testing.T) {
			reason := map[string]string{algorithm: "token_algorithm", signature: "token_signature"}[test.message]
			bubble(t, setup{verifier: test.verifier}, func(f *fixture) {
				var w wire
				header := map[string]any{"alg": test.alg}
				if test.kid != "" {
					header["kid"] = test.kid
				}
				compact := signWith("a stranger's secret, just as long as others", header, claims{"iss": test.iss, "exp": time.Now().Add(time.Hour).Unix()})
				if _, err := f.try(sockettest.Options{Auth: bearing(compact), Trace: w.trace}); err == nil {
					t.Fatal("admitted")
				}
				w.want(t, connectError(test.message, "invalid_token", reason))
				f.happened()
			})
		})
	}
}

const threamText = "Unauthorized: Token is missing or invalid Bearer"

// With ThreamTexts all bad tokens and ends of leases have the same message. Other refusals do
// not change.
func TestThreamTexts(t *testing.T) {
	gate := auth.Options{ThreamTexts: true}
	for i, b := range badTokens {
		t.Run(b.name, func(t *testing.T) {
			bubble(t, setup{gate: gate, verifier: strict(t)}, func(f *fixture) {
				var w wire
				if _, err := f.try(sockettest.Options{Auth: bearing(badToken(i)), Trace: w.trace}); err == nil {
					t.Fatal("admitted")
				}
				w.want(t, connectError(threamText, "invalid_token", b.reason))
			})
			bubble(t, setup{gate: gate, verifier: strict(t), event: true, mode: auth.EventOptions{Grace: -1}}, func(f *fixture) {
				var w wire
				p := f.dial(sockettest.Options{Trace: w.trace})
				f.emit(p, "authenticate", bearing(badToken(i)))
				f.ended(p, sockettest.ErrDisconnected, 0)
				w.want(t, `0{"sid":"*"}`, unauthorizedEvent(0, threamText, "invalid_token", b.reason), "1")
			})
		})
	}
	for _, b := range badPayloads {
		t.Run(b.name, func(t *testing.T) {
			bubble(t, setup{gate: gate}, func(f *fixture) {
				var w wire
				if _, err := f.try(sockettest.Options{Auth: json.RawMessage(b.payload), Trace: w.trace}); err == nil {
					t.Fatal("admitted")
				}
				w.want(t, connectError(b.message, b.code, b.reason))
			})
		})
	}
	bubble(t, setup{gate: gate, verifier: strict(t), event: true, mode: auth.EventOptions{Grace: -1}}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		down := signWith(secret, map[string]any{"alg": "HS256", "kid": "down"}, claims{})
		f.emit(p, "authenticate", bearing(down))
		if told, _ := f.unauthorized(p); told.Message != "authentication unavailable" {
			t.Errorf("told %+v", told)
		}
	})
	for _, event := range []bool{false, true} {
		bubble(t, setup{gate: gate, event: event}, func(f *fixture) {
			p := f.dial(sockettest.Options{Auth: bearing(expiring(time.Minute))})
			if event {
				f.login(p, expiring(time.Minute))
			}
			told, _ := f.unauthorized(p)
			if want := (refusal{threamText, "invalid_token", "UnauthorizedError", "token_expired", told.ID}); told != want {
				t.Errorf("told %+v, want %+v", told, want)
			}
		})
	}
	for message, err := range map[string]error{
		"not authorized": errors.New("no such row in table users"),
		"jwt expired":    &auth.Error{Message: "jwt expired"}, // from a hook
	} {
		gate := gate
		gate.Authorize = auth.Check(func(context.Context, *token.Token, *socketio.Handshake) error { return err })
		bubble(t, setup{gate: gate}, func(f *fixture) {
			if told := f.refused(sockettest.Options{Auth: bearing(sign(nil))}); told.Message != message {
				t.Errorf("told %+v, want %q", told, message)
			}
		})
	}
}
