package tokentest

import (
	"fmt"
	"maps"
	"slices"

	"socketiojwt/token"
	"socketiojwt/token/tokentest/internal/testkey"
)

// Rotate makes a new key, which signs from now on and is published, and returns its
// key ID. Earlier keys stay published. To sign with a key that is not yet published,
// call Retire with the new ID, and Publish later.
func (i *Issuer) Rotate() (kid string) {
	i.t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	kid = fmt.Sprintf("key-%d", len(i.keys)+1)
	made, err := newIssuerKey(i.opts.Algorithm, kid)
	if err != nil {
		i.t.Errorf("tokentest: %v", err)
		return ""
	}
	made.published = true
	i.keys = append(i.keys, made)
	return kid
}

func newIssuerKey(alg token.Algorithm, kid string) (*issuerKey, error) {
	p, err := testkey.New(alg)
	if err != nil {
		return nil, err
	}
	parameters, err := testkey.JWK(p.Signer.Public())
	if err != nil {
		return nil, err
	}
	maps.Copy(parameters, map[string]any{"kid": kid, "alg": alg, "use": "sig"})
	return &issuerKey{pair: p, signing: p.Signing.WithID(kid), parameters: parameters}, nil
}

// Retire removes the key from the JWK Set. If it is the signing key it still signs.
func (i *Issuer) Retire(kid string) {
	i.t.Helper()
	i.publish(kid, false)
}

// Publish puts a retired key back into the JWK Set.
func (i *Issuer) Publish(kid string) {
	i.t.Helper()
	i.publish(kid, true)
}

func (i *Issuer) publish(kid string, published bool) {
	i.t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	n := slices.IndexFunc(i.keys, func(k *issuerKey) bool { return k.signing.Key().ID() == kid })
	if n < 0 {
		i.t.Errorf("tokentest: the issuer has no key %.64q", kid)
		return
	}
	i.keys[n].published = published
}
