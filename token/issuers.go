package token

import (
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
	all := &Verifier{byIssuer: make(map[string]*Verifier), seen: &signatures{}, chosen: new(sync.Map)}
	add := func(issuer string, v *Verifier) error {
		if all.byIssuer[issuer] != nil {
			return fmt.Errorf("%w: two verifiers for the issuer %.200q", ErrOptions, issuer)
		}
		all.byIssuer[issuer] = v
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

// forIssuer returns the Verifier for the issuer that u, of so many bytes, names.
func (v *Verifier) forIssuer(u Unverified, size int) (*Verifier, error) {
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
	chosen := v.byIssuer[issuer]
	switch {
	case chosen == nil:
		return nil, fmt.Errorf("%w: %.200q", ErrIssuer, issuer)
	case size > chosen.opts.MaxSize:
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, chosen.opts.MaxSize)
	}
	return chosen, nil
}
