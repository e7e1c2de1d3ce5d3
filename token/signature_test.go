package token_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"socketiojwt/token"
)

// busy is a Limiter that refuses every caller. It counts the calls.
type busy struct {
	t     testing.TB
	asked int
}

var errBusy = errors.New("busy")

func (b *busy) Acquire(context.Context) error { b.asked++; return errBusy }
func (b *busy) Release()                      { b.t.Error("Release without Acquire") }

// without returns the result of v for a token while its Limiter refuses every caller.
func without(t testing.TB, v *token.Verifier, compact string) error {
	t.Helper()
	limiter := &busy{t: t}
	_, err := v.Verify(token.WithLimiter(t.Context(), limiter), compact)
	if asked, waits := limiter.asked == 1, errors.Is(err, errBusy); asked != waits || limiter.asked > 1 {
		t.Errorf("the limiter was asked %d times, and the result is %v", limiter.asked, err)
	}
	return err
}

// A token that was verified before does not ask the Limiter. All others do, except for
// tokens of shared secrets, which are cheap.
func TestVerifiedSignatureIsRemembered(t *testing.T) {
	for _, alg := range []token.Algorithm{token.RS256, token.PS256, token.ES256, token.EdDSA} {
		key := generate(t, alg)
		v := newVerifier(t, key.Key(), publicOptions)
		compact, other := sign(t, key, benchClaims()), sign(t, key, map[string]any{"iss": "https://issuer.example", "aud": "chat", "exp": at(time.Hour)})
		wantError(t, without(t, v, compact), token.ErrKeysUnavailable)
		wantRefused(t, v, compact, nil)
		wantError(t, without(t, v, compact), nil)
		wantError(t, without(t, v, other), token.ErrKeysUnavailable)
	}
	wantError(t, without(t, secretVerifier(t, token.Options{}), signClaims(`{"exp":4000000000}`)), nil)
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
		wantError(t, without(t, v, spliced), token.ErrKeysUnavailable)
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
	wantError(t, without(t, v, compact), nil)
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

// A caller whose context is done costs no arithmetic, also without a Limiter.
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
		wantError(t, without(t, v, compact), token.ErrKeysUnavailable)
		wantRefused(t, v, compact, nil)
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
			if remembered := without(t, v, c) == nil; remembered != (i >= len(compact)-want) {
				t.Errorf("MaxRemembered %d: token %d of 64 is remembered: %t, want the last %d", most, i+1, remembered, want)
			}
		}
	}
}

// counter is a Limiter that counts its callers.
type counter struct{ now, all atomic.Int64 }

func (c *counter) Acquire(context.Context) error { c.now.Add(1); c.all.Add(1); return nil }
func (c *counter) Release()                      { c.now.Add(-1) }

// Each Acquire is followed by one Release, whatever the token is.
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
	var limiter counter
	ctx := token.WithLimiter(t.Context(), &limiter)
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			_, err := v.Verify(ctx, good[i%len(good)])
			wantError(t, err, nil)
			_, err = v.Verify(ctx, bad)
			wantError(t, err, token.ErrSignature)
		})
	}
	all.Wait()
	if now, all := limiter.now.Load(), limiter.all.Load(); now != 0 || all < 50+int64(len(good)) {
		t.Errorf("%d callers, and %d of them have not called Release", all, now)
	}
}
