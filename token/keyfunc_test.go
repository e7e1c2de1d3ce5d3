package token_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"socketiojwt/token"
)

type tenantKey struct{}

// A KeyFunc chooses by header, claims and context. Its key is checked like any other key.
func TestKeyFunc(t *testing.T) {
	secrets := map[string]string{"red/a": "the secret of red, of 32 bytes..", "blue/a": "the secret of blue, of 32 bytes."}
	v := newVerifier(t, token.KeyFunc(func(ctx context.Context, u token.Unverified) (token.Key, error) {
		var team string
		if err := u.Claim("team", &team); err != nil {
			return token.Key{}, err
		}
		if team != ctx.Value(tenantKey{}) {
			return token.Key{}, fmt.Errorf("%w: wrong tenant", token.ErrKeyNotFound)
		}
		secret, ok := secrets[team+"/"+u.Header.KeyID]
		if !ok {
			return token.Key{}, token.ErrKeyNotFound
		}
		return token.Secret(secret), nil
	}), token.Options{})
	for _, test := range []struct {
		tenant, key, header, claims string
		want                        error
	}{
		{"red", "red/a", `{"alg":"HS256","kid":"a"}`, `{"team":"red","exp":4000000000}`, nil},
		{"blue", "blue/a", `{"alg":"HS256","kid":"a"}`, `{"team":"blue","exp":4000000000}`, nil},
		{"red", "blue/a", `{"alg":"HS256","kid":"a"}`, `{"team":"red","exp":4000000000}`, token.ErrSignature},
		{"red", "blue/a", `{"alg":"HS256","kid":"a"}`, `{"team":"blue","exp":4000000000}`, token.ErrKeyNotFound},
		{"red", "red/a", `{"alg":"HS256","kid":"b"}`, `{"team":"red","exp":4000000000}`, token.ErrKeyNotFound},
		// Errors of Claim are about the token, and are returned unchanged.
		{"red", "red/a", `{"alg":"HS256","kid":"a"}`, `{"Team":"red","exp":4000000000}`, token.ErrClaimMissing},
		{"red", "red/a", `{"alg":"HS256","kid":"a"}`, `{"team":7,"exp":4000000000}`, token.ErrClaim},
		{"red", "red/a", `{"alg":"HS256","kid":"a"}`, `{"team":"red","team":"blue"}`, token.ErrMalformed},
		{"red", "red/a", `{"alg":"HS256","kid":"a"}`, `not JSON`, token.ErrMalformed},
	} {
		ctx := context.WithValue(context.Background(), tenantKey{}, test.tenant)
		_, err := v.Verify(ctx, signTextWith(secrets[test.key], test.header, test.claims))
		wantError(t, err, test.want)
	}
}

// An unknown error of a KeyFunc is temporary, and keeps its cause.
func TestKeyFuncErrors(t *testing.T) {
	down := errors.New("database is down")
	for _, test := range []struct {
		err, want error
	}{
		{down, token.ErrKeysUnavailable},
		{context.DeadlineExceeded, token.ErrKeysUnavailable},
		{fmt.Errorf("x: %w", token.ErrKeysUnavailable), token.ErrKeysUnavailable},
		{fmt.Errorf("x: %w", token.ErrKeyNotFound), token.ErrKeyNotFound},
		{token.ErrKey, token.ErrKey},
		{token.ErrIssuer, token.ErrIssuer},
	} {
		v := newVerifier(t, token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) {
			return token.Secret(secret), test.err // the key does not count
		}), token.Options{})
		_, err := v.Verify(context.Background(), signClaims(`{"exp":4000000000}`))
		wantError(t, err, test.want)
		if !errors.Is(err, test.err) {
			t.Errorf("%v has lost its cause %v", err, test.err)
		}
	}
}

// Checks of the form of a token run before a KeyFunc.
func TestKeyFuncIsNotCalledForMalformedTokens(t *testing.T) {
	v := newVerifier(t, token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) {
		t.Error("asked")
		return token.Key{}, nil
	}), token.Options{})
	for _, compact := range []string{
		"", "a.b.c", strings.Repeat("x", 9000), encode(`{"alg":"none"}`) + "." + encode(`{}`) + ".",
		signText(`{"alg":"HS256","crit":["x"]}`, `{}`), signText(`{"kid":"a"}`, `{}`),
	} {
		if _, err := v.Verify(context.Background(), compact); err == nil {
			t.Errorf("accepted %q", compact)
		}
	}
}

type brokenKeys struct{ m map[string]token.Key }

func (b *brokenKeys) Key(_ context.Context, u token.Unverified) (token.Key, error) {
	return b.m[u.Header.KeyID], nil
}

// embeddedKeys embeds a KeySet and overrides its Key, so it is code of the caller.
type embeddedKeys struct{ token.KeySet }

func (embeddedKeys) Key(context.Context, token.Unverified) (token.Key, error) {
	return token.Key{}, nil
}

func TestKeyFuncPanics(t *testing.T) {
	var log strings.Builder
	good := signClaims(`{"exp":4000000000}`)
	logger := slog.New(slog.NewTextHandler(&log, nil))
	v := newVerifier(t, token.KeyFunc(func(_ context.Context, u token.Unverified) (token.Key, error) {
		panic("cannot cope with " + good)
	}), token.Options{Logger: logger})
	_, err := v.Verify(context.Background(), good)
	wantError(t, err, token.ErrKey)
	if !strings.Contains(log.String(), "keyfunc_test.go") {
		t.Errorf("the log does not say where: %s", &log)
	}
	for _, text := range []string{log.String(), err.Error()} {
		if strings.Contains(text, strings.Split(good, ".")[2]) {
			t.Errorf("the token is in %q", text)
		}
	}
	wantRefused(t, newVerifier(t, (*brokenKeys)(nil), token.Options{}), good, token.ErrKey)
	wantRefused(t, newVerifier(t, &brokenKeys{}, token.Options{}), good, token.ErrKey)
	set := token.NewKeySet(token.Secret(secret).WithID("a"))
	wantRefused(t, newVerifier(t, embeddedKeys{set}, token.Options{}), good, token.ErrKey)

	for _, keys := range []token.Keys{nil, token.KeyFunc(nil)} {
		_, err := token.NewVerifier(keys, token.Options{})
		wantError(t, err, token.ErrKey)
	}
	wantRefused(t, new(token.Verifier), good, token.ErrTooLarge)
	wantRefused(t, new(token.Verifier), "", token.ErrMalformed)
}

// A done context is not an error of the token, before and after the KeyFunc.
func TestKeyFuncContext(t *testing.T) {
	good := signClaims(`{"exp":4000000000}`)
	gone := errors.New("the socket has gone")
	asked, ask := 0, func() {}
	v := newVerifier(t, token.KeyFunc(func(ctx context.Context, _ token.Unverified) (token.Key, error) {
		asked++
		ask()
		<-ctx.Done()
		return token.Secret(secret), nil // too late
	}), token.Options{})
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(gone)
	_, err := v.Verify(ctx, good)
	wantError(t, err, token.ErrKeysUnavailable)
	if !errors.Is(err, gone) || asked != 0 {
		t.Errorf("%v, asked %d times", err, asked)
	}
	ctx, cancel = context.WithCancelCause(context.Background())
	ask = func() { cancel(gone) }
	_, err = v.Verify(ctx, good)
	wantError(t, err, token.ErrKeysUnavailable)
	if !errors.Is(err, gone) || asked != 1 {
		t.Errorf("%v, asked %d times", err, asked)
	}
}
