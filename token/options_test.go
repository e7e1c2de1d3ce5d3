package token_test

import (
	"context"
	"errors"
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
		"claims without a name":      {shared, token.Options{Claims: map[string]string{"": "a"}}},
		"claims: no name, an azp":    {shared, token.Options{Claims: map[string]string{"": "a"}, AudienceClaim: "cid", Audiences: []string{"a"}}},
		"claims without a value":     {shared, token.Options{Claims: map[string]string{"use": ""}}},
		"claims: aud":                {shared, token.Options{Claims: map[string]string{"aud": "a"}}},
		"claims: iss":                {shared, token.Options{Claims: map[string]string{"iss": "a"}}},
		"claims: sub":                {shared, token.Options{Claims: map[string]string{"sub": "a"}}},
		"claims: jti":                {shared, token.Options{Claims: map[string]string{"jti": "a"}}},
		"claims: nonce":              {shared, token.Options{Claims: map[string]string{"nonce": "a"}}},
		"claims: exp":                {shared, token.Options{Claims: map[string]string{"use": "a", "exp": "1"}}},
		"claims: the audience":       {shared, token.Options{Claims: map[string]string{"cid": "a"}, AudienceClaim: "cid", Audiences: []string{"a"}}},
		"empty absent":               {shared, token.Options{Absent: []string{""}}},
		"absent and required":        {shared, token.Options{Absent: []string{"a", "b"}, Required: []string{"b"}}},
		"absent and asked for":       {shared, token.Options{Absent: []string{"use"}, Claims: map[string]string{"use": "a"}}},
		"absent and a rule: iss":     {shared, token.Options{Absent: []string{"iss"}, Issuers: []string{"a"}}},
		"absent and a rule: aud":     {shared, token.Options{Absent: []string{"aud"}, Audiences: []string{"a"}}},
		"absent and a rule: sub":     {shared, token.Options{Absent: []string{"sub"}, Subject: "a"}},
		"absent and a rule: jti":     {shared, token.Options{Absent: []string{"jti"}, ID: "a"}},
		"absent and a rule: nonce":   {shared, token.Options{Absent: []string{"nonce"}, Nonce: "a"}},
		"absent and a rule: iat":     {shared, token.Options{Absent: []string{"iat"}, MaxAge: time.Hour}},
		"absent and a rule: exp":     {shared, token.Options{Absent: []string{"exp"}}},
		"absent and the audience":    {shared, token.Options{Absent: []string{"cid"}, AudienceClaim: "cid", Audiences: []string{"a"}}},
		"audience claim: sub":        {shared, token.Options{AudienceClaim: "sub", Audiences: []string{"a"}}},
		"audience claim: iss":        {shared, token.Options{AudienceClaim: "iss", Audiences: []string{"a"}}},
		"audience claim alone":       {shared, token.Options{AudienceClaim: "client_id"}},
		"audience claim for nobody":  {public, token.Options{AudienceClaim: "client_id", Issuers: []string{"a"}, InsecureNoAudience: true}},
		"audience claim, no values":  {public, token.Options{AudienceClaim: "client_id", Issuers: []string{"a"}}},
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

// Absent accepts any claim that no other option requires.
func TestAbsentRegisteredClaims(t *testing.T) {
	v := secretVerifier(t, token.Options{
		Absent:        []string{"iss", "aud", "sub", "jti", "nonce", "iat", "exp"},
		AudienceClaim: "client_id", Audiences: []string{"chat"}, InsecureNoExpiry: true,
	})
	wantRefused(t, v, signClaims(`{"client_id":"chat"}`), nil)
	for _, claim := range []string{`"iss":"a"`, `"aud":"chat"`, `"sub":"a"`, `"jti":"a"`, `"nonce":"a"`, `"iat":0`, `"exp":4000000000`} {
		wantRefused(t, v, signClaims(`{"client_id":"chat",`+claim+`}`), token.ErrClaim)
	}
}

// A pattern must match a whole audience, with the flags that it was compiled with. It can
// be used in place of Audiences.
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

		// The pattern must not change its meaning because it is matched as a whole.
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
	// The pattern is copied, and the caller's is not changed.
	lazy := regexp.MustCompile(`a+?`)
	secretVerifier(t, token.Options{AudiencePattern: lazy})
	if got := lazy.FindString("aaa"); got != "a" {
		t.Errorf("the caller's pattern now finds %q", got)
	}
	// With a public key a pattern is as good as Audiences.
	newVerifier(t, generate(t, token.EdDSA).Key(), token.Options{Issuers: []string{"a"}, AudiencePattern: room})
}

