package token

import (
	"context"
	"errors"

	"socketiojwt/internal/hidden"
)

// A token can choose its key: by its key ID, its issuer or the claims that a KeyFunc reads.
// Its refusal must not reveal whether that key exists, neither by its text (RevealsKeys)
// nor by its timing. So a token without a key is checked with a decoy key for the algorithm
// that the token names. The result is discarded.

// choiceError is the refusal of a token that chose its key and whose signature was not
// found valid.
type choiceError struct{ cause error }

func (e *choiceError) Error() string { return e.cause.Error() }
func (e *choiceError) Unwrap() error { return e.cause }

// RevealsKeys reports whether err, a refusal by a Verifier, would tell a peer which keys
// exist. It is true if the token chose its key and the signature was not found valid. A
// token chooses its key by its key ID, by its issuer (ByIssuer), or by claims that a
// KeyFunc or other Keys read. Then use the sentinel that err matches, such as ErrAlgorithm
// or ErrKeyNotFound, only in logs, and answer the peer as for ErrSignature. Package auth
// does this. RevealsKeys is false for nil, for errors that only describe the token or the
// claims that a KeyFunc read (ErrMalformed, ErrClaim, ErrClaimMissing), for
// ErrKeysUnavailable, and for a Verifier whose only key is a Key without an ID. It may be
// called concurrently.
func RevealsKeys(err error) bool {
	var chosen *choiceError
	return errors.As(err, &chosen)
}

// describeToken are the errors that do not depend on which keys exist.
var describeToken = []error{ErrMalformed, ErrClaim, ErrClaimMissing, ErrKeysUnavailable}

// hideChoice marks err for RevealsKeys. It takes as long as the check of a wrong signature,
// unless arithmetic says that a signature was already checked.
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

// checkDecoy takes the steps of checkSignature for an invalid signature. It fails only if
// ctx is done.
func (v *Verifier) checkDecoy(ctx context.Context, u Unverified, signed digest) error {
	decoy, ok := v.decoyFor(u.Header.Algorithm)
	if !ok {
		return nil
	}
	if decoy.public() {
		v.seen.has(signatureID(decoy, signed, u.parsed.Get().signature))
		limiter, err := acquire(ctx)
		if err != nil {
			return err
		}
		defer limiter.Release()
	}
	_ = decoy.checkSignature(u)
	return nil
}

// decoyFor returns a key for an algorithm, of the same size as the verifier's keys. It
// returns false if no key for the algorithm is known. Then every token that names the
// algorithm is refused without arithmetic, so an attacker cannot make it expensive.
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
		return Key{&key{family: familySecret, material: hidden.Of[any](secret)}}, true
	}
	last, ok := v.chosen.Load(alg)
	if !ok {
		return Key{}, false
	}
	return last.(Key), true
}

// learn stores the public key that was chosen for a token, for decoyFor.
func (v *Verifier) learn(k Key, alg Algorithm) {
	if v.static || k.k == nil || !k.public() || !k.isFor(alg) {
		return
	}
	if last, ok := v.chosen.Load(alg); !ok || last != k {
		v.chosen.Store(alg, k)
	}
}
