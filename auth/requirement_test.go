package auth_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"socketiojwt/auth"
)

// Require panics if it is wired wrongly, and says why.
func TestRequireChecksItsArguments(t *testing.T) {
	number, text := auth.NewUser[int](), auth.NewUser[string]()
	fine := func(context.Context, int) error { return nil }
	gate := newGate(t, verifier(t), auth.Options{Authorize: number.ByClaims()})
	for _, c := range []struct {
		want         string
		requirements []auth.Requirement
	}{
		{"nothing is required; pass at least one", nil},
		{"Scopes: nothing is required", []auth.Requirement{auth.Scopes()}},
		{"Scopes: a name is empty", []auth.Requirement{auth.Scopes("a", "")}},
		{`Scopes: "a b" is not one scope`, []auth.Requirement{auth.Scopes("a b")}},
		{`Scopes: "a\"" is not one scope`, []auth.Requirement{auth.Scopes(`a"`)}},
		{`Scopes: "a\\" is not one scope`, []auth.Requirement{auth.Scopes(`a\`)}},
		{`Scopes: "é" is not one scope`, []auth.Requirement{auth.Scopes("é")}},
		{"RealmRoles: nothing is required", []auth.Requirement{auth.RealmRoles()}},
		{"RealmRoles: a name is empty", []auth.Requirement{auth.RealmRoles("")}},
		{"ClientRoles: nothing is required", []auth.Requirement{auth.ClientRoles("shop")}},
		{"ClientRoles: the client is empty", []auth.Requirement{auth.ClientRoles("", "x")}},
		{"Satisfies: the function is nil", []auth.Requirement{auth.Satisfies(nil)}},
		{"the function is nil", []auth.Requirement{number.Satisfies(nil)}},
		{"make it with NewUser", []auth.Requirement{(*auth.User[int])(nil).Satisfies(fine)}},
		{"does not store", []auth.Requirement{text.Satisfies(func(context.Context, string) error { return nil })}},
		{"does not store", []auth.Requirement{auth.AnyOf(auth.Scopes("a"), auth.NewUser[int]().Satisfies(fine))}},
		{"two different Users", []auth.Requirement{auth.AnyOf(number.Satisfies(fine), auth.NewUser[int]().Satisfies(fine))}},
		{"requirement 2 is the zero", []auth.Requirement{auth.Scopes("a"), {}}},
		{"AnyOf: there are no", []auth.Requirement{auth.AnyOf()}},
		{"AnyOf: requirement 1 is the zero", []auth.Requirement{auth.AnyOf(auth.Requirement{})}},
		{"AnyOf: Scopes: nothing", []auth.Requirement{auth.AnyOf(auth.Scopes())}},
		{"AnyOf: Fresh cannot", []auth.Requirement{auth.AnyOf(auth.Fresh(auth.Freshness{ACR: []string{"x"}}))}},
		{"Fresh: nothing is required", []auth.Requirement{auth.Fresh(auth.Freshness{})}},
		{"Fresh: MaxAge or Wait is negative", []auth.Requirement{auth.Fresh(auth.Freshness{MaxAge: -1})}},
		{"Fresh: MaxAge or Wait is negative", []auth.Requirement{auth.Fresh(auth.Freshness{ACR: []string{"x"}, Wait: -1})}},
		{"Fresh: MaxAge is 1ms", []auth.Requirement{auth.Fresh(auth.Freshness{MaxAge: 1e6})}},
		{"Fresh: a value of ACR", []auth.Requirement{auth.Fresh(auth.Freshness{ACR: []string{""}})}},
		{"Fresh: a value of ACR or AMR", []auth.Requirement{auth.Fresh(auth.Freshness{AMR: []string{""}})}},
		{"Fresh is passed twice", []auth.Requirement{auth.Fresh(auth.Freshness{MaxAge: 1e9}), auth.Fresh(auth.Freshness{AMR: []string{"otp"}})}},
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.HasPrefix(got, "auth: Require: ") || !strings.Contains(got, c.want) {
					t.Errorf("panic %q, want %q", got, c.want)
				}
			}()
			gate.Require(c.requirements...)
		}()
	}
	gate.Require(auth.Scopes("a"), number.Satisfies(fine), auth.AnyOf(number.Satisfies(fine), auth.RealmRoles("x")), auth.Fresh(auth.Freshness{MaxAge: 1e9}))
}
