package logout_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth/logout"
	"socketiojwt/token"
	"socketiojwt/token/mint"
)

// Tokens that must not log anyone out. Each differs from a good logout token in one thing.
func TestHostileLogoutTokens(t *testing.T) {
	f := newFixture(t, nil)
	other, err := mint.Generate(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	otherKey, err := mint.Sign(other.WithID(f.issuer.Key().Key().ID()), f.claims(nil), mint.Header{Type: "logout+jwt"})
	if err != nil {
		t.Fatal(err)
	}
	hmac, err := mint.Secret(strings.Repeat("s", 32), token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	shared, err := mint.Sign(hmac.WithID(f.issuer.Key().Key().ID()), f.claims(nil), mint.Header{Type: "logout+jwt"})
	if err != nil {
		t.Fatal(err)
	}
	payload, _ := json.Marshal(f.claims(nil))
	encode := base64.RawURLEncoding.EncodeToString
	good := f.sign(nil)
	now := time.Now()
	for name, test := range map[string]struct {
		compact string
		cause   error // nil means only that it is refused
	}{
		"an ID token":                      {f.signAs(mint.Header{Type: "JWT"}, claims{"events": nil, "nonce": "n", "auth_time": 1}), token.ErrClaimMissing},
		"an ID token without nonce":        {f.signAs(mint.Header{}, claims{"events": nil}), token.ErrClaimMissing},
		"an access token":                  {f.signAs(mint.Header{Type: "at+jwt"}, claims{"events": nil, "client_id": client}), token.ErrType},
		"an access token with events":      {f.signAs(mint.Header{Type: "at+jwt"}, nil), token.ErrType},
		"another security event":           {f.signAs(mint.Header{Type: "secevent+jwt"}, nil), token.ErrType},
		"a nonce":                          {f.sign(claims{"nonce": "n"}), token.ErrClaim},
		"a nonce that is null":             {f.sign(claims{"nonce": json.RawMessage("null")}), token.ErrClaim},
		"no events":                        {f.sign(claims{"events": nil}), token.ErrClaimMissing},
		"events is null":                   {f.sign(claims{"events": json.RawMessage("null")}), token.ErrClaimMissing},
		"events is a list":                 {f.sign(claims{"events": []string{event}}), token.ErrClaim},
		"events is a string":               {f.sign(claims{"events": event}), token.ErrClaim},
		"events is empty":                  {f.sign(claims{"events": claims{}}), token.ErrClaim},
		"another event":                    {f.sign(claims{"events": claims{event + "/": claims{}}}), token.ErrClaim},
		"the event is true":                {f.sign(claims{"events": claims{event: true}}), token.ErrClaim},
		"the event is null":                {f.sign(claims{"events": claims{event: nil}}), token.ErrClaim},
		"the event is a list":              {f.sign(claims{"events": claims{event: []int{}}}), token.ErrClaim},
		"the event is a string":            {f.sign(claims{"events": claims{event: "{}"}}), token.ErrClaim},
		"neither sub nor sid":              {f.sign(claims{"sub": nil, "sid": nil}), token.ErrClaimMissing},
		"sub and sid are empty":            {f.sign(claims{"sub": "", "sid": nil}), token.ErrClaimMissing},
		"sid is empty":                     {f.sign(claims{"sid": ""}), token.ErrClaim},
		"sid is a number":                  {f.sign(claims{"sid": 7}), token.ErrClaim},
		"sid is a list":                    {f.sign(claims{"sid": []string{"s1"}}), token.ErrClaim},
		"sub is a number":                  {f.sign(claims{"sub": 7}), token.ErrClaim},
		"no iss":                           {f.sign(claims{"iss": nil}), token.ErrIssuer},
		"another issuer":                   {f.sign(claims{"iss": "https://evil.example"}), token.ErrIssuer},
		"no aud":                           {f.sign(claims{"aud": nil}), token.ErrAudience},
		"another audience":                 {f.sign(claims{"aud": "mail"}), token.ErrAudience},
		"no iat":                           {f.sign(claims{"iat": nil}), token.ErrClaimMissing},
		"issued in the future":             {f.sign(claims{"iat": now.Add(time.Minute).Unix()}), token.ErrNotYetValid},
		"issued long ago":                  {f.sign(claims{"iat": now.Add(-time.Hour).Unix()}), token.ErrMaxAge},
		"no exp":                           {f.sign(claims{"exp": nil}), token.ErrClaimMissing},
		"expired":                          {f.sign(claims{"exp": now.Add(-time.Minute).Unix()}), token.ErrExpired},
		"not yet valid":                    {f.sign(claims{"nbf": now.Add(time.Minute).Unix()}), token.ErrNotYetValid},
		"no jti":                           {f.sign(claims{"jti": nil}), token.ErrClaimMissing},
		"jti is empty":                     {f.sign(claims{"jti": ""}), token.ErrClaimMissing},
		"bound to a key":                   {f.sign(claims{"cnf": claims{"jkt": "0ZcO"}}), token.ErrClaim},
		"alg none":                         {encode([]byte(`{"alg":"none","typ":"logout+jwt"}`)) + "." + encode(payload) + ".", token.ErrUnsigned},
		"signed by another key":            {otherKey, nil},
		"signed by a shared secret":        {shared, nil},
		"signature of another token":       {good[:strings.LastIndex(good, ".")] + f.sign(nil)[strings.LastIndex(f.sign(nil), "."):], token.ErrSignature},
		"not a token":                      {"logout", token.ErrMalformed},
		"a token that is too long":         {strings.Repeat("a", 20<<10), token.ErrTooLarge},
		"two events members":               {f.signText(`"events":{},"events":{"` + event + `":{}}`), token.ErrMalformed},
		"the event given twice":            {f.signText(`"events":{"` + event + `":{},"` + event + `":{}}`), token.ErrMalformed},
		"the event with escapes and twice": {f.signText(`"events":{"` + event + `":{},"\u0068` + event[1:] + `":{}}`), token.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			if test.cause != nil && !causes(f, test.compact, test.cause) {
				t.Errorf("the verifier and the handler do not refuse it with %v", test.cause)
			}
			description := wantFailure(t, f.send(test.compact), http.StatusBadRequest, "invalid_request")
			if description != "the logout token is not valid" {
				t.Errorf("the peer is told %q", description)
			}
			f.wantCalls()
		})
	}
	if strings.Contains(f.log.String(), encode(payload)[:40]) {
		t.Error("a token is in the log")
	}
}

// signText signs a good logout token with other events, which are the text of a member.
func (f *fixture) signText(events string) string {
	f.t.Helper()
	text, err := json.Marshal(f.claims(claims{"events": nil}))
	if err != nil {
		f.t.Fatal(err)
	}
	key := f.issuer.Key()
	header := `{"alg":"ES256","typ":"logout+jwt","kid":"` + key.Key().ID() + `"}`
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(header)) + "." + encode([]byte(string(text[:len(text)-1])+","+events+"}"))
	signature, err := key.Signature(input)
	if err != nil {
		f.t.Fatal(err)
	}
	return input + "." + encode(signature)
}