// AudienceClaim is read by the rules of aud, and aud is then not checked.
func TestAudienceClaim(t *testing.T) {
	chat := token.Options{AudienceClaim: "client_id", Audiences: []string{"chat", "mail"}}
	for _, test := range []struct {
		name, claims string
		opts         token.Options
		want         error
	}{
		{"the one", `"client_id":"chat"`, chat, nil},
		{"the other", `"client_id":"mail"`, chat, nil},
		{"a list", `"client_id":["shop","chat"]`, chat, nil},
		{"escaped", `"client\u005fid":"\u0063hat"`, chat, nil},
		{"with another aud", `"client_id":"chat","aud":"shop"`, chat, nil},
		{"another", `"client_id":"shop"`, chat, token.ErrAudience},
		{"aud alone", `"aud":"chat"`, chat, token.ErrAudience},
		{"another, with a good aud", `"client_id":"shop","aud":"chat"`, chat, token.ErrAudience},
		{"case of the name", `"Client_id":"chat"`, chat, token.ErrAudience},
		{"nested", `"x":{"client_id":"chat"}`, chat, token.ErrAudience},
		{"none", `"x":1`, chat, token.ErrAudience},
		{"an empty list", `"client_id":[]`, chat, token.ErrAudience},
		{"more behind", `"client_id":"chat "`, chat, token.ErrAudience},
		{"null", `"client_id":null`, chat, token.ErrAudience},
		{"a number", `"client_id":7`, chat, token.ErrClaim},
		{"a list with a number", `"client_id":["chat",7]`, chat, token.ErrClaim},
		{"twice", `"client_id":"chat","client\u005fid":"shop"`, chat, token.ErrMalformed},
		{"an aud of the wrong type", `"client_id":"chat","aud":7`, chat, token.ErrClaim},
		{"a pattern", `"azp":"chat-7"`, token.Options{AudienceClaim: "azp", AudiencePattern: regexp.MustCompile(`chat-\d`)}, nil},
		{"a pattern, a part", `"azp":"chat-77"`, token.Options{AudienceClaim: "azp", AudiencePattern: regexp.MustCompile(`chat-\d`)}, token.ErrAudience},
		{"aud by its name", `"aud":["chat"]`, token.Options{AudienceClaim: "aud", Audiences: []string{"chat"}}, nil},
		{"aud by its name, another", `"aud":["shop"]`, token.Options{AudienceClaim: "aud", Audiences: []string{"chat"}}, token.ErrAudience},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantRefused(t, secretVerifier(t, test.opts), signClaims(`{"exp":4000000000,`+test.claims+`}`), test.want)
		})
	}
	tok, err := secretVerifier(t, chat).Verify(context.Background(), signClaims(`{"exp":4000000000,"client_id":"chat","aud":"shop"}`))
	if err != nil || len(tok.Audience()) != 1 || tok.Audience()[0] != "shop" {
		t.Errorf("Audience has to stay aud: %v, %v", tok, err)
	}
	// With a public key AudienceClaim is as good as aud.
	chat.Issuers = []string{"https://issuer.example"}
	key := generate(t, token.EdDSA)
	claims := map[string]any{"iss": "https://issuer.example", "client_id": "shop", "aud": "chat", "exp": at(time.Hour)}
	wantRefused(t, newVerifier(t, key.Key(), chat), sign(t, key, claims), token.ErrAudience)
}

// Options are copied: later changes by the caller have no effect.
func TestOptionsAreCopied(t *testing.T) {
	opts := token.Options{
		Issuers: []string{"a"}, Audiences: []string{"a"}, Required: []string{"sub"}, Absent: []string{"events"}, Claims: map[string]string{"use": "access"},
	}
	v := secretVerifier(t, opts)
	opts.Issuers[0], opts.Audiences[0], opts.Required[0], opts.Absent[0], opts.Claims["use"] = "b", "b", "role", "sub", "id"
	opts.Claims["kind"] = "x"
	wantRefused(t, v, signClaims(`{"iss":"a","aud":"a","sub":"ada","use":"access","exp":4000000000}`), nil)
	wantRefused(t, v, signClaims(`{"iss":"a","aud":"a","sub":"ada","use":"id","exp":4000000000}`), token.ErrClaim)
}

// Without Now the machine's clock is used.
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

// Untyped tokens are accepted besides one type, and no other type is.
func TestAllowUntyped(t *testing.T) {
	v := secretVerifier(t, token.Options{Type: "logout+jwt", AllowUntyped: true})
	for typ, want := range map[string]error{
		`"typ":"logout+jwt",`: nil, `"typ":"JWT",`: nil, `"typ":"",`: nil, ``: nil,
		`"typ":"at+jwt",`: token.ErrType, `"typ":"secevent+jwt",`: token.ErrType, `"typ":"text/jwt",`: token.ErrType,
	} {
		compact := signText(`{`+typ+`"alg":"HS256"}`, `{"exp":4000000000}`)
		if _, err := v.Verify(context.Background(), compact); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", typ, err, want)
		}
	}
	if _, err := token.NewVerifier(token.Secret(secret), token.Options{AllowUntyped: true}); !errors.Is(err, token.ErrOptions) {
		t.Errorf("without Type: %v", err)
	}
}
