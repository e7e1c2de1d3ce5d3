package jwks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"socketiojwt/token"
)

// published holds the usable keys of a JWK Set.
type published struct {
	all  []token.Key
	byID map[string][]token.Key // keys of different types may share an ID (RFC 7517, section 4.5)
}

var (
	errMissing   = fmt.Errorf("%w: the issuer publishes no matching key", token.ErrKeyNotFound)
	errAmbiguous = fmt.Errorf("%w: the issuer publishes different keys for one algorithm under the key ID that the token names", token.ErrKeysUnavailable)
)

// key returns the key for a token: the key with the token's key ID, or, without a key ID,
// the only key for its algorithm. A key that is published several times counts once. It
// returns errMissing, or errAmbiguous if several different keys match a key ID.
func (p *published) key(h token.Header) (token.Key, error) {
	if p == nil {
		return token.Key{}, errMissing
	}
	candidates := p.all
	if h.KeyID != "" {
		if candidates = p.byID[h.KeyID]; len(candidates) == 1 {
			return candidates[0], nil // the verifier checks its algorithm
		}
	}
	fitting := distinct(candidates, h.Algorithm)
	switch {
	case len(fitting) == 1:
		return fitting[0], nil
	case len(fitting) > 1 && h.KeyID != "":
		return token.Key{}, errAmbiguous
	}
	return token.Key{}, errMissing
}

// distinct returns the keys that are for alg, each public key once.
func distinct(keys []token.Key, alg token.Algorithm) (all []token.Key) {
	for _, k := range keys {
		if k.IsFor(alg) && !slices.ContainsFunc(all, k.SamePublicKey) {
			all = append(all, k)
		}
	}
	return all
}

// errNothing means that no key of the JWK Set is usable. It is a statement by the issuer,
// so it withdraws the keys that were published before.
var errNothing = errors.New("the issuer publishes a JWK Set without a usable key")

// parseSet parses a JWK Set. It leaves out unusable keys, as RFC 7517, section 5,
// requires. If no key is left it returns errNothing.
func parseSet(body []byte, opts *Options) (*published, error) {
	texts, err := splitSet(body)
	if err != nil {
		return nil, err
	}
	if len(texts) > opts.MaxKeys {
		return nil, fmt.Errorf("the JWK Set has %d keys, more than %d", len(texts), opts.MaxKeys)
	}
	p := &published{byID: make(map[string][]token.Key)}
	var causes []string
	for i, text := range texts {
		k, err := parseKey(text, opts.Algorithms)
		if err != nil {
			opts.Logger.Debug("jwks: key left out", "number", i+1, "cause", err)
			causes = append(causes, fmt.Sprintf("key %d: %v", i+1, err))
			continue
		}
		p.add(k)
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("%w: it is empty", errNothing)
	}
	if len(p.all) == 0 {
		if len(causes) > maxCauses {
			causes = append(causes[:maxCauses], "and so on")
		}
		return nil, fmt.Errorf("%w (it has %d): %s", errNothing, len(texts), strings.Join(causes, "; "))
	}
	p.warn(opts)
	return p, nil
}

// maxCauses is how many unusable keys the error explains.
const maxCauses = 3

// splitSet returns the keys of a JWK Set, not yet parsed. A fault in one key or in another
// member does not affect the rest. Two lists of keys are an error.
func splitSet(body []byte) (keys []json.RawMessage, err error) {
	errNoSet := errors.New("not a JWK Set: it must be a JSON object with one array of keys")
	dec := json.NewDecoder(bytes.NewReader(body))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, errNoSet
	}
	for dec.More() {
		name, err := dec.Token()
		var value json.RawMessage
		if err != nil || dec.Decode(&value) != nil {
			return nil, errNoSet
		}
		if name != "keys" {
			continue
		}
		if keys != nil || json.Unmarshal(value, &keys) != nil || keys == nil {
			return nil, errNoSet
		}
	}
	if _, err := dec.Token(); err != nil || keys == nil {
		return nil, errNoSet
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errNoSet
	}
	return keys, nil
}

// add adds a key, unless the set has it already.
func (p *published) add(k token.Key) {
	same := func(other token.Key) bool {
		return other.ID() == k.ID() && other.SamePublicKey(k) && slices.Equal(other.Algorithms(), k.Algorithms())
	}
	if slices.ContainsFunc(p.all, same) {
		return
	}
	p.all = append(p.all, k)
	if id := k.ID(); id != "" {
		p.byID[id] = append(p.byID[id], k)
	}
}

// warn logs the key IDs under which different keys for one algorithm are published.
func (p *published) warn(opts *Options) {
	var ids []string
	for id, keys := range p.byID {
		if slices.ContainsFunc(opts.Algorithms, func(alg token.Algorithm) bool { return len(distinct(keys, alg)) > 1 }) {
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 {
		slices.Sort(ids)
		opts.Logger.Warn("jwks: the issuer publishes different keys for one algorithm under one key ID; tokens that name it are refused as temporary", "ids", ids)
	}
}

// parseKey parses a JWK. A key without alg is for those of algorithms that its type
// allows. A shared secret is an error.
func parseKey(text []byte, algorithms []token.Algorithm) (token.Key, error) {
	for _, family := range families(algorithms) {
		if k := token.JWK(text, family...); k.Err() == nil {
			return k, nil
		}
	}
	if err := token.JWK(text).Err(); err != nil {
		return token.Key{}, err
	}
	return token.Key{}, fmt.Errorf("%w: its type or alg fits none of the allowed algorithms", token.ErrKey)
}

// families groups algorithms that one key can be for: all RSA algorithms, the two names
// of EdDSA, and each other algorithm separately, because each has its own curve.
func families(algorithms []token.Algorithm) [][]token.Algorithm {
	var all [][]token.Algorithm
	var rsa []token.Algorithm
	for _, alg := range algorithms {
		switch {
		case strings.HasPrefix(string(alg), "RS"), strings.HasPrefix(string(alg), "PS"):
			rsa = append(rsa, alg)
		case alg == token.Ed25519 && slices.Contains(algorithms, token.EdDSA):
			// A key for EdDSA is for both names.
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
