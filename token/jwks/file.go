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

// ReadFile returns the keys of the JWK Set in a file, read once. Unlike a set that is
// fetched it may hold shared secrets (kty oct), which name their alg: a JWK without alg
// is never for a secret's. And it is strict, since somebody here has written it: a key
// that cannot be used, private ones and too short secrets among them, is an error that
// says which one it is, and nothing is left out. Each key needs a kid of its own.
//
// The error is that of the file, or matches token.ErrKey; it holds nothing of the keys
// but their IDs. Of a file with secrets make sure that nobody else can read it: ReadFile
// takes it as it is.
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

// fileKey is what a JWK says of itself that ReadFile is strict about.
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
		where := "" // the error itself may quote what stands there
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

// parseFileKey returns the key in a JWK, and its ID also when it cannot be used.
func parseFileKey(text []byte) (k token.Key, id string, err error) {
	var parsed fileKey
	if wirejson.Unmarshal(text, &parsed) != nil {
		return k, "", fmt.Errorf("%w: not a JWK: no object, or a parameter of the wrong type", token.ErrKey)
	}
	var algs []token.Algorithm // nil: what token.JWK makes of it
	switch {
	case parsed.ID == "":
		return k, "", fmt.Errorf("%w: it has no kid; give it one", token.ErrKey)
	case parsed.Type == "oct" && parsed.Algorithm == "":
		return k, parsed.ID, fmt.Errorf("%w: a secret without alg; say which one it is for", token.ErrKey)
	case parsed.Type == "RSA": // as in a set that is fetched
		algs = public[:6]
	}
	k = token.JWK(text, algs...)
	return k, parsed.ID, k.Err()
}
