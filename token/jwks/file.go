package jwks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"socketiojwt/internal/wirejson"
	"socketiojwt/token"
)

const (
	maxFile     = 1 << 20
	maxFileKeys = 100
)

// ReadFile reads the JWK Set in a file once and returns its keys. Unlike a fetched set, the
// file may contain shared secrets (kty oct), which must have an alg. It is strict, because
// the operator wrote the file: an unusable key, such as a private key or a secret that is
// too short, is an error that names the key, and no key is left out. Each key needs its
// own kid.
//
// The error is that of reading the file, or matches token.ErrKey. It contains nothing of
// the keys except their IDs. ReadFile does not check the file's permissions; make sure that
// other users cannot read a file with secrets.
func ReadFile(path string) (token.KeySet, error) {
	text, err := readFile(path)
	if err != nil {
		return token.KeySet{}, fmt.Errorf("jwks: %w", err)
	}
	keys, err := parseFile(text)
	if err != nil {
		return token.KeySet{}, fmt.Errorf("jwks: %s: %w", path, err)
	}
	return token.NewKeySet(keys...), nil
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%w: %s has more than %d bytes", token.ErrKey, path, maxFile)
	}
	return text, err
}

// fileKey has the parameters of a JWK that ReadFile checks.
type fileKey struct {
	Type      string `json:"kty"`
	Algorithm string `json:"alg"`
	ID        string `json:"kid"`
}

func parseFile(text []byte) ([]token.Key, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := wirejson.Unmarshal(text, &set); err != nil {
		where := "" // err itself may quote a secret
		if syntax := (*wirejson.SyntaxError)(nil); errors.As(err, &syntax) {
			where = fmt.Sprintf(", or line %d is not strict JSON", 1+bytes.Count(text[:syntax.Offset], []byte("\n")))
		}
		return nil, fmt.Errorf("%w: not a JWK Set%s", token.ErrKey, where)
	}
	if len(set.Keys) == 0 || len(set.Keys) > maxFileKeys {
		return nil, fmt.Errorf("%w: a JWK Set has an array %q of 1 to %d keys, this one has %d", token.ErrKey, "keys", maxFileKeys, len(set.Keys))
	}
	var keys []token.Key
	var failed error
	number := make(map[string]int) // of the key that has the ID
	for i, text := range set.Keys {
		k, id, err := parseFileKey(text)
		if err == nil && number[id] != 0 {
			err = fmt.Errorf("%w: key %d has the same kid", token.ErrKey, number[id])
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("key %d, %.64q: %w", i+1, id, err))
			continue
		}
		number[id] = i + 1
		keys = append(keys, k)
	}
	return keys, failed
}

// parseFileKey returns the key in a JWK. It returns the ID even if the key is unusable.
func parseFileKey(text []byte) (k token.Key, id string, err error) {
	var parsed fileKey
	if wirejson.Unmarshal(text, &parsed) != nil {
		return k, "", fmt.Errorf("%w: not a JWK: not a JSON object, or a parameter has the wrong type", token.ErrKey)
	}
	var algs []token.Algorithm // nil means the default of token.JWK
	switch {
	case parsed.ID == "":
		return k, "", fmt.Errorf("%w: kid is missing", token.ErrKey)
	case parsed.Type == "oct" && parsed.Algorithm == "":
		return k, parsed.ID, fmt.Errorf("%w: a secret must have an alg, such as HS256", token.ErrKey)
	case parsed.Type == "RSA": // as in a fetched set
		algs = public[:6]
	}
	k = token.JWK(text, algs...)
	return k, parsed.ID, k.Err()
}
