package token_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
)

func TestSingleKeyWithID(t *testing.T) {
	claims := `{"exp":4000000000}`
	named, unnamed := token.Secret(secret).WithID("a"), token.Secret(secret)
	a, b := signText(`{"alg":"HS256","kid":"a"}`, claims), signText(`{"alg":"HS256","kid":"b"}`, claims)
	wantRefused(t, newVerifier(t, named, token.Options{}), a, nil)
	wantRefused(t, newVerifier(t, named, token.Options{}), b, token.ErrKeyNotFound)
	wantRefused(t, newVerifier(t, named, token.Options{}), signClaims(claims), nil)
	wantRefused(t, newVerifier(t, unnamed, token.Options{}), b, nil)
}

func TestKeySet(t *testing.T) {
	other := "another secret of 32 bytes, as is"
	third := bytes.Repeat([]byte("x"), 64)
	keys := []token.Key{token.Secret(secret).WithID("a"), token.Secret(other).WithID("b"), token.SecretBytes(third, token.HS512).WithID("c")}
	set := token.NewKeySet(keys...)
	clear(keys) // the set holds copies
	v := newVerifier(t, set, token.Options{})
	claims := `{"exp":4000000000}`
	wantRefused(t, v, signText(`{"alg":"HS256","kid":"a"}`, claims), nil)
	wantRefused(t, v, signTextWith(other, `{"alg":"HS256","kid":"b"}`, claims), nil)
	wantRefused(t, v, signTextWith(other, `{"alg":"HS256","kid":"a"}`, claims), token.ErrSignature)
	wantRefused(t, v, signText(`{"alg":"HS256","kid":"c"}`, claims), token.ErrAlgorithm)
	wantRefused(t, v, signText(`{"alg":"HS256","kid":"d"}`, claims), token.ErrKeyNotFound)
	wantRefused(t, v, signText(`{"alg":"HS384"}`, claims), token.ErrKeyNotFound)
	wantRefused(t, v, signText(`{"alg":"HS512"}`, claims), token.ErrSignature) // the set has one key for HS512
	rotating := token.NewKeySet(token.Secret(secret).WithID("a"), token.SecretBytes(third, token.HS512).WithID("c"))
	wantRefused(t, newVerifier(t, rotating, token.Options{}), signText(`{"alg":"HS256"}`, claims), nil)

	for name, broken := range map[string]token.KeySet{
		"zero":      {},
		"empty":     token.NewKeySet(),
		"no ID":     token.NewKeySet(token.Secret(secret)),
		"zero key":  token.NewKeySet(token.Secret(secret).WithID("a"), token.Key{}),
		"same ID":   token.NewKeySet(token.Secret(secret).WithID("a"), token.Secret(other).WithID("a")),
		"short key": token.NewKeySet(token.Secret(secret).WithID("a"), token.Secret("short").WithID("b")),
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, broken.Err(), token.ErrKey)
			_, err := token.NewVerifier(broken, token.Options{})
			wantError(t, err, token.ErrKey)
			v := newVerifier(t, token.KeyFunc(broken.Key), token.Options{})
			if _, err := v.Verify(context.Background(), signText(`{"alg":"HS256","kid":"b"}`, claims)); err == nil {
				t.Error("accepted by a broken set")
			}
		})
	}
	short := token.NewKeySet(token.Secret("short").WithID("b"))
	wantRefused(t, newVerifier(t, short, token.Options{InsecureShortSecret: true}), signTextWith("short", hs256, claims), nil)
}

