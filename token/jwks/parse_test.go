package jwks

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"socketiojwt/token"
)

// jwk encodes a public key as the library does, with further members.
func jwk(t *testing.T, public crypto.PublicKey, more string) string {
	t.Helper()
	text, err := (&jose.JSONWebKey{Key: public}).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(text), "}") + more + "}"
}

func TestParseSet(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey := func(c elliptic.Curve) *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	p256, p521 := ecKey(elliptic.P256()), ecKey(elliptic.P521())
	edPublic, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	opts, err := Options{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	p, err := parseSet([]byte(`{"keys":[`+strings.Join([]string{
		jwk(t, &rsaKey.PublicKey, `,"kid":"rsa"`),
		jwk(t, &rsaKey.PublicKey, `,"kid":"pinned","alg":"RS256","use":"sig"`),
		jwk(t, &rsaKey.PublicKey, `,"kid":"encryption","use":"enc"`),
		jwk(t, &rsaKey.PublicKey, `,"kid":"signer","key_ops":["sign"]`),
		jwk(t, &rsaKey.PublicKey, `,"kid":"private","d":"AQAB"`),
		jwk(t, &p256.PublicKey, `,"kid":"both"`),
		jwk(t, &p521.PublicKey, ``),
		jwk(t, edPublic, `,"kid":"both"`),
		jwk(t, edPublic, `,"kid":"hmac","alg":"HS256"`),
		`{"kty":"oct","kid":"secret","k":"` + strings.Repeat("A", 86) + `"}`,
		`{"kty":"oct","kid":"secret for all","alg":"RS256","k":"` + strings.Repeat("A", 86) + `"}`,
		`{"kty":"somebody else's","kid":"unknown"}`,
		`"not an object"`,
	}, ",")+`],"more":1}`), &opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		id   string
		alg  token.Algorithm
		want string // the algorithms of the key that is found
	}{
		{"rsa", token.RS256, "[RS256 RS384 RS512 PS256 PS384 PS512]"},
		{"rsa", token.ES256, "[RS256 RS384 RS512 PS256 PS384 PS512]"}, // which the verifier refuses
		{"pinned", token.PS256, "[RS256]"},
		{"encryption", token.RS256, ""},
		{"signer", token.RS256, ""},
		{"private", token.RS256, ""},
		{"both", token.ES256, "[ES256]"},
		{"both", token.EdDSA, "[EdDSA]"},
		{"both", token.RS256, ""},
		{"hmac", token.HS256, ""},
		{"secret", token.HS256, ""},
		{"secret for all", token.RS256, ""},
		{"unknown", token.RS256, ""},
		{"", token.ES512, "[ES512]"},
		{"", token.EdDSA, "[EdDSA]"},
		{"", token.RS256, "[RS256 RS384 RS512 PS256 PS384 PS512]"}, // published twice, and one key
		{"", token.HS256, ""},
		{"Rsa", token.RS256, ""},
	} {
		found := ""
		if k, err := p.key(token.Header{KeyID: c.id, Algorithm: c.alg}); err == nil {
			found = fmt.Sprint(k.Algorithms())
		}
		if found != c.want {
			t.Errorf("key %q for %s: %q, want %q", c.id, c.alg, found, c.want)
		}
	}

	opts.Algorithms = []token.Algorithm{token.ES256, token.PS512}
	for text, want := range map[string]string{
		jwk(t, &rsaKey.PublicKey, ``):               "[PS512]",
		jwk(t, &rsaKey.PublicKey, `,"alg":"RS256"`): "",
		jwk(t, &p256.PublicKey, ``):                 "[ES256]",
		jwk(t, &p521.PublicKey, ``):                 "",
		jwk(t, edPublic, ``):                        "",
	} {
		found := ""
		if p, err := parseSet([]byte(`{"keys":[`+text+`]}`), &opts); err == nil {
			found = fmt.Sprint(p.all[0].Algorithms())
		}
		if found != want {
			t.Errorf("with those of the options: %q, want %q", found, want)
		}
	}
	for _, text := range []string{``, `null`, `[]`, `{}`, `{"keys":null}`, `{"keys":{}}`, `{"keys":[],"keys":[` + jwk(t, edPublic, ``) + `]}`, `{"Keys":[` + jwk(t, edPublic, ``) + `]}`} {
		if _, err := parseSet([]byte(text), &opts); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}

// Headers as servers and caches write them. Invalid ones count as missing.
func TestMaxAge(t *testing.T) {
	const none = time.Nanosecond
	for _, c := range []struct {
		control []string
		age     string
		want    time.Duration
	}{
		{nil, "", 0},
		{nil, "60", 0},
		{[]string{"max-age=600"}, "", 10 * time.Minute},
		{[]string{"max-age=600"}, "60", 9 * time.Minute},
		{[]string{"max-age=600"}, "-60", 10 * time.Minute},
		{[]string{"max-age=600"}, "an hour", 10 * time.Minute},
		{[]string{"max-age=600"}, "601", none},
		{[]string{"max-age=600"}, "99999999999999999999", none},
		{[]string{"max-age=0"}, "", none},
		{[]string{"max-age=-1"}, "", 0},
		{[]string{"max-age="}, "", 0},
		{[]string{"max-age"}, "", 0},
		{[]string{"max-age=1h"}, "", 0},
		{[]string{"max-age=99999999999999999999"}, "", 0},
		{[]string{`max-age="600"`}, "", 10 * time.Minute},
		{[]string{"public,MAX-AGE=600 , immutable"}, "", 10 * time.Minute},
		{[]string{"s-maxage=5, x-max-age=5, max-age=600"}, "", 10 * time.Minute}, // a Set is not a shared cache
		{[]string{"public", "max-age=600"}, "", 10 * time.Minute},
		{[]string{"no-store"}, "", none},
		{[]string{"No-Cache, max-age=600"}, "", none},
		{[]string{"max-age=600", "no-store"}, "", none},
		{[]string{"no-transform"}, "", 0},
	} {
		header := http.Header{"Cache-Control": c.control}
		if c.age != "" {
			header.Set("Age", c.age)
		}
		if got := maxAge(header); got != c.want {
			t.Errorf("%q, Age %q: %s, want %s", c.control, c.age, got, c.want)
		}
	}
}

func TestMissingIsBounded(t *testing.T) {
	s, err := New("https://login.example.com/keys", Options{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 * maxMissing {
		s.remember(fmt.Sprint(n))
	}
	if len(s.missing) != maxMissing {
		t.Errorf("%d IDs are remembered", len(s.missing))
	}
	_ = s.Close()
}

func FuzzParseSet(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a","x5c":["AAAA"]}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AA","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},{"kty":"oct","k":""}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := parseSet(text, &Options{Algorithms: public, MaxKeys: 10, Logger: slog.New(slog.DiscardHandler)})
		if err == nil && (len(p.all) == 0 || len(p.all) > 10) {
			t.Errorf("%d keys", len(p.all))
		}
	})
}

// The monotonic clock, which stops while the machine is suspended, is not used.
func TestWallClock(t *testing.T) {
	s, err := New("https://login.example.com/keys", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if now := s.now(); strings.Contains(now.String(), "m=") {
		t.Errorf("it tells %s", now)
	}
}
