package token_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/mint"
)

var allAlgorithms = []token.Algorithm{
	token.HS256, token.HS384, token.HS512, token.RS256, token.RS384, token.RS512, token.PS256, token.PS384, token.PS512,
	token.ES256, token.ES384, token.ES512, token.EdDSA, token.Ed25519,
}

// publicOptions are options that every key accepts.
var publicOptions = token.Options{Issuers: []string{"https://issuer.example"}, Audiences: []string{"chat"}}

// Every key verifies its own signatures, and none of a key for another algorithm, even if
// the header claims the key's algorithm.
func TestEveryAlgorithm(t *testing.T) {
	claims := map[string]any{"iss": "https://issuer.example", "aud": "chat", "sub": "ada", "exp": at(time.Hour)}
	keys := make(map[token.Algorithm]mint.SigningKey)
	for _, alg := range allAlgorithms {
		keys[alg] = generate(t, alg)
	}
	for _, alg := range allAlgorithms {
		t.Run(string(alg), func(t *testing.T) {
			v := newVerifier(t, keys[alg].Key(), publicOptions)
			tok, err := v.Verify(context.Background(), sign(t, keys[alg], claims))
			if err != nil {
				t.Fatal(err)
			}
			if tok.Subject != "ada" || tok.Header().Algorithm != alg {
				t.Errorf("got subject %q, algorithm %q", tok.Subject, tok.Header().Algorithm)
			}
			for _, other := range allAlgorithms {
				if other == alg {
					continue
				}
				if keys[alg].Key().IsFor(other) { // another name of the same
					wantRefused(t, v, sign(t, keys[other], claims), token.ErrSignature)
				} else {
					wantRefused(t, v, sign(t, keys[other], claims), token.ErrAlgorithm)
				}
				lie, err := mint.Sign(keys[other], claims, mint.Header{Extra: map[string]any{"alg": alg}})
				if err != nil {
					t.Fatal(err)
				}
				wantRefused(t, v, lie, token.ErrSignature)
			}
		})
	}
}

// A key for two algorithms accepts both, and the token says which one was used.
func TestKeyForTwoAlgorithms(t *testing.T) {
	key := generate(t, token.PS256)
	text, err := key.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{"iss": "https://issuer.example", "aud": "chat", "exp": at(time.Hour)}
	tok, err := newVerifier(t, token.PEM(text, token.RS256, token.PS256), publicOptions).Verify(context.Background(), sign(t, key, claims))
	if err != nil || tok.Header().Algorithm != token.PS256 {
		t.Errorf("got %v, %v", tok, err)
	}
}

