package token_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
)

// role is a claim's type with its own decoder.
type role string

var errRole = errors.New("no such role")

func (r *role) UnmarshalJSON(text []byte) error {
	if string(text) != `"admin"` {
		return fmt.Errorf("%w: %s", errRole, text)
	}
	*r = "admin"
	return nil
}

type profile struct {
	Subject string        `json:"sub"`
	Roles   []string      `json:"roles,omitempty"`
	Age     int8          `json:"age"`
	Idle    time.Duration `json:"idle"`
	Raw     json.RawMessage
	Since   *time.Time `json:"since"`
	Nested  struct {
		Role role `json:"role"`
	} `json:"nested"`
	Name string
}

// accepted returns a verified and an unverified token with the claims.
func accepted(t *testing.T, claims string) (*token.Token, token.Unverified) {
	t.Helper()
	compact := signClaims(claims)
	tok, err := secretVerifier(t, token.Options{InsecureNoExpiry: true}).Verify(context.Background(), compact)
	if err != nil {
		t.Fatal(err)
	}
	u, err := token.ParseUnverified(compact, 0)
	if err != nil {
		t.Fatal(err)
	}
	return tok, u
}

func TestClaimsInto(t *testing.T) {
	tok, u := accepted(t, `{"sub":"bob","ſub":"admin","SUB":"admin","roles":["a"],"age":33,"idle":1000,"Raw":{"x": [1]},`+
		`"since":"2026-01-02T03:04:05Z","nested":{"role":"admin","ROLE":7},"Name":"Bob","name":"Eve"}`)
	for _, claims := range []func(any) error{tok.Claims, u.Claims} {
		var got profile
		if err := claims(&got); err != nil {
			t.Fatal(err)
		}
		since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		want := profile{Subject: "bob", Roles: []string{"a"}, Age: 33, Idle: 1000, Raw: json.RawMessage(`{"x": [1]}`), Since: &since, Name: "Bob"}
		want.Nested.Role = "admin"
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
		var all map[string]any
		if err := claims(&all); err != nil || all["sub"] != "bob" || all["age"] != 33.0 || len(all) != 11 {
			t.Errorf("got %v, %v", all, err)
		}
	}
	for _, claim := range []func(string, any) error{tok.Claim, u.Claim} {
		var sub string
		if err := claim("sub", &sub); err != nil || sub != "bob" {
			t.Errorf("sub: %q, %v", sub, err)
		}
		wantError(t, claim("Sub", &sub), token.ErrClaimMissing)
		wantError(t, claim("", &sub), token.ErrClaimMissing)
	}
}

// A sid that is not a string is not an error, because RFC 7519 does not register the
// claim.
func TestSessionID(t *testing.T) {
	for claims, want := range map[string]string{
		`{"sid":"08a5019c"}`: "08a5019c", `{"sid":"a\u002db"}`: "a-b", `{"sid":""}`: "", `{"sid":7}`: "",
		`{"sid":null}`: "", `{"sid":["08a5019c"]}`: "", `{"SID":"08a5019c"}`: "", `{}`: "",
	} {
		if tok, _ := accepted(t, claims); tok.SessionID != want {
			t.Errorf("%s: SessionID %q, want %q", claims, tok.SessionID, want)
		}
	}
}

