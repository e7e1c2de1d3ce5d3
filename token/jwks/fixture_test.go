package jwks_test

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"socketiojwt/internal/leaktest"
	"socketiojwt/internal/memnet"
	"socketiojwt/token"
	"socketiojwt/token/jwks"
	"socketiojwt/token/mint"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

const home = "http://localhost"

// issuer publishes keys, in a bubble.
type issuer struct {
	t      *testing.T
	client *http.Client

	mu       sync.Mutex
	keys     []mint.SigningKey
	requests []string                                 // paths, and the time since the beginning
	answer   func(http.ResponseWriter, *http.Request) // in place of the usual
	header   map[string]string
	begun    time.Time
}

// bubble runs a test against an issuer with one key, "1".
func bubble(t *testing.T, test func(i *issuer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{t: t, begun: time.Now(), header: map[string]string{}}
		i.publish("1")
		client, stop := memnet.Serve(i)
		defer stop()
		i.client = client
		test(i)
	})
}

// publish makes the issuer publish keys with exactly these IDs, and keeps existing ones.
func (i *issuer) publish(ids ...string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	var keys []mint.SigningKey
	for _, id := range ids {
		key, err := mint.Generate(token.EdDSA)
		if err != nil {
			i.t.Error(err)
			return
		}
		key = key.WithID(id)
		for _, old := range i.keys {
			if old.Key().ID() == id {
				key = old
			}
		}
		keys = append(keys, key)
	}
	i.keys = keys
}

// answers sets the handler of requests; nil restores the usual one.
func (i *issuer) answers(f func(http.ResponseWriter, *http.Request)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = f
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.requests = append(i.requests, fmt.Sprint(r.URL.Path, " at ", time.Since(i.begun).Truncate(time.Second)))
	answer := i.answer
	for name, value := range i.header {
		w.Header().Set(name, value)
	}
	set := i.set()
	i.mu.Unlock()
	switch {
	case answer != nil:
		answer(w, r)
	case r.URL.Path == "/.well-known/openid-configuration":
		fmt.Fprintf(w, `{"issuer":"%s/","jwks_uri":"%s/keys","response_types_supported":[]}`, home, home)
	case r.URL.Path != "/keys":
		http.NotFound(w, r)
	case r.Header.Get("If-None-Match") == w.Header().Get("ETag") && w.Header().Get("ETag") != "":
		w.WriteHeader(http.StatusNotModified)
	default:
		fmt.Fprint(w, set)
	}
}

// set returns the JWK Set. i.mu must be held.
func (i *issuer) set() string {
	var texts []string
	for _, key := range i.keys {
		texts = append(texts, publicJWK(i.t, key))
	}
	return `{"keys":[` + strings.Join(texts, ",") + `]}`
}

func (i *issuer) asked() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string{}, i.requests...)
}

// sign makes a token that is good for a long time. Any goroutine may call it.
func (i *issuer) sign(id string) string {
	i.t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, key := range i.keys {
		if key.Key().ID() == id {
			return sign(i.t, key)
		}
	}
	i.t.Errorf("no key %q", id)
	return ""
}

func sign(t *testing.T, key mint.SigningKey) string {
	t.Helper()
	claims := map[string]any{"iss": home + "/", "aud": "chat", "sub": "ada", "exp": time.Now().Add(10_000 * time.Hour).Unix()}
	compact, err := mint.Sign(key, claims, mint.Header{})
	if err != nil {
		t.Error(err)
	}
	return compact
}

// junk returns a token of a key that is not published. Any goroutine may call it.
func junk(t *testing.T, id string) string {
	t.Helper()
	key, err := mint.Generate(token.EdDSA)
	if err != nil {
		t.Error(err)
	}
	return sign(t, key.WithID(id))
}

// nameless returns a token without a key ID, of an algorithm that the issuer has no key
// for.
func nameless(t *testing.T) string {
	t.Helper()
	key, err := mint.Generate(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	return sign(t, key)
}

var rules = token.Options{Issuers: []string{home + "/"}, Audiences: []string{"chat"}}

// verifier returns a verifier for the keys at /keys.
func (i *issuer) verifier(opts jwks.Options) (*token.Verifier, *jwks.Set) {
	i.t.Helper()
	opts.Client = i.client
	set, err := jwks.New(home+"/keys", opts)
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { _ = set.Close() })
	v, err := token.NewVerifier(set, rules)
	if err != nil {
		i.t.Fatal(err)
	}
	return v, set
}

// verify verifies within the five seconds that a gate allows.
func verify(v *token.Verifier, compact string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err := v.Verify(ctx, compact)
	return err
}

func want(t *testing.T, what string, err, wanted error) {
	t.Helper()
	if !errors.Is(err, wanted) {
		t.Errorf("%s: %v, want %v", what, err, wanted)
	}
}

func (i *issuer) wantAsked(n int, when string) {
	i.t.Helper()
	synctest.Wait()
	if got := i.asked(); len(got) != n {
		i.t.Errorf("%s: %d requests, want %d: %q", when, len(got), n, got)
	}
}

// hs256 returns a token that no public key can have signed.
func hs256(t *testing.T) string {
	t.Helper()
	key, err := mint.Generate(token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	return sign(t, key)
}

// publicJWK encodes the public key of an Ed25519 key.
func publicJWK(t *testing.T, key mint.SigningKey) string {
	t.Helper()
	text, err := key.PublicPEM()
	if err != nil {
		t.Error(err)
		return ""
	}
	block, _ := pem.Decode(text)
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Error(err)
		return ""
	}
	return fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":%q,"x":"%s"}`, key.Key().ID(), encode(string(public.(ed25519.PublicKey))))
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// ecJWK encodes the public key of a P-256 key.
func ecJWK(t *testing.T, key mint.SigningKey) string {
	t.Helper()
	text, err := key.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := (&jose.JSONWebKey{Key: public, KeyID: key.Key().ID()}).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(jwk)
}
