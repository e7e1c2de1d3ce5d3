package token

import (
	"context"
	"errors"
)

// Where a token chooses its key, by its key ID, its issuer or the claims that a KeyFunc
// reads, a refusal must not tell whether there is such a key: neither by its text
// (RevealsKeys) nor by its time. So a token without a key is checked with a decoy of the
// algorithm that the token names. The result is discarded.

// choiceError is a refusal of a token that chose its key, before its signature was
// found valid.
type choiceError struct{ cause error }

func (e *choiceError) Error() string { return e.cause.Error() }
func (e *choiceError) Unwrap() error { return e.cause }

// RevealsKeys reports whether a refusal by a Verifier would tell a peer which keys there
// are. It is true for a token whose signature was not found valid by a key that the
// token chose: by its key ID, by its issuer (ByIssuer), or by what a KeyFunc or other
// Keys read. The sentinel that err matches, such as ErrAlgorithm or ErrKeyNotFound, is
// then for the log: tell the peer what you tell it for ErrSignature, as package auth
// does. It is false for nil, for errors that only describe the token or the claims that
// a KeyFunc asked for (ErrMalformed, ErrClaim, ErrClaimMissing), for ErrKeysUnavailable,
// and if one Key without an ID is for every token. It may be called concurrently.
func RevealsKeys(err error) bool {
	var chosen *choiceError
	return errors.As(err, &chosen)
}

// describeToken are the errors that are the same whichever keys there are.
var describeToken = []error{ErrMalformed, ErrClaim, ErrClaimMissing, ErrKeysUnavailable}

// hideChoice returns err so that RevealsKeys knows it, after the time that a wrong
// signature takes. arithmetic says that a signature has been checked already.
func (v *Verifier) hideChoice(ctx context.Context, u Unverified, signed digest, err error, arithmetic bool) error {
	if v.oneKey {
		return err
	}
	for _, harmless := range describeToken {
		if errors.Is(err, harmless) {
			return err
		}
	}
	if !arithmetic {
		if late := v.checkDecoy(ctx, u, signed); late != nil {
			return late
		}
	}
	return &choiceError{err}
}

// checkDecoy does what checkSignature does for a signature that is not valid. Its error
// is that ctx is done.
func (v *Verifier) checkDecoy(ctx context.Context, u Unverified, signed digest) error {
	decoy, ok := v.decoyFor(u.Header.Algorithm)
	if !ok {
		return nil
	}
	if decoy.public() {
		v.seen.has(signatureID(decoy, signed, u.parsed().signature))
		if err := verifying.take(ctx); err != nil {
			return err
		}
		defer verifying.give()
	}
	_ = decoy.checkSignature(u)
	return nil
}

// decoyFor returns a key for an algorithm, of the size that the verifier's keys have. It
// reports false if the verifier has no such key, as far as is known: then every token that
// names the algorithm is refused without arithmetic, which strangers cannot make
// expensive.
func (v *Verifier) decoyFor(alg Algorithm) (Key, bool) {
	if v.static {
		for _, k := range staticKeys(v.keys) {
			if k.isFor(alg) {
				return k, true
			}
		}
		return Key{}, false
	}
	if known := algorithms[alg]; known.family == familySecret {
		secret := make([]byte, known.minSecret)
		return Key{&key{family: familySecret, material: func() any { return secret }}}, true
	}
	last, ok := v.chosen.Load(alg)
	if !ok {
		return Key{}, false
	}
	return last.(Key), true
}

// learn keeps the public key that was chosen for a token, for decoyFor.
func (v *Verifier) learn(k Key, alg Algorithm) {
	if v.static || k.k == nil || !k.public() || !k.isFor(alg) {
		return
	}
	if last, ok := v.chosen.Load(alg); !ok || last != k {
		v.chosen.Store(alg, k)
	}
}
