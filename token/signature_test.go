package token_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"socketiojwt/token"
)

// without returns the result of v for a token while no turn is free. It returns at once if
// the token needs no turn.
func without(v *token.Verifier, compact string) (err error) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	token.WhileAllTurnsAreTaken(func() { _, err = v.Verify(ctx, compact) })
	return err
}

// A token that was verified before needs no turn. All others do, except for tokens of
// shared secrets, which are cheap.
func TestVerifiedSignatureIsRemembered(t *testing.T) {
	for _, alg := range []token.Algorithm{token.RS256, token.PS256, token.ES256, token.EdDSA} {
		key := generate(t, alg)
		v := newVerifier(t, key.Key(), publicOptions)
		compact, other := sign(t, key, benchClaims()), sign(t, key, map[string]any{"iss": "https://issuer.example", "aud": "chat", "exp": at(time.Hour)})
		wantError(t, without(v, compact), token.ErrKeysUnavailable)
		wantRefused(t, v, compact, nil)
		wantError(t, without(v, compact), nil)
		wantError(t, without(v, other), token.ErrKeysUnavailable)
	}
	wantError(t, without(secretVerifier(t, token.Options{}), signClaims(`{"exp":4000000000}`)), nil)
}

// A refused token is not remembered, and is not accepted because of another's signature.
func TestRefusedSignatureIsNotRemembered(t *testing.T) {
	key := generate(t, token.ES256)
	v := newVerifier(t, key.Key(), publicOptions)
	good, foreign := sign(t, key, benchClaims()), sign(t, generate(t, token.ES256), benchClaims())
	spliced := good[:strings.LastIndexByte(good, '.')] + foreign[strings.LastIndexByte(foreign, '.'):]
	root := benchClaims()
	root["sub"] = "root"
	forged := sign(t, key, root)
	forged = forged[:strings.LastIndexByte(forged, '.')] + good[strings.LastIndexByte(good, '.'):]
	wantRefused(t, v, good, nil)
	for range 2 {
		wantRefused(t, v, foreign, token.ErrSignature)
		wantRefused(t, v, spliced, token.ErrSignature)
		wantRefused(t, v, forged, token.ErrSignature)
		wantError(t, without(v, spliced), token.ErrKeysUnavailable)
	}
	wantRefused(t, v, good, nil)
}

// A remembered signature belongs to one key. If the key is replaced under its ID, is for
// another algorithm, ends or is withdrawn, the token is refused.
func TestRememberedSignatureNeedsItsKey(t *testing.T) {
	first, second := generate(t, token.RS256), generate(t, token.RS256)
	text, err := first.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	compact := sign(t, first, benchClaims())
	var key token.Key
	var none error
	v := newVerifier(t, token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) { return key, none }), publicOptions)
	good := token.PEM(text).WithID("k")
	for _, test := range []struct {
		key  token.Key
		none error
		want error
	}{
		{good, nil, nil},
		{second.Key().WithID("k"), nil, token.ErrSignature},
		{token.PEM(text, token.PS256).WithID("k"), nil, token.ErrAlgorithm},
		{good.WithNotAfter(now), nil, token.ErrKeyNotFound},
		{token.Key{}, token.ErrKeyNotFound, token.ErrKeyNotFound},
		{token.Key{}, errors.New("down"), token.ErrKeysUnavailable},
		{good, nil, nil},
	} {
		key, none = test.key, test.none
		wantRefused(t, v, compact, test.want)
	}
	// The same key from another parse, as after a new fetch of a set, is the same key.
	key = token.PEM(text).WithID("k")
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	token.WhileAllTurnsAreTaken(func() { _, err = v.Verify(ctx, compact) })
	wantError(t, err, nil)
}

// The claims of a remembered token are checked again, because time passes.
func TestRememberedTokenEnds(t *testing.T) {
	key := generate(t, token.EdDSA)
	opts, clock := publicOptions, now
	opts.Now = func() time.Time { return clock }
	v := newVerifier(t, key.Key(), opts)
	compact := sign(t, key, benchClaims()) // for an hour
	wantRefused(t, v, compact, nil)
	clock = now.Add(time.Hour + 9*time.Second)
	wantRefused(t, v, compact, nil)
	clock = now.Add(time.Hour + 10*time.Second)
	wantRefused(t, v, compact, token.ErrExpired)
}

// Verifiers do not share remembered signatures, because their rules differ.
func TestVerifiersRememberApart(t *testing.T) {
	key := generate(t, token.EdDSA)
	wantRefused(t, newVerifier(t, key.Key(), publicOptions), sign(t, key, benchClaims()), nil)
	opts := publicOptions
	opts.Audiences = []string{"billing"}
	wantRefused(t, newVerifier(t, key.Key(), opts), sign(t, key, benchClaims()), token.ErrAudience)
}

// A caller whose context is done costs no arithmetic, even if a turn is free.
func TestCancelledCallersDoNotVerify(t *testing.T) {
	key := generate(t, token.EdDSA)
	ctx, cancel := context.WithCancelCause(context.Background())
	gone := errors.New("gone")
	cancel(gone)
	for range 32 {
		compact := sign(t, key, benchClaims())
		v := newVerifier(t, key.Key(), publicOptions)
		_, err := v.Verify(ctx, compact)
		wantError(t, err, token.ErrKeysUnavailable)
		if !errors.Is(err, gone) {
			t.Fatalf("%v does not say why", err)
		}
		wantError(t, without(v, compact), token.ErrKeysUnavailable)
		wantRefused(t, v, compact, nil) // and no turn is lost
	}
}

// The latest signatures are remembered, however many came before.
func TestMaxRemembered(t *testing.T) {
	key := generate(t, token.EdDSA)
	var compact [64]string
	for i := range compact {
		compact[i] = sign(t, key, map[string]any{"iss": "https://issuer.example", "aud": "chat", "exp": at(time.Hour), "jti": fmt.Sprint(i)})
	}
	for most, want := range map[int]int{-1: 0, 1: 2, 3: 4, 20: 14, 64: 64, 0: 64} {
		opts := publicOptions
		opts.MaxRemembered = most
		v := newVerifier(t, key.Key(), opts)
		for _, c := range compact {
			wantRefused(t, v, c, nil)
		}
		for i, c := range compact {
			if remembered := without(v, c) == nil; remembered != (i >= len(compact)-want) {
				t.Errorf("MaxRemembered %d: token %d of 64 is remembered: %t, want the last %d", most, i+1, remembered, want)
			}
		}
	}
}

// Each waiting caller gets a turn and gives it back, whatever the token is.
func TestManyVerifyAtOnce(t *testing.T) {
	key := generate(t, token.ES256)
	opts := publicOptions
	opts.MaxRemembered = 2
	v := newVerifier(t, key.Key(), opts)
	bad := sign(t, generate(t, token.ES256), benchClaims())
	var good [4]string
	for i := range good {
		good[i] = sign(t, key, benchClaims())
	}
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			wantRefused(t, v, good[i%len(good)], nil)
			wantRefused(t, v, bad, token.ErrSignature)
		})
	}
	all.Wait()
	wantRefused(t, v, good[0], nil) // all turns were given back
}
