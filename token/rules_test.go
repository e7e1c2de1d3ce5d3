package token_test

import (
	"crypto/sha256"
	"testing"
	"time"

	"socketiojwt/token"
)

// Rules refuse options that do nothing without a signed token, and require an audience.
func TestNewRules(t *testing.T) {
	audience := []string{"chat"}
	for name, c := range map[string]struct {
		opts token.Options
		want error
	}{
		"an audience":        {token.Options{Audiences: audience}, nil},
		"waived":             {token.Options{InsecureNoAudience: true}, nil},
		"no audience":        {token.Options{Issuers: []string{"i"}}, token.ErrOptions},
		"type":               {token.Options{Audiences: audience, Type: "JWT"}, token.ErrOptions},
		"remembered":         {token.Options{Audiences: audience, MaxRemembered: -1}, token.ErrOptions},
		"a short secret":     {token.Options{Audiences: audience, InsecureShortSecret: true}, token.ErrOptions},
		"no issuer":          {token.Options{Audiences: audience, InsecureNoIssuer: true}, token.ErrOptions},
		"a negative maximum": {token.Options{Audiences: audience, MaxAge: -1}, token.ErrOptions},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := token.NewRules(c.opts)
			wantError(t, err, c.want)
		})
	}
}

// Accept applies the checks of a signed token, and gives the Token the same end.
func TestRulesAccept(t *testing.T) {
	now := time.Unix(1000, 0)
	opts := token.Options{Audiences: []string{"chat"}, NumericSubject: true, Now: func() time.Time { return now }}
	rules, err := token.NewRules(opts)
	if err != nil {
		t.Fatal(err)
	}
	got, err := rules.Accept("opaque", []byte(`{"sub":7,"aud":"chat","exp":1060,"active":true}`))
	if err != nil {
		t.Fatal(err)
	}
	if got.Subject != "7" || got.Hash != sha256.Sum256([]byte("opaque")) || !got.ValidUntil().Equal(time.Unix(1070, 0)) {
		t.Errorf("%v of %q until %s", got, got.Subject, got.ValidUntil())
	}
	for claims, wanted := range map[string]error{
		`{"sub":"ada","aud":"chat"}`:                     token.ErrClaimMissing,
		`{"sub":"ada","aud":"chat","exp":900}`:           token.ErrExpired,
		`{"sub":"ada","aud":"chat","exp":9e9,"nbf":5e9}`: token.ErrNotYetValid,
		`{"sub":"ada","aud":"x","exp":9e9}`:              token.ErrAudience,
		`{"sub":"ada","exp":9e9}`:                        token.ErrAudience,
		`{"sub":"ada","aud":"chat","exp":9e9}x`:          token.ErrMalformed,
	} {
		_, err := rules.Accept("opaque", []byte(claims))
		wantError(t, err, wanted)
		_, subject, hash := token.RefusedToken(err)
		if wanted == token.ErrExpired && (subject != "ada" || hash != sha256.Sum256([]byte("opaque"))) {
			t.Errorf("the log gets the subject %q and the hash %x", subject, hash)
		}
	}
	for _, r := range []token.Rules{{}, rules} {
		_, err := r.Accept("", []byte(`{"aud":"chat","exp":9e9}`))
		wantError(t, err, token.ErrMalformed)
	}
	_, err = token.Rules{}.Accept("opaque", []byte(`{"aud":"chat","exp":9e9}`))
	wantError(t, err, token.ErrMalformed)

	opts.InsecureNoExpiry = true
	if rules, err = token.NewRules(opts); err != nil {
		t.Fatal(err)
	}
	got, err = rules.Accept("opaque", []byte(`{"aud":"chat"}`))
	if err != nil || !got.ValidUntil().IsZero() {
		t.Errorf("%v, %v: a token without exp never ends", got, err)
	}
}
