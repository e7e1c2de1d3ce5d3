package token_test

import (
	"context"
	"regexp"
	"strings"
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
		"no audience and a pattern":  {public, token.Options{InsecureNoAudience: true, Issuers: []string{"a"}, AudiencePattern: regexp.MustCompile("a")}},
		"pattern for anything":       {shared, token.Options{AudiencePattern: regexp.MustCompile(".*")}},
		"pattern with an empty way":  {shared, token.Options{AudiencePattern: regexp.MustCompile("(?m)^$|chat")}},
		"empty pattern":              {shared, token.Options{AudiencePattern: regexp.MustCompile("")}},
		"zero pattern":               {shared, token.Options{AudiencePattern: new(regexp.Regexp)}},
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

// A pattern has to match a whole audience, as it was compiled, and is a rule for
// audiences wherever Audiences are one.
func TestAudiencePattern(t *testing.T) {
	room := regexp.MustCompile(`chat-\d+`)
	for _, test := range []struct {
		name, aud string // the claim, as JSON
		opts      token.Options
		want      error
	}{
		{"the whole", `"chat-12"`, token.Options{AudiencePattern: room}, nil},
		{"one of a list", `["mail","chat-1"]`, token.Options{AudiencePattern: room}, nil},
		{"escaped", `"\u0063hat-1"`, token.Options{AudiencePattern: room}, nil},
		{"more before", `"xchat-1"`, token.Options{AudiencePattern: room}, token.ErrAudience},
		{"more behind", `"chat-1.evil.example"`, token.Options{AudiencePattern: room}, token.ErrAudience},
		{"a line break behind", `"chat-1\n"`, token.Options{AudiencePattern: room}, token.ErrAudience},
		{"a line of its own", `"evil\nchat-1\nevil"`, token.Options{AudiencePattern: regexp.MustCompile(`(?m)^chat-1$`)}, token.ErrAudience},
		{"the list as a whole", `["chat-","1"]`, token.Options{AudiencePattern: room}, token.ErrAudience},
		{"none", ``, token.Options{AudiencePattern: room}, token.ErrAudience},
		{"empty", `""`, token.Options{AudiencePattern: room}, token.ErrAudience},
		{"empty list", `[]`, token.Options{AudiencePattern: room}, token.ErrAudience},
		{"list of empty", `["",""]`, token.Options{AudiencePattern: room}, token.ErrAudience},
		{"case", `"CHAT-1"`, token.Options{AudiencePattern: room}, token.ErrAudience},
		{"case, if it says so", `"CHAT-1"`, token.Options{AudiencePattern: regexp.MustCompile(`(?i)chat-\d`)}, nil},
		{"beside Audiences", `"mail"`, token.Options{AudiencePattern: room, Audiences: []string{"mail"}}, nil},
		{"in place of Audiences", `"chat-1"`, token.Options{AudiencePattern: room, Audiences: []string{"mail"}}, nil},
		{"neither", `"post"`, token.Options{AudiencePattern: room, Audiences: []string{"mail"}}, token.ErrAudience},

		// What it means must not change by what is done to match the whole.
		{"alternatives, a part", `"ax"`, token.Options{AudiencePattern: regexp.MustCompile(`a|b`)}, token.ErrAudience},
		{"alternatives, the second", `"b"`, token.Options{AudiencePattern: regexp.MustCompile(`a|b`)}, nil},
		{"the shorter alternative first", `"chat-1"`, token.Options{AudiencePattern: regexp.MustCompile(`chat|chat-1`)}, nil},
		{"not greedy", `"chat-123"`, token.Options{AudiencePattern: regexp.MustCompile(`chat-\d+?`)}, nil},
		{"an open quotation", `"a.c"`, token.Options{AudiencePattern: regexp.MustCompile(`\Qa.c`)}, nil},
		{"an open quotation, a part", `"a.c)"`, token.Options{AudiencePattern: regexp.MustCompile(`\Qa.c`)}, token.ErrAudience},
		{"POSIX", `"a\nb"`, token.Options{AudiencePattern: regexp.MustCompilePOSIX(`a[^x]b`)}, token.ErrAudience},
		{"own anchors", `"chat-1"`, token.Options{AudiencePattern: regexp.MustCompile(`^chat-1$`)}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			claims := `{"exp":4000000000,"aud":` + test.aud + `}`
			if test.aud == "" {
				claims = `{"exp":4000000000}`
			}
			v := secretVerifier(t, test.opts)
			wantRefused(t, v, signClaims(claims), test.want)
			if _, err := v.Verify(context.Background(), signClaims(claims)); err != nil && strings.Contains(err.Error(), `\d`) {
				t.Errorf("%q tells the pattern", err)
			}
		})
	}
	// It is copied, and the caller's stays as it was.
	lazy := regexp.MustCompile(`a+?`)
	secretVerifier(t, token.Options{AudiencePattern: lazy})
	if got := lazy.FindString("aaa"); got != "a" {
		t.Errorf("the caller's pattern now finds %q", got)
	}
	// With a public key it is as good as Audiences.
	newVerifier(t, generate(t, token.EdDSA).Key(), token.Options{Issuers: []string{"a"}, AudiencePattern: room})
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
