package token_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
)

// New reads the claims of an introspection response, and keeps no credential.
func TestNew(t *testing.T) {
	const credential = "an opaque token"
	answer := fmt.Sprintf(`{"active":true,"iss":"https://a.example","sub":"ada","aud":["chat"],"jti":"7","sid":"s","iat":%d,"nbf":%d,"exp":%d,"scope":"read"}`,
		at(-time.Minute), at(-time.Minute), at(time.Hour))
	tok, err := token.New(credential, []byte(answer), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var scope string
	if err := tok.Claim("scope", &scope); err != nil || scope != "read" {
		t.Errorf("scope %q, %v", scope, err)
	}
	if tok.Issuer != "https://a.example" || tok.Subject != "ada" || len(tok.Audience()) != 1 || tok.ID != "7" || tok.SessionID != "s" || tok.Hash != sha256.Sum256([]byte(credential)) ||
		!tok.IssuedAt().Equal(now.Add(-time.Minute)) || !tok.NotBefore().Equal(now.Add(-time.Minute)) || !tok.ExpiresAt().Equal(now.Add(time.Hour)) {
		t.Errorf("got %+v", *tok)
	}
	if printed := fmt.Sprintf("%v %+v %#v", tok, tok, *tok); strings.Contains(printed, "opaque") || strings.Contains(printed, "ada") {
		t.Errorf("printed %s", printed)
	}
	for name, c := range map[string]struct {
		credential, claims string
		until, want        time.Time
		err                error
	}{
		"exp":             {"x", answer, time.Time{}, now.Add(time.Hour), nil},
		"an earlier end":  {"x", answer, now.Add(time.Minute), now.Add(time.Minute), nil},
		"an end long ago": {"x", answer, time.Unix(-1e13, 0), time.UnixMicro(1), nil},
		"a later end":     {"x", answer, now.Add(2 * time.Hour), now.Add(time.Hour), nil},
		"no exp":          {"x", `{}`, now, now, nil},
		"exp null":        {"x", `{"exp":null}`, now, now, nil},
		"no end":          {"x", `{"sub":"ada"}`, time.Time{}, now, token.ErrClaimMissing},
		"exp is a string": {"x", `{"exp":"4000000000"}`, now, now, token.ErrClaim},
		"sub is a number": {"x", `{"sub":7}`, now, now, token.ErrClaim},
		"twice":           {"x", `{"sub":"ada","sub":"bob"}`, now, now, token.ErrMalformed},
		"no object":       {"x", `null`, now, now, token.ErrMalformed},
		"nothing":         {"x", ``, now, now, token.ErrMalformed},
		"no credential":   {"", `{}`, now, now, token.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			tok, err := token.New(c.credential, []byte(c.claims), c.until)
			wantError(t, err, c.err)
			if (tok == nil) != (err != nil) {
				t.Fatalf("New returned %v and %v", tok, err)
			}
			if err == nil && !tok.ValidUntil().Equal(c.want) {
				t.Errorf("good until %v, want %v", tok.ValidUntil(), c.want)
			}
		})
	}
}

// A literal Token, which was not verified, is never good.
func TestLiteralTokenIsNotGood(t *testing.T) {
	literal := &token.Token{Subject: "ada", Hash: [32]byte{1}}
	if until := literal.ValidUntil(); until.IsZero() || until.After(time.Unix(0, 0)) {
		t.Errorf("good until %v", until)
	}
	endless, err := secretVerifier(t, token.Options{InsecureNoExpiry: true}).Verify(t.Context(), signClaims(`{"sub":"ada"}`))
	if err != nil {
		t.Fatal(err)
	}
	changed := *endless
	changed.Subject = "bob"
	if !endless.ValidUntil().IsZero() || !changed.ValidUntil().IsZero() {
		t.Errorf("without exp good until %v, and a copy until %v", endless.ValidUntil(), changed.ValidUntil())
	}
}
