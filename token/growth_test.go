//go:build unix

package token_test

import (
	"fmt"
	"strings"
	"testing"

	"socketiojwt/internal/growth"
	"socketiojwt/token"
)

// A token is verified in time that is proportional to its length, whatever it contains.
func TestVerifyGrowsLinearly(t *testing.T) {
	v := newVerifier(t, token.Secret(secret), token.Options{MaxSize: 1 << 20, Audiences: []string{"a"}})
	list := func(n int, item func(i int) string) string {
		items := make([]string, n)
		for i := range items {
			items[i] = item(i)
		}
		return strings.Join(items, ",")
	}
	claims := func(format string, item func(i int) string) func(n int) string {
		return func(n int) string {
			return signClaims(`{"aud":"a","exp":4000000000,` + fmt.Sprintf(format, list(n, item)) + `}`)
		}
	}
	text := func(i int) string { return fmt.Sprintf(`"text %d"`, i) }
	for name, test := range map[string]struct {
		n    int
		make func(n int) string
	}{
		"claims":           {300, claims(`%s`, func(i int) string { return fmt.Sprintf(`"claim %d":%d`, i, i) })},
		"claims, repeated": {300, claims(`%s`, func(int) string { return `"claim":1` })},
		"list":             {300, claims(`"list":[%s]`, text)},
		"object":           {300, claims(`"object":{%s}`, func(i int) string { return fmt.Sprintf(`"name %d":%d`, i, i) })},
		"escapes":          {300, claims(`"text":"%s"`, func(int) string { return `\u00e9\n` })},
		"digits": {300, func(n int) string {
			return signClaims(`{"aud":"a","exp":4000000000,"number":1` + strings.Repeat("0", n) + `}`)
		}},
		"audiences": {300, func(n int) string {
			return signClaims(`{"exp":4000000000,"aud":[` + list(n, text) + `]}`)
		}},
		"header": {300, func(n int) string {
			return signText(`{"alg":"HS256",`+list(n, func(i int) string { return fmt.Sprintf(`"x%d":%d`, i, i) })+`}`, `{"aud":"a","exp":4000000000}`)
		}},
		"crit": {300, func(n int) string {
			return signText(`{"alg":"HS256","crit":[`+list(n, text)+`]}`, `{"aud":"a","exp":4000000000}`)
		}},
		"depth": {300, func(n int) string {
			return signClaims(`{"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`)
		}},
		"dots":    {300, func(n int) string { return strings.Repeat(".", n) }},
		"garbage": {300, func(n int) string { return strings.Repeat("e", n) + ".e.e" }},
	} {
		t.Run(name, func(t *testing.T) {
			growth.Linear(t, test.n, func(n int) func() {
				compact := test.make(n)
				return func() {
					tok, err := v.Verify(t.Context(), compact)
					if err == nil {
						var all map[string]any
						_ = tok.Claims(&all)
					}
				}
			})
		})
	}
}
