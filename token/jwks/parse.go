package jwks

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"socketiojwt/internal/wirejson"
	"socketiojwt/token"
)

// published is the keys of a JWK Set that can be used.
type published struct {
	all  []token.Key
	byID map[string][]token.Key // keys of different types may share an ID (RFC 7517, section 4.5)
}

// key returns the key for a token: the one whose ID it names, or without an ID the one
// that is for its algorithm. It reports false if there is none, or more than one.
func (p *published) key(h token.Header) (token.Key, bool) {
	if p == nil {
		return token.Key{}, false
	}
	candidates := p.all
	if h.KeyID != "" {
		if candidates = p.byID[h.KeyID]; len(candidates) == 1 {
			return candidates[0], true // that it is for another algorithm says the verifier
		}
	}
	var found []token.Key
	for _, k := range candidates {
		if k.IsFor(h.Algorithm) {
			found = append(found, k)
		}
	}
	if len(found) != 1 {
		return token.Key{}, false
	}
	return found[0], true
}

// parseSet reads a JWK Set. Keys that are no use to us are left out, as RFC 7517,
// section 5, has it; a set without any other is an error.
func parseSet(body []byte, opts *Options) (*published, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := wirejson.Unmarshal(body, &set); err != nil {
		return nil, errors.New("not a JWK Set")
	}
	if len(set.Keys) > opts.MaxKeys {
		return nil, fmt.Errorf("a JWK Set of %d keys, more than %d", len(set.Keys), opts.MaxKeys)
	}
	p := &published{byID: make(map[string][]token.Key)}
	for i, text := range set.Keys {
		k, err := parseKey(text, opts.Algorithms)
		if err != nil {
			opts.Logger.Debug("jwks: a key is left out", "number", i+1, "cause", err)
			continue
		}
		p.all = append(p.all, k)
		if id := k.ID(); id != "" {
			p.byID[id] = append(p.byID[id], k)
		}
	}
	if len(p.all) == 0 {
		return nil, errors.New("a JWK Set without a key that can be used")
	}
	return p, nil
}

// parseKey reads a JWK. One without alg is for those of the algorithms that its type
// allows; a shared secret, for none.
func parseKey(text []byte, algorithms []token.Algorithm) (token.Key, error) {
	var failed error
	for _, family := range families(algorithms) {
		k := token.JWK(text, family...)
		if err := k.Err(); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		return k, nil
	}
	return token.Key{}, failed
}

// families splits algorithms into those that one key can be for: all with RSA, the names
// of EdDSA, and each of the others, which have a curve of their own.
func families(algorithms []token.Algorithm) [][]token.Algorithm {
	var all [][]token.Algorithm
	var rsa []token.Algorithm
	for _, alg := range algorithms {
		switch {
		case strings.HasPrefix(string(alg), "RS"), strings.HasPrefix(string(alg), "PS"):
			rsa = append(rsa, alg)
		case alg == token.Ed25519 && slices.Contains(algorithms, token.EdDSA):
			// The key that is for EdDSA is for both.
		default:
			all = append(all, []token.Algorithm{alg})
		}
	}
	if rsa != nil {
		all = append(all, rsa)
	}
	return all
}

// allows reports whether alg is one of algorithms, where EdDSA and Ed25519 are the same.
func allows(algorithms []token.Algorithm, alg token.Algorithm) bool {
	switch alg {
	case token.EdDSA, token.Ed25519:
		return slices.Contains(algorithms, token.EdDSA) || slices.Contains(algorithms, token.Ed25519)
	}
	return slices.Contains(algorithms, alg)
}

// LogValue lists the key IDs.
func (p *published) LogValue() slog.Value {
	ids := make([]string, 0, len(p.all))
	for _, k := range p.all {
		ids = append(ids, k.ID())
	}
	return slog.AnyValue(ids)
}
