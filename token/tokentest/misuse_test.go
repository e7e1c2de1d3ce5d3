package tokentest_test

import (
	"testing"

	"socketiojwt/token"
	"socketiojwt/token/tokentest"
)

// failed is a testing.TB that records whether it failed.
type failed struct {
	testing.TB
	yes bool
}

func (f *failed) Error(...any)          { f.yes = true }
func (f *failed) Errorf(string, ...any) { f.yes = true }
func (f *failed) Fatal(...any)          { f.yes = true; panic(f) }
func (f *failed) Fatalf(string, ...any) { f.yes = true; panic(f) }
func (f *failed) FailNow()              { f.yes = true; panic(f) }

// Wrong use fails the calling test.
func TestWrongUseFailsTheTest(t *testing.T) {
	for name, use := range map[string]func(testing.TB){
		"secret":      func(t testing.TB) { tokentest.NewIssuer(t, tokentest.Options{Algorithm: token.HS256}) },
		"URL":         func(t testing.TB) { tokentest.NewIssuer(t, tokentest.Options{URL: "localhost"}) },
		"query":       func(t testing.TB) { tokentest.NewIssuer(t, tokentest.Options{URL: "http://localhost?a"}) },
		"both":        func(t testing.TB) { tokentest.NewIssuer(t, tokentest.Options{URL: "http://localhost", Listen: true}) },
		"unknown key": func(t testing.TB) { tokentest.NewIssuer(t, tokentest.Options{}).Retire("key-2") },
		"contradiction": func(t testing.TB) {
			tokentest.NewIssuer(t, tokentest.Options{}).Misbehave(tokentest.Fault{Drop: true, Hang: true})
		},
		"status": func(t testing.TB) { tokentest.NewIssuer(t, tokentest.Options{}).Misbehave(tokentest.Fault{Status: 99}) },
		"a path for an address": func(t testing.TB) {
			tokentest.NewIssuer(t, tokentest.Options{}).Misbehave(tokentest.Fault{Status: 500, Only: "/jwks.json"})
		},
		"requests for a path": func(t testing.TB) { tokentest.NewIssuer(t, tokentest.Options{}).Requests("/jwks.json") },
		"negative":            func(t testing.TB) { tokentest.NewIssuer(t, tokentest.Options{}).Misbehave(tokentest.Fault{Size: -1}) },
		"odd key": func(t testing.TB) {
			tokentest.NewIssuer(t, tokentest.Options{}).Misbehave(tokentest.Fault{Keys: []tokentest.OddKey{"x"}})
		},
		"claims": func(t testing.TB) { tokentest.NewIssuer(t, tokentest.Options{}).Sign(map[string]any{"x": func() {}}) },
	} {
		t.Run(name, func(t *testing.T) {
			f := &failed{TB: t}
			defer func() {
				if r := recover(); r != nil && r != any(f) {
					panic(r)
				}
				if !f.yes {
					t.Error("nothing happened")
				}
			}()
			use(f)
		})
	}
}