// causes reports whether the log says that a logout token was refused with want.
func causes(f *fixture, compact string, want error) bool {
	var log bytes.Buffer
	handler, err := logout.NewHandler(logout.Options{
		Verifier: verifierOf(f.t, f.issuer, f.rules), Gates: []logout.Revoker{f.gate}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		f.t.Fatal(err)
	}
	second := &fixture{t: f.t, issuer: f.issuer, gate: f.gate, handler: handler}
	second.send(compact)
	return strings.Contains(log.String(), want.Error())
}

// The handler checks the claims of a logout token even if the verifier's rules do not.
func TestLooseVerifier(t *testing.T) {
	f := newFixture(t, nil)
	loose := token.Options{InsecureNoIssuer: true, InsecureNoAudience: true, InsecureNoExpiry: true, Type: "logout+jwt"}
	f.handler = newFixture(t, func(o *logout.Options) {
		o.Verifier, o.Gates = verifierOf(t, f.issuer, loose), []logout.Revoker{f.gate}
	}).handler
	for _, name := range []string{"iss", "iat", "exp", "jti", "events"} {
		wantFailure(t, f.send(f.sign(claims{name: nil})), http.StatusBadRequest, "invalid_request")
	}
	wantFailure(t, f.send(f.sign(claims{"nonce": "n"})), http.StatusBadRequest, "invalid_request")
	f.wantCalls()
	if w := f.send(f.sign(nil)); w.Code != http.StatusOK {
		t.Errorf("a good one: %d %s", w.Code, w.Body)
	}
}
