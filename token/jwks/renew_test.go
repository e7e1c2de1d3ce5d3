package jwks_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/jwks"
	"socketiojwt/token/mint"
)

// publishes makes the issuer publish a set of these JWKs.
func (i *issuer) publishes(keys ...string) {
	i.answers(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"keys":[`+strings.Join(keys, ",")+`]}`) })
}

// replace makes a new key under the same ID, and returns the old key.
func (i *issuer) replace(id string) mint.SigningKey {
	i.t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	for n, key := range i.keys {
		if key.Key().ID() == id {
			young, err := mint.Generate(token.EdDSA)
			if err != nil {
				i.t.Fatal(err)
			}
			i.keys[n] = young.WithID(id)
			return key
		}
	}
	i.t.Fatalf("no key %q", id)
	return mint.SigningKey{}
}

func generate(t *testing.T, alg token.Algorithm) mint.SigningKey {
	t.Helper()
	key, err := mint.Generate(alg)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// with adds members to a JWK.
func with(jwk, members string) string { return strings.TrimSuffix(jwk, "}") + "," + members + "}" }

// A set with duplicates, or with keys that no token uses, works like one without.
func TestGoodSetsThatLookBad(t *testing.T) {
	for name, set := range map[string]func(key string) []string{
		"the same key twice":                 func(key string) []string { return []string{key, key} },
		"the same key for another algorithm": func(key string) []string { return []string{with(key, `"alg":"EdDSA"`), with(key, `"alg":"Ed25519"`)} },
		"the same key, with alg and without": func(key string) []string { return []string{with(key, `"alg":"EdDSA"`), key} },
		"the same key, with use and without": func(key string) []string { return []string{key, with(key, `"use":"sig"`)} },
		"the same key for encryption":        func(key string) []string { return []string{with(key, `"use":"enc"`), key} },
		"an unknown type": func(key string) []string {
			return []string{`{"kty":"AKP","alg":"ML-DSA-44","pub":"AA","kid":"1"}`, key}
		},
		"a curve that is not supported": func(key string) []string { return []string{`{"kty":"OKP","crv":"Ed448","x":"AA","kid":"1"}`, key} },
		"a key without its parameters":  func(key string) []string { return []string{`{"kty":"EC","kid":"1"}`, key} },
		"what is no key":                func(key string) []string { return []string{`7`, `null`, `"x"`, `[]`, `{}`, key} },
		"a key that has a member twice": func(key string) []string { return []string{`{"kty":"EC","kty":"EC","x":1,"x":1}`, key} },
		"half a surrogate pair":         func(key string) []string { return []string{`{"kty":"EC","x5u":"\ud83d"}`, key} },
		"what is not UTF-8":             func(key string) []string { return []string{"{\"kty\":\"EC\",\"x\":\"\xff\"}", key} },
		"use empty":                     func(key string) []string { return []string{with(key, `"use":""`)} },
		"more operations":               func(key string) []string { return []string{with(key, `"key_ops":["verify","wrapKey"]`)} },
		"alg null":                      func(key string) []string { return []string{with(key, `"alg":null`)} },
		"alg Ed25519":                   func(key string) []string { return []string{with(key, `"alg":"Ed25519"`)} },
		"kid a number":                  func(key string) []string { return []string{strings.Replace(key, `"kid":"1"`, `"kid":1`, 1)} },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(i *issuer) {
				i.publishes(set(publicJWK(t, i.keys[0]))...)
				v, _ := i.verifier(jwks.Options{})
				want(t, "a token", verify(v, i.sign("1")), nil)
				want(t, "a token without a key ID", verify(v, i.signNameless("1")), nil)
			})
		})
	}
	bubble(t, func(i *issuer) { // other members of the set
		i.answers(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"x":1,"x":{"y":1,"y":2},"keys":[`+publicJWK(t, i.keys[0])+"],\"z\":\"\xff\"}\n")
		})
		v, _ := i.verifier(jwks.Options{})
		want(t, "a token", verify(v, i.sign("1")), nil)
	})
}

// signNameless is sign without a key ID.
func (i *issuer) signNameless(id string) string {
	i.t.Helper()
	for _, key := range i.keys {
		if key.Key().ID() == id {
			claims := map[string]any{"iss": home + "/", "aud": "chat", "exp": time.Now().Add(time.Hour).Unix()}
			compact, err := mint.Sign(key, claims, mint.Header{Extra: map[string]any{"kid": nil}})
			if err != nil {
				i.t.Fatal(err)
			}
			return compact
		}
	}
	return ""
}

