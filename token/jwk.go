package token

import (
	"encoding/json"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"socketiojwt/internal/wirejson"
)

// jwk has the members of a JSON Web Key (RFC 7517, section 4). The optional members are
// decoded separately, so that a malformed one does not make the key unusable.
type jwk struct {
	Type      string          `json:"kty"`
	Use       json.RawMessage `json:"use"`
	Uses      json.RawMessage `json:"key_ops"`
	Algorithm json.RawMessage `json:"alg"`
	ID        json.RawMessage `json:"kid"`

	// The parameters of the key, which go-jose decodes. x5u is never fetched.
	Curve              json.RawMessage `json:"crv"`
	X                  json.RawMessage `json:"x"`
	Y                  json.RawMessage `json:"y"`
	N                  json.RawMessage `json:"n"`
	E                  json.RawMessage `json:"e"`
	K                  json.RawMessage `json:"k"`
	Certificates       json.RawMessage `json:"x5c"`
	Thumbprint         json.RawMessage `json:"x5t"`
	ThumbprintOfSHA256 json.RawMessage `json:"x5t#S256"`

	// The members of a private key (RFC 7518, sections 6.2.2 and 6.3.2; RFC 8037, section
	// 2; RFC 9964). Any of the RSA members reveals the whole private key.
	D    json.RawMessage `json:"d"`
	P    json.RawMessage `json:"p"`
	Q    json.RawMessage `json:"q"`
	DP   json.RawMessage `json:"dp"`
	DQ   json.RawMessage `json:"dq"`
	QI   json.RawMessage `json:"qi"`
	OTH  json.RawMessage `json:"oth"`
	Priv json.RawMessage `json:"priv"`
}

// empty reports whether a member is missing, null or the empty string.
func empty(member json.RawMessage) bool {
	return len(member) == 0 || string(member) == "null" || string(member) == `""`
}

// private reports whether the JWK has a member of a private key.
func (j *jwk) private() bool {
	return slices.ContainsFunc([]json.RawMessage{j.D, j.P, j.Q, j.DP, j.DQ, j.QI, j.OTH, j.Priv},
		func(member json.RawMessage) bool { return !empty(member) })
}

// forSignatures reports whether the key's use and its key_ops allow the verification of
// signatures. A key_ops that is a string counts as a list of that string.
func (j *jwk) forSignatures() (use, operations bool) {
	var one string
	use = empty(j.Use) || wirejson.Unmarshal(j.Use, &one) == nil && one == "sig"
	if empty(j.Uses) {
		return use, true
	}
	var several []string
	if wirejson.Unmarshal(j.Uses, &several) != nil {
		return use, wirejson.Unmarshal(j.Uses, &one) == nil && one == "verify"
	}
	return use, slices.Contains(several, "verify")
}

// JWK returns the key in a JSON Web Key: RSA, EC, OKP (Ed25519) or oct. Its kid becomes the
// key ID. Its alg becomes the only algorithm, and must be one of algs if any are given.
// Without alg and algs, the algorithms are those of PEM and Secret. A private key is an
// error, as for PEM, and so is a key for a use other than signatures. Optional members may
// be null or empty, and kid may be an integer. A JWK Set is an error.
func JWK(text []byte, algs ...Algorithm) Key {
	var parsed jwk
	if err := wirejson.Unmarshal(text, &parsed); err != nil {
		return unusable("not a JWK: not a JSON object, a kty of the wrong type, or a member given twice")
	}
	if !empty(parsed.Algorithm) {
		named, _ := wirejson.Unquote(string(parsed.Algorithm))
		alg, known := knownAlgorithm(named)
		switch {
		case !known:
			return unusable("the alg of this JWK is not supported")
		case len(algs) > 0 && !slices.ContainsFunc(algs, sameAlgorithm(alg)):
			return unusable("this JWK is only for %s", alg)
		}
		algs = []Algorithm{alg}
	}
	use, operations := parsed.forSignatures()
	switch {
	case parsed.Type == "":
		return unusable("not a JWK: it has no kty")
	case !use:
		return unusable("the use of this JWK is not sig")
	case !operations:
		return unusable("the key_ops of this JWK do not contain verify")
	case parsed.private():
		return unusable("%w", errPrivate)
	}
	k := parsed.key(algs)
	if empty(parsed.ID) || k.k.err != nil {
		return k
	}
	id, ok := nameOrNumber(string(parsed.ID))
	if !ok {
		return unusable("the key ID (kid) of this JWK is neither a string nor an integer")
	}
	return k.WithID(id)
}

// key returns the Key of the JWK's parameters.
func (j *jwk) key(algs []Algorithm) Key {
	parameters := map[string]json.RawMessage{
		"crv": j.Curve, "x": j.X, "y": j.Y, "n": j.N, "e": j.E, "k": j.K, "x5c": j.Certificates,
	}
	if !empty(j.Certificates) && string(j.Certificates) != "[]" { // the thumbprints must match them (RFC 7517, section 4.8)
		parameters["x5t"], parameters["x5t#S256"] = j.Thumbprint, j.ThumbprintOfSHA256
	}
	for name, value := range parameters {
		if empty(value) {
			delete(parameters, name)
		}
	}
	parameters["kty"], _ = wirejson.AppendQuote(nil, j.Type) // never fails: j.Type is valid UTF-8
	text, err := wirejson.Marshal(parameters)
	var read jose.JSONWebKey
	if err == nil {
		err = read.UnmarshalJSON(text)
	}
	if err != nil {
		// The text of err may quote the JWK.
		return unusable("the parameters of this JWK do not fit its kty (oct, RSA, EC on P-256, P-384 or P-521, OKP on Ed25519), or its certificate (x5c) is for another key")
	}
	if secret, ok := read.Key.([]byte); ok {
		return SecretBytes(secret, algs...)
	}
	return publicKey(read.Key, algs)
}
