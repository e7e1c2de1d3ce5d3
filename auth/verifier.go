package auth

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"

	"socketiojwt/internal/turns"
	"socketiojwt/token"
)

// A Verifier decides whether credentials are good. *token.Verifier and *token.Issuers are
// verifiers of JSON Web Tokens. Implement the interface to accept other credentials, such
// as opaque tokens, or to wrap a verifier, for example with a list of revoked tokens.
//
// A Verifier may also have a method Available() bool, as *token.Verifier does. It reports
// whether a token could be good now; see [Gate.Available] for the effect of false. It must
// not block, and the gate may call it concurrently. A verifier that wraps another one and
// does not have a method Available should have a method
//
//	Unwrap() auth.Verifier
//
// that returns the other one, so that the gate finds its Available. Unwrap may return a
// different verifier each time, and the gate may call it concurrently. Its result may also be
// declared as *token.Verifier or *token.Issuers. A struct that embeds a *token.Verifier
// already has its Available. A verifier with neither method is always available.
type Verifier interface {
	// Verify returns the token if compact is good, and an error otherwise. It must be safe
	// for concurrent use, and return soon after ctx is done. The peer chooses compact: it
	// can be any text, as long as the limits of the server allow.
	//
	// The token must come from a Verifier of package token or from token.New, or be a
	// copy of such a token. The gate refuses any other token with ReasonInternal, because it
	// would never expire. It also refuses a token whose ValidUntil is past. Otherwise it
	// trusts the token.
	//
	// If Verify returns an *Error, the gate refuses the peer with it. If it returns an error
	// of package token, wrapped or not, the gate refuses the peer as for a *token.Verifier:
	// temporarily for token.ErrKeysUnavailable, finally for the others. Use token.ErrRevoked
	// for a credential that is not active any more. For any other error the gate refuses the
	// peer temporarily, with ReasonAuthUnavailable, because an outage of a database must not
	// make good tokens bad. For a panic it refuses the peer with ReasonInternal.
	Verify(ctx context.Context, compact string) (*token.Token, error)
}

// errNotMade is an invalid result of a verifier. errUnverified is an error of one that says
// nothing about the token.
var (
	errNotMade    = errors.New("auth: the verifier returned neither an error nor a token made by a token.Verifier or token.New; return one of them")
	errUnverified = errors.New("auth: the verifier failed")
)

// sharedTurns bound the checks of signatures of all gates without Options.Verifications. A
// bound for each gate would not add up (docs/adr/0045-turns-of-the-gate.md).
var sharedTurns = turns.New(max(1, runtime.GOMAXPROCS(0)/2))

// newTurns returns the turns for Options.Verifications.
func newTurns(n int) turns.Turns {
	if n == 0 {
		return sharedTurns
	}
	return turns.New(n)
}

// checkVerifier returns an error if v is nil.
func checkVerifier(v Verifier) error {
	if v == nil {
		return errors.New("auth: the verifier is nil; make one with token.NewVerifier")
	}
	if value := reflect.ValueOf(v); (value.Kind() == reflect.Pointer || value.Kind() == reflect.Func) && value.IsNil() {
		return fmt.Errorf("auth: the verifier is a nil %T; make one with token.NewVerifier", v)
	}
	return nil
}

// accept verifies a token.
func (g *Gate) accept(ctx context.Context, compact string) (*token.Token, error) {
	growStack(0)
	if g.opts.Observer != nil {
		return g.acceptObserved(ctx, compact)
	}
	return g.ask(ctx, g.turns, compact)
}

// ask calls the verifier with a limiter, and checks its result.
func (g *Gate) ask(ctx context.Context, limiter token.Limiter, compact string) (*token.Token, error) {
	t, err := g.verifier.Verify(token.WithLimiter(ctx, limiter), compact)
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

// growStack makes the goroutine's stack large enough to verify a token. Otherwise it grows
// step by step during the cryptography, and copying it takes 9 % of the server's CPU in the
// rows es256 and hs256 of the bench, instead of 5 and 6 % (cd bench && go run . -profile DIR
// -rows es256). The goroutine ends after the admission, so no idle socket keeps the stack.
//
//go:noinline
func growStack(i int) byte {
	var room [8 << 10]byte
	return room[i%len(room)]
}

// refuses reports whether an error of a verifier says how to refuse the peer.
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

// Available reports whether the gate can admit a socket now. It is false only while a method
// Available of the verifier, or of one that it unwraps to, reports that no token could be
// good, or while one of Options.Denylist reports that the list cannot be asked and
// Options.DenylistFailure is FailClosed. A *token.Verifier reports that until its issuer was
// reached for the first time. With Options.Guests, Available is always true. It does not block,
// and may be called concurrently.
//
// A Gate is a socketio.Dependency. It declares itself for each namespace that it guards, when
// the first socket connects.
func (g *Gate) Available() bool {
	return g.opts.Guests != nil || g.verifierAvailable() && g.denylistAvailable()
}

// denylistAvailable reports whether the denylist can be asked, or need not be asked.
func (g *Gate) denylistAvailable() bool {
	list, ok := g.opts.Denylist.(interface{ Available() bool })
	if !ok || g.opts.DenylistFailure == FailOpen {
		return true
	}
	available := true
	_ = g.guard(context.Background(), "the denylist's Available", func() { available = list.Available() })
	return available
}

// verifierAvailable reports whether a token could be good now. A verifier whose keys are not
// available fetches them again soon after this call.
func (g *Gate) verifierAvailable() bool {
	available := true
	_ = g.guard(context.Background(), "the verifier's Available", func() { available = isAvailable(g.verifier) })
	return available
}

// maxWrapped bounds how many verifiers may wrap one another.
const maxWrapped = 16

// isAvailable returns the result of the first Available among v and the verifiers that it
// wraps, and true if there is none.
func isAvailable(v Verifier) bool {
	for range maxWrapped {
		switch known := v.(type) {
		case interface{ Available() bool }:
			return known.Available()
		case interface{ Unwrap() Verifier }:
			v = known.Unwrap()
		case interface{ Unwrap() *token.Verifier }:
			return known.Unwrap().Available()
		default: // also one that unwraps to a *token.Issuers
			return true
		}
	}
	return true
}
