package token

import (
	"context"
	"fmt"
	"sync"
)

// ByIssuer returns a Verifier for tokens of several issuers. The token's iss chooses the
// verifier: it must equal, byte by byte, one of the verifier's Options.Issuers. So each
// issuer has its own keys, algorithms, audiences and other rules, and the key of one issuer
// never verifies a token of another, whatever its ID. ByIssuer fails with ErrOptions if a
// Verifier has no Issuers, if two of them have the same issuer, and if there are none.
//
// A sub is unique only within its issuer: name users, their rooms and their records by
// Token.Issuer and Token.Subject together.
//
// A token that names none of the issuers is refused with ErrIssuer. RevealsKeys is true for
// that refusal, because a peer must not find out which issuers are accepted.
func ByIssuer(verifiers ...*Verifier) (*Verifier, error) {
	known := make(fixedIssuers)
	all := newByIssuer(known)
	add := func(issuer string, v *Verifier) error {
		if known[issuer] != nil {
			return fmt.Errorf("%w: two verifiers for the issuer %.200q; pass one for each issuer", ErrOptions, issuer)
		}
		known[issuer] = v
		all.opts.MaxSize = max(all.opts.MaxSize, v.opts.MaxSize)
		return nil
	}
	for i, v := range verifiers {
		if v == nil || len(v.opts.Issuers) == 0 {
			return nil, fmt.Errorf("%w: verifier %d has no Issuers; set Options.Issuers", ErrOptions, i+1)
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
	// verifier returns the Verifier whose Options.Issuers contain the issuer.
	verifier(ctx context.Context, issuer string) (*Verifier, error)
	// available reports whether Verifier.Available is true for one of them.
	available() bool
}

// newByIssuer returns a Verifier that leaves the decision to the verifiers of known. The
// caller must set MaxSize.
func newByIssuer(known issuers) *Verifier {
	return &Verifier{byIssuer: known, seen: &signatures{}, chosen: new(sync.Map)}
}

// fixedIssuers are the verifiers of ByIssuer, by issuer.
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

// forIssuer returns the Verifier for the issuer that u names. size is the length of the
// token in bytes.
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
