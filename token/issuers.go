package token

import (
	"context"
	"fmt"
	"sync"
)

// ByIssuer returns a Verifier for tokens of several issuers. Which of the verifiers
// decides is said by the token's iss, which has to be in the Options.Issuers of one of
// them, byte by byte; so each issuer has its own keys, algorithms, audiences and other
// rules, and a key of one is no key of another, whatever its ID. It fails, with
// ErrOptions, for a Verifier without Issuers, and for an issuer that two of them have.
//
// A sub is unique only within its issuer: name users, their rooms and their records by
// Token.Issuer and Token.Subject together.
//
// A token that names none of the issuers is refused with ErrIssuer. There is no key to
// verify it with, so RevealsKeys is true: a peer must not find out which issuers there are.
func ByIssuer(verifiers ...*Verifier) (*Verifier, error) {
	known := make(fixedIssuers)
	all := newByIssuer(known)
	add := func(issuer string, v *Verifier) error {
		if known[issuer] != nil {
			return fmt.Errorf("%w: two verifiers for the issuer %.200q", ErrOptions, issuer)
		}
		known[issuer] = v
		all.opts.MaxSize = max(all.opts.MaxSize, v.opts.MaxSize)
		return nil
	}
	for i, v := range verifiers {
		if v == nil || len(v.opts.Issuers) == 0 {
			return nil, fmt.Errorf("%w: verifier %d has no Issuers", ErrOptions, i+1)
		}
		for _, issuer := range v.opts.Issuers {
			if err := add(issuer, v); err != nil {
				return nil, err
			}
		}
	}
	if len(verifiers) == 0 {
		return nil, fmt.Errorf("%w: no verifiers", ErrOptions)
	}
	return all, nil
}

// issuers are the verifiers of several issuers.
type issuers interface {
	// verifier returns the one whose Options.Issuers have the issuer.
	verifier(ctx context.Context, issuer string) (*Verifier, error)
	// available is Verifier.Available of them all.
	available() bool
}

// newByIssuer returns a Verifier whose tokens are decided by those of known. MaxSize is
// not set.
func newByIssuer(known issuers) *Verifier {
	return &Verifier{byIssuer: known, seen: &signatures{}, chosen: new(sync.Map)}
}

// fixedIssuers are those of ByIssuer, by their names.
type fixedIssuers map[string]*Verifier

func (f fixedIssuers) verifier(_ context.Context, issuer string) (*Verifier, error) {
	if v := f[issuer]; v != nil {
		return v, nil
	}
	return nil, unknownIssuer(issuer)
}

func (f fixedIssuers) available() bool {
	for _, v := range f {
		if v.Available() {
			return true
		}
	}
	return false
}

func unknownIssuer(issuer string) error { return fmt.Errorf("%w: %.200q", ErrIssuer, issuer) }

// forIssuer returns the Verifier for the issuer that u, of so many bytes, names.
func (v *Verifier) forIssuer(ctx context.Context, u Unverified, size int) (*Verifier, error) {
	value, err := findMember(u.payload(), "iss")
	if err != nil {
		return nil, err
	}
	issuer := ""
	if value != nil && string(value) != "null" {
		if issuer, err = stringClaim("iss", string(value)); err != nil {
			return nil, err
		}
	}
	chosen, err := v.byIssuer.verifier(ctx, issuer)
	switch {
	case err != nil:
		return nil, err
	case size > chosen.opts.MaxSize:
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, chosen.opts.MaxSize)
	}
	return chosen, nil
}
