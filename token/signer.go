package token

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"socketiojwt/internal/guard"
)

// signer is the key that has signed a token, and the verifier of that key.
type signer struct {
	verifier   *Verifier // its rules apply to the token
	key        Key
	arithmetic bool // a signature was checked, or was remembered as valid
}

// findSigner finds the key that has signed u. size is the length of the token in bytes.
func (v *Verifier) findSigner(ctx context.Context, u Unverified, size int, signed digest) (by signer, err error) {
	if v.byIssuer != nil {
		if v, err = v.forIssuer(ctx, u, size); err != nil {
			return signer{}, err
		}
		defer func() {
			if errors.Is(err, ErrKeysUnavailable) {
				v.Available() // makes a jwks.Set fetch its keys again soon; byIssuer does not call it for each of them
			}
		}()
	}
	key, err := v.chooseKey(ctx, u, v.keys.Key)
	if err != nil {
		return signer{}, err
	}
	err = v.checkKey(ctx, u, key, signed)
	by = signer{v, key, err == nil || errors.Is(err, ErrSignature)}
	keys, renewable := v.keys.(newerKeys)
	if !renewable || !errors.Is(err, ErrSignature) && !errors.Is(err, ErrAlgorithm) {
		return by, err
	}
	newer, none := v.chooseKey(ctx, u, func(ctx context.Context, u Unverified) (Key, error) { return keys.NewerKey(ctx, u, key) })
	switch {
	case none != nil:
		return by, none
	case newer == key:
		return by, err
	}
	by.key = newer
	return by, v.checkKey(ctx, u, newer, signed)
}

// newerKeys are Keys with the method NewerKey, which Keys documents.
type newerKeys interface {
	NewerKey(ctx context.Context, u Unverified, failed Key) (Key, error)
}

// checkKey returns an error unless key has signed u and has not ended.
func (v *Verifier) checkKey(ctx context.Context, u Unverified, key Key, signed digest) error {
	if key.over(v.opts.Now()) {
		return fmt.Errorf("%w: the key has ended (WithNotAfter)", ErrKeyNotFound)
	}
	return v.checkSignature(ctx, u, key, signed)
}

// chooseKey returns a usable key for u. ask is a method of v.keys.
func (v *Verifier) chooseKey(ctx context.Context, u Unverified, ask KeyFunc) (Key, error) {
	if v.static {
		return ask(ctx, u) // NewVerifier has checked all keys
	}
	key, err := v.askForKey(ctx, u, ask)
	if err != nil {
		return Key{}, err
	}
	if err := key.usable(v.opts.InsecureShortSecret); err != nil {
		return Key{}, err
	}
	if missing := v.opts.missingForPublic(); key.public() && missing != "" {
		return Key{}, fmt.Errorf("%w: a public key needs Options.%s", ErrKey, missing)
	}
	return key, nil
}

// askForKey calls the caller's code that chooses the key, and turns its errors into errors
// of this package.
func (v *Verifier) askForKey(ctx context.Context, u Unverified, ask KeyFunc) (key Key, err error) {
	defer func() {
		if value := recover(); value != nil {
			v.opts.Logger.ErrorContext(ctx, "token: panic in a KeyFunc", guard.Recovered(value).Attr())
			key, err = Key{}, fmt.Errorf("%w: the KeyFunc panicked", ErrKey)
		}
	}()
	if ctx.Err() == nil {
		key, err = ask(ctx, u)
	}
	switch {
	case ctx.Err() != nil:
		return Key{}, fmt.Errorf("%w: %w", ErrKeysUnavailable, context.Cause(ctx))
	case err == nil:
		return key, nil
	case slices.ContainsFunc(sentinels, func(ours error) bool { return errors.Is(err, ours) }):
		return Key{}, err
	default:
		return Key{}, fmt.Errorf("%w: %w", ErrKeysUnavailable, err)
	}
}
