package token_test

import (
	"context"
	"testing"
	"time"

	"socketiojwt/token"
)

func TestOptionsThatDoNotApply(t *testing.T) {
	public := generate(t, token.EdDSA).Key()
	shared := token.Secret(secret)
	for name, test := range map[string]struct {
		keys token.Keys
		opts token.Options
	}{
		"empty issuer":               {shared, token.Options{Issuers: []string{"a", ""}}},
		"empty audience":             {shared, token.Options{Audiences: []string{""}}},
		"empty required":             {shared, token.Options{Required: []string{""}}},
		"negative max age":           {shared, token.Options{MaxAge: -1}},
		"leeway over 5 minutes":      {shared, token.Options{Leeway: 5*time.Minute + 1}},
		"negative size":              {shared, token.Options{MaxSize: -1}},
		"two waivers of exp":         {shared, token.Options{InsecureNoExpiry: true, InsecureIgnoreExpiry: true}},
		"no issuer and issuers":      {public, token.Options{InsecureNoIssuer: true, Issuers: []string{"a"}, Audiences: []string{"a"}}},
		"no audience and audiences":  {public, token.Options{InsecureNoAudience: true, Issuers: []string{"a"}, Audiences: []string{"a"}}},
		"no issuer for a secret":     {shared, token.Options{InsecureNoIssuer: true}},
		"no audience for a secret":   {shared, token.Options{InsecureNoAudience: true}},
		"short secret for a public":  {public, token.Options{InsecureShortSecret: true, Issuers: []string{"a"}, Audiences: []string{"a"}}},
		"no issuer, set of secrets":  {token.NewKeySet(shared.WithID("a")), token.Options{InsecureNoIssuer: true}},
		"short secret, public alone": {token.NewKeySet(public.WithID("a")), token.Options{InsecureShortSecret: true, Issuers: []string{"a"}, Audiences: []string{"a"}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := token.NewVerifier(test.keys, test.opts)
			wantError(t, err, token.ErrOptions)
		})
	}
}

// Options are copied: what the caller does with them later changes nothing.
func TestOptionsAreCopied(t *testing.T) {
	opts := token.Options{Issuers: []string{"a"}, Audiences: []string{"a"}, Required: []string{"sub"}}
	v := secretVerifier(t, opts)
	opts.Issuers[0], opts.Audiences[0], opts.Required[0] = "b", "b", "role"
	wantRefused(t, v, signClaims(`{"iss":"a","aud":"a","sub":"ada","exp":4000000000}`), nil)
}

// Without Now it is the machine's clock that counts.
func TestOptionsNow(t *testing.T) {
	v, err := token.NewVerifier(token.Secret(secret), token.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.Verify(context.Background(), signClaims(`{"exp":4000000000}`)) // 2096
	wantError(t, err, nil)
	_, err = v.Verify(context.Background(), signClaims(`{"exp":1000000000}`)) // 2001
	wantError(t, err, token.ErrExpired)
}