// A set in which no token can find its key is a fault of the issuer. Refusals are
// temporary, and the log names the problem.
func TestSetsThatAreAnOutage(t *testing.T) {
	other := publicJWK(t, generate(t, token.EdDSA).WithID("1"))
	for name, c := range map[string]struct {
		set  func(key string) []string
		says string
	}{
		"two keys under one ID": {func(key string) []string { return []string{key, other} }, "different keys for one algorithm under"},
		"one more under that":   {func(key string) []string { return []string{key, other, key} }, "different keys for one algorithm under"},
		"no key":                {func(string) []string { return nil }, "it is empty"},
		"a secret":              {func(string) []string { return []string{`{"kty":"oct","k":"` + strings.Repeat("A", 86) + `"}`} }, "fits none of the allowed algorithms"},
		"a key for encryption":  {func(key string) []string { return []string{with(key, `"use":"enc"`)} }, "use of this JWK is not sig"},
		"a private key":         {func(key string) []string { return []string{with(key, `"d":"AA"`)} }, "a private key"},
		"unknown types":         {func(string) []string { return []string{`{"kty":"AKP"}`} }, "kty"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(i *issuer) {
				var log lines
				i.publishes(c.set(publicJWK(t, i.keys[0]))...)
				v, _ := i.verifier(jwks.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
				for range 5 {
					want(t, "a token", verify(v, i.sign("1")), token.ErrKeysUnavailable)
				}
				if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), c.says) {
					t.Errorf("the log does not say %q: %s", c.says, log.String())
				}
				if n := len(i.asked()); n > 4 {
					t.Errorf("%d requests: %q", n, i.asked())
				}
				i.answers(nil)
				time.Sleep(20 * time.Second)
				want(t, "a token of the set that was mended", verify(v, i.sign("1")), nil)
			})
		})
	}
	bubble(t, func(i *issuer) { // ambiguous keys do not affect other keys
		i.publish("1", "2")
		i.publishes(publicJWK(t, i.keys[0]), other, publicJWK(t, i.keys[1]))
		v, _ := i.verifier(jwks.Options{})
		want(t, "another key ID", verify(v, i.sign("2")), nil)
		want(t, "an unknown key ID", verify(v, junk(t, "x")), token.ErrKeyNotFound)
	})
}

// lines is a log that several goroutines may write to.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// An issuer that no longer publishes any key has withdrawn all of them, at once.
func TestEmptySetWithdraws(t *testing.T) {
	for name, set := range map[string][]string{"empty": nil, "only what cannot be used": {`{"kty":"AKP"}`}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(i *issuer) {
				v, set2 := i.verifier(jwks.Options{})
				compact := i.sign("1")
				want(t, "before", verify(v, compact), nil)
				i.publishes(set...)
				want(t, "Refresh", set2.Refresh(i.t.Context()), token.ErrKeysUnavailable)
				want(t, "a token of a key that was withdrawn", verify(v, compact), token.ErrKeysUnavailable)
				i.answers(nil)
				time.Sleep(2 * time.Second)
				want(t, "when there are keys again", verify(v, compact), nil)
			})
		})
	}
}

// A key that is replaced under its ID works at once, and the old one no longer does.
func TestNewMaterialUnderAnOldID(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, _ := i.verifier(jwks.Options{})
		old := i.sign("1")
		want(t, "before", verify(v, old), nil)
		time.Sleep(time.Minute)
		i.replace("1")
		begun := time.Now()
		want(t, "the new key", verify(v, i.sign("1")), nil)
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it took %s", took)
		}
		want(t, "without a key ID", verify(v, i.signNameless("1")), nil)
		want(t, "the old key", verify(v, old), token.ErrSignature)
		i.replace("1")
		want(t, "without a key ID, the next", verify(v, i.signNameless("1")), nil)
	})
	bubble(t, func(i *issuer) { // of another type
		v, _ := i.verifier(jwks.Options{})
		want(t, "before", verify(v, i.sign("1")), nil)
		young := generate(t, token.ES256).WithID("1")
		i.publishes(ecJWK(t, young))
		time.Sleep(time.Minute)
		want(t, "a key for another algorithm", verify(v, sign(t, young)), nil)
	})
	bubble(t, func(i *issuer) { // while junk with the known ID comes all the time
		v, _ := i.verifier(jwks.Options{})
		want(t, "before", verify(v, i.sign("1")), nil)
		ctx, stop := context.WithCancel(i.t.Context())
		var flood sync.WaitGroup
		flood.Go(func() {
			for ctx.Err() == nil {
				forged := junk(t, "1")
				flood.Go(func() {
					if err := verify(v, forged); err == nil {
						t.Error("junk was accepted")
					}
				})
				time.Sleep(5 * time.Millisecond)
			}
		})
		time.Sleep(3500 * time.Millisecond)
		i.replace("1")
		begun := time.Now()
		want(t, "the new key", verify(v, i.sign("1")), nil)
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it took %s", took)
		}
		time.Sleep(5 * time.Second)
		stop()
		flood.Wait()
		if n := len(i.asked()); n > 12 { // in 9.5 s
			t.Errorf("%d requests: %q", n, i.asked())
		}
	})
}

// A wrong signature is final if the keys were fetched again, and temporary if they cannot
// be.
func TestWrongSignatureCausesAFetch(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, set := i.verifier(jwks.Options{})
		want(t, "before", verify(v, i.sign("1")), nil)
		forged := junk(t, "1")
		want(t, "a wrong signature", verify(v, forged), token.ErrSignature)
		i.wantAsked(2, "after a wrong signature")
		i.publish("2")
		want(t, "a key that was withdrawn since", verify(v, forged), token.ErrKeyNotFound)
		i.publish("1")
		i.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		time.Sleep(20 * time.Second)
		good := junk(t, "2")
		want(t, "while the issuer is down", verify(v, good), token.ErrKeysUnavailable)
		_ = set.Close()
		want(t, "after Close", verify(v, good), token.ErrSignature)
	})
}