// RFC 9864: Ed25519 is EdDSA with an Ed25519 key, whichever of the two names a key, a JWK
// and a token have. Ed448 is not supported.
func TestEd25519IsEdDSA(t *testing.T) {
	const x = `"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
	for _, algs := range [][]token.Algorithm{nil, {token.EdDSA}, {token.Ed25519}, {token.EdDSA, token.Ed25519}} {
		for _, alg := range []string{``, `,"alg":"EdDSA"`, `,"alg":"Ed25519"`} {
			if err := token.JWK([]byte(`{`+x+alg+`}`), algs...).Err(); err != nil {
				t.Errorf("JWK with %q for %v: %v", alg, algs, err)
			}
		}
		if err := token.JWK([]byte(`{`+x+`,"alg":"Ed448"}`), algs...).Err(); err == nil {
			t.Error("a JWK for Ed448 is usable")
		}
	}
	claims := map[string]any{"iss": "https://issuer.example", "aud": "chat", "exp": at(time.Hour)}
	for _, signing := range []token.Algorithm{token.EdDSA, token.Ed25519} {
		key := generate(t, signing)
		text, err := key.PublicPEM()
		if err != nil {
			t.Fatal(err)
		}
		compact := sign(t, key, claims)
		for _, algs := range [][]token.Algorithm{nil, {token.EdDSA}, {token.Ed25519}} {
			v := newVerifier(t, token.PEM(text, algs...), publicOptions)
			tok, err := v.Verify(t.Context(), compact)
			if err != nil || tok.Header().Algorithm != signing {
				t.Errorf("signed by %s for a key of %v: %v, %v", signing, algs, tok, err)
			}
			for _, named := range []string{"Ed448", "ed25519", "ED25519", "Ed25519ph", "EDDSA"} {
				other, err := mint.Sign(key, claims, mint.Header{Extra: map[string]any{"alg": named}})
				if err != nil {
					t.Fatal(err)
				}
				wantRefused(t, v, other, token.ErrAlgorithm)
			}
		}
	}
	if (token.Key{}).IsFor(token.EdDSA) || token.Secret(secret).IsFor("none") {
		t.Error("a key is for what it is not for")
	}
}

// RFC 7518, section 3.5: the salt of a PSS signature is as long as the hash.
func TestPSSSalt(t *testing.T) {
	v := newVerifier(t, token.DER(rsaSPKI, token.PS256), publicOptions)
	input := encode(`{"alg":"PS256"}`) + "." + encode(`{"iss":"https://issuer.example","aud":"chat","exp":4000000000}`)
	digest := sha256.Sum256([]byte(input))
	for salt, want := range map[int]error{32: nil, 20: token.ErrSignature, 64: token.ErrSignature} {
		signature, err := rsa.SignPSS(rand.Reader, rsaKey, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: salt})
		if err != nil {
			t.Fatal(err)
		}
		wantRefused(t, v, input+"."+encode(string(signature)), want)
	}
}

func TestTokenFields(t *testing.T) {
	compact := signText(`{"alg":"HS256","kid":"k\u0031","typ":"at+jwt"}`,
		`{"iss":"i","sub":"s\u00e9","jti":"j","aud":["a","b"],"iat":1780000000,"nbf":1780000000.25,"exp":1790000000,"x":{"y":[1]}}`)
	tok, err := secretVerifier(t, token.Options{}).Verify(context.Background(), compact)
	if err != nil {
		t.Fatal(err)
	}
	if tok.Issuer != "i" || tok.Subject != "sé" || tok.ID != "j" || !slices.Equal(tok.Audience(), []string{"a", "b"}) {
		t.Errorf("names: %q %q %q %q", tok.Issuer, tok.Subject, tok.ID, tok.Audience())
	}
	if tok.Header().Algorithm != token.HS256 || tok.Header().KeyID != "k1" || tok.Header().Type != "at+jwt" {
		t.Errorf("header: %q %q %q", tok.Header().Algorithm, tok.Header().KeyID, tok.Header().Type)
	}
	if !tok.IssuedAt().Equal(time.Unix(1780000000, 0)) || !tok.NotBefore().Equal(time.Unix(1780000000, 250e6)) || !tok.ExpiresAt().Equal(time.Unix(1790000000, 0)) {
		t.Errorf("times: %v %v %v", tok.IssuedAt(), tok.NotBefore(), tok.ExpiresAt())
	}
	if !json.Valid(tok.RawClaims()) || !strings.HasSuffix(string(tok.RawClaims()), `"x":{"y":[1]}}`) {
		t.Error("RawClaims are not the claims as signed")
	}
	tok.RawClaims()[0] = 'X'
	if tok.RawClaims()[0] != '{' {
		t.Error("RawClaims is no copy")
	}
}

// Anyone who has an ES256 token can encode its signature in a second valid way. Both must
// have the same Hash, because a list of refused hashes could be bypassed otherwise.
func TestHashIgnoresSignature(t *testing.T) {
	key := generate(t, token.ES256)
	claims := map[string]any{"iss": "https://issuer.example", "aud": "chat", "exp": at(time.Hour)}
	v := newVerifier(t, key.Key(), publicOptions)
	one, err := v.Verify(context.Background(), sign(t, key, claims))
	if err != nil {
		t.Fatal(err)
	}
	two, err := v.Verify(context.Background(), sign(t, key, claims)) // another random signature
	if err != nil {
		t.Fatal(err)
	}
	claims["sub"] = "ada"
	three, err := v.Verify(context.Background(), sign(t, key, claims))
	if err != nil {
		t.Fatal(err)
	}
	if one.Hash != two.Hash || one.Hash == three.Hash {
		t.Error("Hash has to depend on the signed parts, and on nothing else")
	}
}

func TestMaxSize(t *testing.T) {
	// A good token of exactly size bytes. No base64url text has 4n+1 bytes, so the header
	// must make up for it.
	ofSize := func(size int) string {
		for _, space := range []string{"", " ", "  "} {
			for pad := size*3/4 - 120; pad < size*3/4; pad++ {
				compact := signText(space+hs256, `{"exp":4000000000,"x":"`+strings.Repeat("x", pad)+`"}`)
				if len(compact) == size {
					return compact
				}
			}
		}
		t.Fatalf("no token of %d bytes", size)
		return ""
	}
	v := secretVerifier(t, token.Options{})
	wantRefused(t, v, ofSize(16384), nil)
	wantRefused(t, v, ofSize(16384)+"x", token.ErrTooLarge)
	wantRefused(t, secretVerifier(t, token.Options{MaxSize: 100}), signClaims(`{"exp":4000000000}`), token.ErrTooLarge)
	wantRefused(t, secretVerifier(t, token.Options{MaxSize: 1 << 15}), ofSize(1<<15), nil)
	// The size is checked first, whatever the other content.
	wantRefused(t, v, strings.Repeat(".", 1<<20), token.ErrTooLarge)
	allocated := testing.AllocsPerRun(10, func() { wantRefused(t, v, strings.Repeat("A", 1<<20), token.ErrTooLarge) })
	if allocated > 20 {
		t.Errorf("%v allocations to refuse a huge token", allocated)
	}
}

func TestConcurrentVerify(t *testing.T) {
	set := token.NewKeySet(token.Secret(secret).WithID("a"), generate(t, token.ES256).WithID("b").Key())
	v := newVerifier(t, set, publicOptions)
	good := signText(`{"alg":"HS256","kid":"a"}`, fmt.Sprintf(`{"iss":"https://issuer.example","aud":["x","chat"],"sub":"ada","exp":%d}`, at(time.Hour)))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				tok, err := v.Verify(context.Background(), good)
				if err != nil || tok.Subject != "ada" || tok.Audience()[1] != "chat" {
					t.Errorf("got %v, %v", tok, err)
					return
				}
				if _, err := v.Verify(context.Background(), good+"A"); err == nil {
					t.Error("accepted a longer signature")
				}
			}
		})
	}
	wg.Wait()
}
