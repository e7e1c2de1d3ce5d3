package auth_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/token"
)

// tokenOf returns a token with these claims.
func tokenOf(t testing.TB, claims string) *token.Token {
	t.Helper()
	tok, err := token.New("credential "+claims, []byte(claims), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// matchTexts are Matches with their texts.
var matchTexts = map[auth.Match]string{
	auth.BySubject("https://issuer", "ada"):     "1/sub/https:%2F%2Fissuer/ada",
	auth.BySubject("", "ada / \"\xff\n"):        "1/sub//ada%20%2F%20%22%FF%0A",
	auth.ByTokenID("i", "7"):                    "1/jti/i/7",
	auth.BySession("i", "s"):                    "1/sid/i/s",
	auth.ByHash([32]byte{1}):                    "1/hash/01" + strings.Repeat("00", 31),
	auth.ByIssuer("https://issuer"):             "1/iss/https:%2F%2Fissuer",
	auth.ByClaim("tenant", "a\"b"):              "1/claim/tenant/%22a%5C%22b%22",
	auth.ByClaim("n", 5):                        "1/claim/n/5",
	auth.ByClaim("n", json.Number("5.0")):       "1/claim/n/5",
	auth.ByClaim("n", 9007199254740993):         "1/claim/n/9007199254740993",
	auth.ByClaim("n", 2.5):                      "1/claim/n/2.5",
	auth.ByClaim("n", true):                     "1/claim/n/true",
	auth.ByClaim("https://example/x", "\u00e4"): "1/claim/https:%2F%2Fexample%2Fx/%22%C3%A4%22",
}

// A Match survives the way through its text, and different Matches have different texts.
func TestMatchText(t *testing.T) {
	for m, want := range matchTexts {
		text, err := m.MarshalText()
		var back auth.Match
		if err != nil || string(text) != want || back.UnmarshalText(text) != nil || back != m {
			t.Errorf("%s: text %q, %v, want %q; back: %s", m, text, err, want, back)
		}
		if encoded, err := json.Marshal(auth.Revocation{Match: m}); err != nil || !strings.Contains(string(encoded), `"match":`) {
			t.Errorf("JSON %s, %v", encoded, err)
		}
	}
}

// A text that MarshalText does not return is refused, so that no Match has two texts.
func TestMatchTextIsStrict(t *testing.T) {
	for _, text := range []string{"", "1", "1/sub", "1/sub/i", "1/sub/i/", "1/sub/i/a/b", "2/sub/i/a", "1/SUB/i/a", "1/sub/%69/a", "1/sub/i/%4", "1/sub/i/a b",
		"1/hash/01", "1/hash/" + strings.Repeat("0", 64), "1/hash/" + strings.Repeat("AB", 32), "1/iss/", "1/claim//5", "1/claim/n/5.0", "1/claim/n/null", "1/claim/n/%5B1%5D",
		"1/claim/n/%7B%7D", "1/claim/n/", "1/claim/n/%22%5Cu0061%22", "1/sub/i/" + strings.Repeat("a", 3000), strings.Repeat("1/", 100_000)} {
		m := auth.BySubject("kept", "kept")
		if err := m.UnmarshalText([]byte(text)); err == nil || m != auth.BySubject("kept", "kept") {
			t.Errorf("%.100q: %v, %s", text, err, m)
		}
	}
	for _, m := range []auth.Match{{}, auth.BySubject("i", ""), auth.ByClaim("n", nil), auth.ByClaim("n", []string{"a"}), auth.ByClaim("", "a"), auth.ByIssuer(strings.Repeat("a", 3000))} {
		if text, err := m.MarshalText(); err == nil {
			t.Errorf("%.100s has a text: %s", m, text)
		}
	}
}

func FuzzMatchText(f *testing.F) {
	for _, text := range matchTexts {
		f.Add(text)
	}
	f.Add("/claim//\"")
	f.Fuzz(func(t *testing.T, text string) {
		var m auth.Match
		if m.UnmarshalText([]byte(text)) != nil {
			return
		}
		if back, err := m.MarshalText(); err != nil || string(back) != text {
			t.Errorf("%q became %q, %v", text, back, err)
		}
		_ = fmt.Sprint(m)
	})
}

func TestByClaim(t *testing.T) {
	tok := tokenOf(t, `{"iss":"i","sub":"ada","s":"5","n":5.0e0,"big":9007199254740993,"f":2.50,"t":true,"o":{"a":1},"z":null,
		"list":["x",7,false,["y"],null,{"k":"x2"}],"half":["\ud800"],"escaped":"\u0061b"}`)
	for _, c := range []struct {
		name  string
		value any
		want  bool
	}{
		{"s", "5", true}, {"s", 5, false}, {"n", 5, true}, {"n", 5.0, true}, {"n", "5", false}, {"n", 6, false},
		{"big", 9007199254740993, true}, {"big", 9007199254740992, false}, {"f", 2.5, true}, {"t", true, true}, {"t", false, false}, {"t", "true", false},
		{"o", 1, false}, {"z", false, false}, {"list", "x", true}, {"list", 7, true}, {"list", false, true}, {"list", true, false}, {"list", "y", false}, {"list", "x2", false},
		{"half", "x", false}, {"escaped", "ab", true}, {"missing", "x", false}, {"S", "5", false}, {"sub", "ada", true}, {"iss", "i", true},
	} {
		m := auth.ByClaim(c.name, c.value)
		if got := m.Matches(tok); got != c.want {
			t.Errorf("%s matches: %t", m, got)
		}
		found := false
		for _, of := range auth.MatchesOf(tok, func(name string) bool { return name == c.name }) {
			found = found || of == m
		}
		if found != c.want {
			t.Errorf("%s is among the matches of the token: %t", m, found)
		}
	}
	if auth.ByIssuer("i").Matches(tok) != true || auth.ByIssuer("j").Matches(tok) || auth.ByIssuer("").Matches(tokenOf(t, `{}`)) || (auth.Match{}).Matches(tok) {
		t.Error("ByIssuer")
	}
}
