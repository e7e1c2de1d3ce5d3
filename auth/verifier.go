package auth

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"socketiojwt/token"
)

// A Verifier decides whether credentials are good. *token.Verifier and *token.Issuers are
// verifiers of JSON Web Tokens. Implement the interface to accept other credentials, such
// as opaque tokens, or to wrap a verifier, with a list of revoked tokens for example.
//
// A Verifier may also have a method Available() bool, as *token.Verifier does. It reports
// whether a token could be good now; while it reports false, see [Gate.Available]. It must
// not block, and may be called concurrently. A verifier that wraps another one and has no
// Available of its own should have a method
//
//	Unwrap() auth.Verifier
//
// that returns the other, so that its Available is found. Unwrap may return a different
// verifier each time and may be called concurrently; its result may also be declared as
// *token.Verifier or *token.Issuers. A struct that embeds a *token.Verifier has its
// Available already. A verifier with neither method is always available.
type Verifier interface {
	// Verify returns the token if compact is good, else an error. It must be safe for
	// concurrent use, and return soon after ctx is done. A peer chooses compact: it can be
	// any text, and as long as the limits of the server allow.
	//
	// The token must come from a Verifier of package token or from token.New, or be a
	// copy of such a token. The gate refuses any other token, because it would have no
	// end, with ReasonInternal. It also refuses a token whose ValidUntil is past, and
	// otherwise trusts what the token says.
	//
	// An *Error refuses the peer in its words. An error of package token, wrapped or
	// bare, refuses it as *token.Verifier does, for good or, with
	// token.ErrKeysUnavailable, temporarily; use token.ErrRevoked for a credential that is
	// not active any more. Any other error refuses it temporarily, with
	// ReasonAuthUnavailable, because a database that is down must not make good tokens
	// bad. A panic refuses the peer with ReasonInternal.
	Verify(ctx context.Context, compact string) (*token.Token, error)
}

// What a verifier does wrong, and what it could not do.
var (
	errNotMade    = errors.New("auth: the verifier returned neither an error nor a token that a token.Verifier or token.New made")
	errUnverified = errors.New("auth: the verifier failed")
)

// checkVerifier returns what is wrong with a verifier.
func checkVerifier(v Verifier) error {
	if v == nil {
		return errors.New("auth: the verifier is nil")
	}
	if value := reflect.ValueOf(v); (value.Kind() == reflect.Pointer || value.Kind() == reflect.Func) && value.IsNil() {
		return fmt.Errorf("auth: the verifier is a nil %T", v)
	}
	return nil
}

// accept asks the verifier about a token, and checks what it returns.
func (g *Gate) accept(ctx context.Context, compact string) (*token.Token, error) {
	t, err := g.verifier.Verify(ctx, compact)
	switch {
	case err != nil && !refuses(err):
		return nil, fmt.Errorf("%w: %w", errUnverified, err)
	case err != nil:
		return nil, err
	case t == nil || t.Hash == [len(t.Hash)]byte{}:
		return nil, errNotMade
	}
	return t, nil
}

// refuses reports whether an error of a verifier has a meaning for the gate.
func refuses(err error) bool {
	if own := (*Error)(nil); errors.As(err, &own) || token.RevealsKeys(err) || errors.Is(err, token.ErrKeysUnavailable) {
		return true
	}
	for _, r := range badTokens {
		if errors.Is(err, r.cause) {
			return true
		}
	}
	return false
}

// Available reports whether the gate can admit a socket now. It is false only while the
// verifier, or one that it unwraps to, says by a method Available that no token could be
// good, as a *token.Verifier does whose issuer was never reached; never with
// Options.Guests. So a Gate is a socketio.Dependency: it declares itself for each
// namespace that it guards, with the first socket. It does not block, and may be called
// concurrently.
func (g *Gate) Available() bool { return g.opts.Guests != nil || g.verifierAvailable() }

// verifierAvailable reports whether a token could be good now. A verifier whose keys are
// not available fetches them again soon after it was asked.
func (g *Gate) verifierAvailable() bool {
	available := true
	_ = g.guard(context.Background(), "the verifier's Available", func() { available = isAvailable(g.verifier) })
	return available
}

// maxWrapped bounds how many verifiers may wrap one another.
const maxWrapped = 16

// isAvailable returns what the first of v and those it wraps says that can tell.
func isAvailable(v Verifier) bool {
	for range maxWrapped {
		switch known := v.(type) {
		case interface{ Available() bool }:
			return known.Available()
		case interface{ Unwrap() Verifier }:
			v = known.Unwrap()
		case interface{ Unwrap() *token.Verifier }:
			return known.Unwrap().Available()
		case interface{ Unwrap() *token.Issuers }:
			return true
		default:
			return true
		}
	}
	return true
}
