package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"socketiojwt/token"
)

// A Requirement is what Gate.Require asks of the lease of a socket. Scopes, RealmRoles,
// ClientRoles, AnyOf, Satisfies, User.Satisfies and Fresh return one. The zero value is not
// usable. It does not change, and may be used in several calls of Require and concurrently.
type Requirement struct {
	check func(ctx context.Context, lease *Lease) error // nil means that the lease satisfies it
	fresh *freshness                                    // of Fresh, instead of check
	user  any                                           // the *User of User.Satisfies, or nil
	wrong error                                         // an invalid argument, which Require reports
}

// Scopes requires that a token has all of the scopes, as ScopesOf returns them. A refusal has
// ReasonInsufficientScope.
func Scopes(scopes ...string) Requirement {
	scopes = slices.Clone(scopes)
	r := Requirement{wrong: checkNames("Scopes", scopes), check: func(_ context.Context, lease *Lease) error {
		return missing(scopes, ScopesOf(lease.Token), errScope)
	}}
	for _, scope := range scopes {
		if r.wrong == nil && strings.ContainsFunc(scope, func(c rune) bool { return c == ' ' || !quotable(c) }) {
			r.wrong = fmt.Errorf("Scopes: %q is not one scope; it must be printable ASCII without spaces, double quotes and backslashes (RFC 6749, section 3.3)", scope)
		}
	}
	return r
}

// RealmRoles requires that a token of Keycloak has all of the roles of its realm, in the claim
// realm_access.roles. A refusal has ReasonInsufficientRole.
func RealmRoles(roles ...string) Requirement {
	roles = slices.Clone(roles)
	return Requirement{wrong: checkNames("RealmRoles", roles), check: func(_ context.Context, lease *Lease) error {
		var access roleAccess
		_ = lease.Token.Claim("realm_access", &access) // without the claim there are no roles
		return missing(roles, access.Roles, errRole)
	}}
}

// ClientRoles requires that a token of Keycloak has all of the roles of a client, in the claim
// resource_access.<client>.roles. A refusal has ReasonInsufficientRole.
func ClientRoles(client string, roles ...string) Requirement {
	roles = slices.Clone(roles)
	wrong := checkNames("ClientRoles", roles)
	if client == "" {
		wrong = errors.New("ClientRoles: the client is empty; name one, as in its client ID")
	}
	return Requirement{wrong: wrong, check: func(_ context.Context, lease *Lease) error {
		var clients map[string]roleAccess
		_ = lease.Token.Claim("resource_access", &clients) // without the claim there are no roles
		return missing(roles, clients[client].Roles, errRole)
	}}
}

// roleAccess is realm_access, or a member of resource_access.
type roleAccess struct {
	Roles []string `json:"roles"`
}

// AnyOf requires that at least one of the requirements is satisfied. A refusal is that of the
// last one. Fresh cannot be one of them.
func AnyOf(alternatives ...Requirement) Requirement {
	alternatives = slices.Clone(alternatives)
	r := Requirement{check: func(ctx context.Context, lease *Lease) (err error) {
		for _, one := range alternatives {
			if err = one.check(ctx, lease); err == nil {
				return nil
			}
		}
		return err
	}}
	if len(alternatives) == 0 {
		r.wrong = errors.New("AnyOf: there are no requirements; list at least one")
	}
	for i, one := range alternatives {
		switch {
		case one.wrong != nil:
			r.wrong = fmt.Errorf("AnyOf: %w", one.wrong)
		case one.fresh != nil:
			r.wrong = errors.New("AnyOf: Fresh cannot be one of the requirements; pass it to Require")
		case one.check == nil:
			r.wrong = fmt.Errorf("AnyOf: requirement %d is the zero Requirement; make it with Scopes or another function", i+1)
		case one.user != nil && r.user != nil && one.user != r.user:
			r.wrong = errors.New("AnyOf: Satisfies of two different Users; a gate stores one")
		case one.user != nil:
			r.user = one.user
		}
	}
	return r
}

// Satisfies requires that check returns nil for a token. If check returns an *Error, the peer
// gets its Message and Reason. For any other error it gets "forbidden" and ReasonNotAuthorized.
// The error is in the log. Check runs before each event, on the socket's goroutine, and
// concurrently for different sockets, so it must be fast.
func Satisfies(check func(ctx context.Context, t *token.Token) error) Requirement {
	if check == nil {
		return Requirement{wrong: errors.New("Satisfies: the function is nil")}
	}
	return Requirement{check: func(ctx context.Context, lease *Lease) error {
		return unsatisfied(check(ctx, lease.Token))
	}}
}

// Satisfies requires that check returns nil for the user, as the function Satisfies does for the
// token. Require panics if the gate's Authorize is not one of u.
func (u *User[T]) Satisfies(check func(ctx context.Context, user T) error) Requirement {
	switch {
	case u == nil:
		return Requirement{wrong: fmt.Errorf("Satisfies: the User is a nil %T; make it with NewUser", u)}
	case check == nil:
		return Requirement{wrong: fmt.Errorf("Satisfies of a %T: the function is nil", u)}
	}
	return Requirement{user: u, check: func(ctx context.Context, lease *Lease) error {
		user, ok := lease.said().user.(userOf[T])
		if !ok || user.key != u {
			return unsatisfied(errors.New("auth: the lease has no user of this User"))
		}
		return unsatisfied(check(ctx, user.value))
	}}
}

// unsatisfied returns the cause of a refusal for an error of the program, or nil for nil. It is
// never an error of package token, which would tell the peer more than "forbidden".
func unsatisfied(err error) error {
	own := (*Error)(nil)
	if err == nil || errors.As(err, &own) && own != nil {
		return err
	}
	return &Error{Message: "forbidden", Err: err}
}

// missing returns an error that matches cause if not all wanted values are in has.
func missing(wanted, has []string, cause error) error {
	for _, value := range wanted {
		if !slices.Contains(has, value) {
			return fmt.Errorf("%w: %q", cause, value)
		}
	}
	return nil
}

// ScopesOf returns the scopes of a token: those of the claim scope, which is a string with spaces
// between them (RFC 8693, section 4.2), of scp, which is such a string or a list of strings, and of
// the list permissions. A claim of another type gives no scope. It may be called concurrently.
func ScopesOf(t *token.Token) (scopes []string) {
	var claims struct {
		Scope       any `json:"scope"`
		Scp         any `json:"scp"`
		Permissions any `json:"permissions"`
	}
	_ = t.Claims(&claims) // cannot fail: the token was parsed before, and each value fits
	for _, value := range []any{claims.Scope, claims.Scp} {
		if text, ok := value.(string); ok {
			scopes = append(scopes, strings.Split(text, " ")...)
		}
	}
	for _, value := range []any{claims.Scp, claims.Permissions} {
		if list, ok := value.([]any); ok {
			scopes = append(scopes, onlyStrings(list)...)
		}
	}
	return scopes
}

// onlyStrings returns the members of a list of strings, and none if one is something else.
func onlyStrings(list []any) []string {
	all := make([]string, 0, len(list))
	for _, member := range list {
		text, ok := member.(string)
		if !ok {
			return nil
		}
		all = append(all, text)
	}
	return all
}

// checkNames returns an error if a list of names is empty or contains an empty name.
func checkNames(call string, names []string) error {
	switch {
	case len(names) == 0:
		return fmt.Errorf("%s: nothing is required; list at least one name", call)
	case slices.Contains(names, ""):
		return fmt.Errorf("%s: a name is empty", call)
	}
	return nil
}
