package auth

import (
	"context"
	"errors"

	"socketiojwt/observe"
	"socketiojwt/token"
)

// acceptObserved is accept with an Observer.
func (g *Gate) acceptObserved(ctx context.Context, compact string) (*token.Token, error) {
	ctx, running := observe.Begin(ctx, g.opts.Observer, observe.Operation{Kind: observe.Verify})
	asked := &askedTurns{Limiter: g.turns}
	outcome := observe.Outcome{Result: observe.Unavailable, Algorithm: observe.Other} // of a verifier that panics
	defer func() { running.End(outcome) }()
	t, err := g.ask(ctx, asked, compact)
	switch {
	case err == nil:
		outcome.Result = observe.OK
	case isUnavailable(err):
	default:
		outcome.Result = observe.Refused
	}
	outcome.Algorithm = algorithmOf(t, compact)
	outcome.Signature = asked.signature(t)
	return t, err
}

// isUnavailable reports whether an error of a verifier says nothing about the token.
func isUnavailable(err error) bool {
	if own := (*Error)(nil); errors.As(err, &own) {
		return own != nil && own.Temporary
	}
	return errors.Is(err, errUnverified) || errors.Is(err, token.ErrKeysUnavailable) || errors.Is(err, errNotMade)
}

// askedTurns is a Limiter that remembers whether it was asked, which happens if the arithmetic
// for the signature of a public key is to be done. One verification uses it.
type askedTurns struct {
	token.Limiter
	asked bool
}

func (a *askedTurns) Acquire(ctx context.Context) error {
	a.asked = true
	return a.Limiter.Acquire(ctx)
}

// signature says what was done about the signature of the token, which is nil if it was refused.
func (a *askedTurns) signature(t *token.Token) observe.Signature {
	switch {
	case a.asked:
		return observe.SignatureChecked
	case t != nil && isPublic(t.Header().Algorithm):
		return observe.SignatureRemembered
	}
	return observe.SignatureNone
}

// algorithmOf returns the algorithm of a token, or the one that a refused one names. The peer
// chooses the latter, so it is Other unless it is supported.
func algorithmOf(t *token.Token, compact string) string {
	var algorithm token.Algorithm
	if t != nil {
		algorithm = t.Header().Algorithm
	} else if u, err := token.ParseUnverified(compact, 0); err == nil {
		algorithm = u.Header.Algorithm
	}
	switch algorithm {
	case "", token.HS256, token.HS384, token.HS512:
		return string(algorithm)
	}
	if isPublic(algorithm) {
		return string(algorithm)
	}
	return observe.Other
}

// isPublic reports whether an algorithm is a supported one for public keys.
func isPublic(algorithm token.Algorithm) bool {
	switch algorithm {
	case token.RS256, token.RS384, token.RS512, token.PS256, token.PS384, token.PS512,
		token.ES256, token.ES384, token.ES512, token.EdDSA, token.Ed25519:
		return true
	}
	return false
}

// resultOf returns the result of a refresh.
func resultOf(refused *Error) string {
	switch {
	case refused == nil:
		return observe.OK
	case refused.Temporary:
		return observe.Unavailable
	}
	return observe.Refused
}

// observeRevoke carries out a revocation, and tells the Observer.
func (g *Gate) observeRevoke(ctx context.Context, carryOut func(context.Context) (Receipt, error)) (receipt Receipt, err error) {
	ctx, running := observe.Begin(ctx, g.opts.Observer, observe.Operation{Kind: observe.Revoke})
	if receipt, err = carryOut(ctx); err != nil {
		running.End(observe.Outcome{Result: observe.Failed, Count: receipt.Sockets})
		return receipt, err
	}
	running.End(observe.Outcome{Result: observe.OK, Count: receipt.Sockets})
	return receipt, nil
}