// Several shared secrets are tried in order for a token without a key ID. Public keys, and
// more secrets than 8, are not tried.
func TestKeySetIsARing(t *testing.T) {
	const claims = `{"exp":4000000000}`
	var secrets []string
	var ring []token.Key
	for i := range 8 {
		secrets = append(secrets, fmt.Sprintf("secret %d of a ring, in 32 bytes...", i))
		ring = append(ring, token.Secret(secrets[i]).WithID(fmt.Sprint("key-", i)))
	}
	v := newVerifier(t, token.NewKeySet(ring...), token.Options{})
	for i, one := range secrets {
		wantRefused(t, v, signTextWith(one, hs256, claims), nil)
		wantRefused(t, v, signTextWith(one, fmt.Sprintf(`{"alg":"HS256","kid":"key-%d"}`, i), claims), nil)
		wantRefused(t, v, signTextWith(one, fmt.Sprintf(`{"alg":"HS256","kid":"key-%d"}`, (i+1)%8), claims), token.ErrSignature)
	}
	wantRefused(t, v, signText(hs256, claims), token.ErrSignature)
	wantRefused(t, v, signTextWith(secrets[0], `{"alg":"HS384"}`, claims), token.ErrKeyNotFound)

	v = newVerifier(t, token.NewKeySet(append(ring, token.Secret(secret).WithID("ninth"))...), token.Options{})
	wantRefused(t, v, signTextWith(secrets[0], hs256, claims), token.ErrKeyNotFound)
	wantRefused(t, v, signText(`{"alg":"HS256","kid":"ninth"}`, claims), nil)

	a, b := generate(t, token.ES256), generate(t, token.ES256)
	public := token.NewKeySet(a.Key().WithID("a"), b.Key().WithID("b"))
	v = newVerifier(t, public, token.Options{Issuers: []string{"i"}, Audiences: []string{"a"}})
	wantRefused(t, v, sign(t, a, map[string]any{"iss": "i", "aud": "a", "exp": at(time.Hour)}), token.ErrKeyNotFound)
}

// A key with an end verifies nothing from then on, and tokens that it verified are good
// until then at most.
func TestKeyWithNotAfter(t *testing.T) {
	end := now.Add(time.Minute)
	clock := now
	opts := token.Options{Leeway: -1, Now: func() time.Time { return clock }}
	ending := token.Secret(secret).WithID("old").WithNotAfter(end)
	const young = "the next secret, of 32 bytes too"
	set := token.NewKeySet(ending, token.Secret(young).WithID("young"))
	choose := token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) { return ending, nil })
	long, brief := fmt.Sprintf(`{"exp":%d}`, at(time.Hour)), fmt.Sprintf(`{"exp":%d}`, at(time.Second))
	for name, keys := range map[string]token.Keys{"key": ending, "set": set, "func": choose} {
		t.Run(name, func(t *testing.T) {
			clock = now
			v := newVerifier(t, keys, opts)
			for claims, want := range map[string]time.Time{long: end, brief: now.Add(time.Second)} {
				good, err := v.Verify(t.Context(), signText(hs256, claims))
				if err != nil || !good.ValidUntil().Equal(want) {
					t.Errorf("%s: %v, until %v; want %s", claims, err, good.ValidUntil(), want)
				}
			}
			clock = end.Add(-time.Nanosecond)
			wantRefused(t, v, signText(hs256, long), nil)
			clock = end
			wantRefused(t, v, signText(hs256, long), token.ErrKeyNotFound)
			wantRefused(t, v, signText(`{"alg":"HS256","kid":"old"}`, long), token.ErrKeyNotFound)
		})
	}
	clock = end
	wantRefused(t, newVerifier(t, set, opts), signTextWith(young, hs256, long), nil)

	// The wall clock decides, because the monotonic clock stops while a machine is
	// suspended.
	v := newVerifier(t, token.Secret(secret).WithNotAfter(time.Now().Add(time.Minute)), token.Options{})
	good, err := v.Verify(t.Context(), signText(hs256, fmt.Sprintf(`{"exp":%d}`, time.Now().Add(time.Hour).Unix())))
	if err != nil || strings.Contains(good.ValidUntil().String(), "m=") {
		t.Errorf("by the wall clock: %v, until %v", err, good.ValidUntil())
	}

	// A token without exp is good until its key ends.
	opts.InsecureNoExpiry = true
	clock = now
	good, err = newVerifier(t, ending, opts).Verify(t.Context(), signText(hs256, `{}`))
	if err != nil || !good.ValidUntil().Equal(end) {
		t.Errorf("without exp: %v, until %v", err, good.ValidUntil())
	}
}

// A set that cannot be used returns no key.
func TestUnusableKeySetGivesNoKey(t *testing.T) {
	for name, set := range map[string]token.KeySet{
		"zero": {}, "empty": token.NewKeySet(), "without IDs": token.NewKeySet(token.Secret(secret)),
		"with one ID for two": token.NewKeySet(token.Secret(secret).WithID("1"), token.Secret("another secret of thirty-two bytes").WithID("1")),
	} {
		for _, id := range []string{"", "1"} {
			k, err := set.Key(t.Context(), token.Unverified{Header: token.Header{Algorithm: token.HS256, KeyID: id}})
			if k.ID() != "" || k.Algorithms() != nil || !errors.Is(err, token.ErrKey) {
				t.Errorf("%s: %v, %v", name, k, err)
			}
		}
	}
}