// A claim of the wrong type is an error that names its place, never a zero value. The error
// quotes no claims.
func TestClaimsThatDoNotFit(t *testing.T) {
	for claims, where := range map[string]string{
		`{"sub":7}`:                      "/sub",
		`{"age":3000}`:                   "/age",
		`{"age":"8765"}`:                 "/age",
		`{"roles":"8765"}`:               "/roles",
		`{"since":"8765"}`:               "/since",
		`{"nested":{"role":"8765"}}`:     "/nested/role",
		`{"nested":["8765"]}`:            "/nested",
		`{"sub":"a","roles":[1,"8765"]}`: "/roles/0",
	} {
		tok, u := accepted(t, strings.Replace(claims, `"sub":7`, `"x":1`, 1))
		decoders := []func(any) error{tok.Claims, u.Claims}
		if strings.Contains(claims, `"sub":7`) { // every Verifier refuses it
			u, err := token.ParseUnverified(signClaims(claims), 0)
			if err != nil {
				t.Fatal(err)
			}
			decoders = []func(any) error{u.Claims}
		}
		for _, decode := range decoders {
			var got profile
			err := decode(&got)
			wantError(t, err, token.ErrClaim)
			if err != nil && (!strings.Contains(err.Error(), where) || strings.Contains(err.Error(), "8765") || strings.Contains(err.Error(), "3000")) {
				t.Errorf("%s: %q does not tell %s, or tells too much", claims, err, where)
			}
		}
	}
	tok, _ := accepted(t, `{"nested":{"role":"eve"}}`)
	if err := tok.Claims(new(profile)); !errors.Is(err, errRole) || strings.Contains(err.Error(), "eve") {
		t.Errorf("%v should match %v and not quote the claim", err, errRole)
	}
	for _, into := range []any{nil, profile{}, (*profile)(nil)} {
		wantError(t, tok.Claims(into), token.ErrClaim)
	}
}

// A Token lives as long as a socket. It keeps its claims and a few fields, and not the
// buffers that they came in.
func TestTokenMemory(t *testing.T) {
	const count = 2000
	key := generate(t, token.HS256)
	v := newVerifier(t, key.Key(), publicOptions)
	claims := benchClaims()
	compact := sign(t, key, claims)
	kept := make([]*token.Token, count)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range kept {
		// The compact form is part of a larger buffer, such as a packet.
		packet := strings.Repeat("x", 4096) + compact
		tok, err := v.Verify(context.Background(), packet[4096:])
		if err != nil {
			t.Fatal(err)
		}
		kept[i] = tok
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := int(after.HeapAlloc-before.HeapAlloc) / count
	runtime.KeepAlive(kept)
	t.Logf("%d bytes for each token with %d bytes of claims", each, len(kept[0].RawClaims()))
	if most := len(kept[0].RawClaims()) + 512; each > most {
		t.Errorf("a token keeps %d bytes, want %d at most", each, most)
	}
}

func TestParseUnverified(t *testing.T) {
	// ParseUnverified also shows a token that a Verifier refuses.
	header, claims := `{"alg":"none","kid":"k","typ":"JWT","crit":["x"],"jku":"http://127.0.0.1:1/"}`, `{"sub":"ada", "exp":1}`
	u, err := token.ParseUnverified(encode(header)+"."+encode(claims)+".", 0)
	if err != nil {
		t.Fatal(err)
	}
	if u.Header != (token.Header{Algorithm: "none", KeyID: "k", Type: "JWT"}) || string(u.RawHeader()) != header || string(u.RawClaims()) != claims {
		t.Errorf("got %v, %s, %s", u.Header, u.RawHeader(), u.RawClaims())
	}
	u.RawClaims()[0], u.RawHeader()[0] = 'X', 'X'
	if u.RawClaims()[0] != '{' || u.RawHeader()[0] != '{' {
		t.Error("not copies")
	}
	_, err = token.ParseUnverified(strings.Repeat("x", 16<<10+1), 0)
	wantError(t, err, token.ErrTooLarge)
	_, err = token.ParseUnverified(signClaims(`{}`), 10)
	wantError(t, err, token.ErrTooLarge)
	_, err = token.ParseUnverified("a.b", 0)
	wantError(t, err, token.ErrMalformed)

	var zero token.Unverified
	wantError(t, zero.Claims(new(profile)), token.ErrMalformed)
	wantError(t, zero.Claim("sub", new(string)), token.ErrMalformed)
	if zero.RawClaims() != nil || zero.RawHeader() != nil {
		t.Error("the zero Unverified has claims")
	}
}
