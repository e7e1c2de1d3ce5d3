package token_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"socketiojwt/token"
)

// tenants is a table of issuers that changes while a test runs.
type tenants struct {
	mu    sync.Mutex
	known map[string]*token.Verifier
	down  error
	calls atomic.Int64
	slow  time.Duration
}

func (ts *tenants) find(ctx context.Context, issuer string) (*token.Verifier, error) {
	ts.calls.Add(1)
	ts.mu.Lock()
	v, err := ts.known[issuer], ts.down // as they were when the call began
	ts.mu.Unlock()
	select {
	case <-time.After(ts.slow):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	switch {
	case err != nil:
		return nil, err
	case v == nil:
		return nil, token.ErrIssuer
	}
	return v, nil
}

func (ts *tenants) set(issuer string, v *token.Verifier) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.known == nil {
		ts.known = make(map[string]*token.Verifier)
	}
	ts.known[issuer] = v
}

func (ts *tenants) setDown(err error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.down = err
}

// since returns the number of calls since the last call of since.
func (ts *tenants) since() int64 { return ts.calls.Swap(0) }

func byIssuerFunc(t testing.TB, find token.IssuerFunc, opts token.IssuerOptions) *token.Issuers {
	t.Helper()
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	issuers, err := token.ByIssuerFunc(find, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = issuers.Close() })
	return issuers
}

// tenant returns a verifier whose keys and audience are those of one issuer.
func tenant(t testing.TB, issuer, key string) *token.Verifier {
	return newVerifier(t, token.Secret(key), token.Options{Issuers: []string{issuer}, Audiences: []string{"chat"}, Now: time.Now})
}

const acme, globex = "https://acme.example", "https://globex.example"

// keyOf returns the secret of an issuer.
func keyOf(issuer string) string { return issuer + strings.Repeat(" secret", 5) }

// tokenOf returns a token signed by an issuer.
func tokenOf(issuer string) string {
	return signTextWith(keyOf(issuer), hs256, fmt.Sprintf(`{"iss":%q,"sub":"ada","aud":"chat","exp":%d}`, issuer, time.Now().Add(time.Hour).Unix()))
}

func verify(issuers *token.Issuers, compact string) error {
	_, err := issuers.Verify(context.Background(), compact)
	return err
}
