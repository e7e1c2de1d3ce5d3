package token

import (
	"encoding/hex"
	"fmt"
	"log/slog"

	"socketiojwt/internal/hidden"
)

// Each type that holds a secret or a token prints a description without it, for every verb
// of fmt, for encoders and for slog. The methods have value receivers, so that they apply
// to values and to pointers.

func (k Key) describe() hidden.Text {
	if err := k.Err(); err != nil && (k.k == nil || k.k.err != nil) {
		return "token.Key(not usable)"
	}
	return hidden.Text(fmt.Sprintf("token.Key(%s for %s, ID %q)", k.k.family, listAlgorithms(k.k.algs), k.k.id))
}

func (s KeySet) describe() hidden.Text {
	if s.s == nil {
		return "token.KeySet(not usable)"
	}
	return hidden.Text(fmt.Sprintf("token.KeySet(%d keys)", len(s.s.keys)))
}

func (u Unverified) describe() hidden.Text {
	return hidden.Text(fmt.Sprintf("token.Unverified(%.32q, key ID %.64q)", u.Header.Algorithm, u.Header.KeyID))
}

func (t Token) describe() hidden.Text {
	return hidden.Text(fmt.Sprintf("token.Token(%s, key ID %.64q, hash %s)", t.Header().Algorithm, t.Header().KeyID, hex.EncodeToString(t.Hash[:8])))
}

func (v Verifier) describe() hidden.Text { return "token.Verifier(keys and options not shown)" }

// String describes the key without its secret.
func (k Key) String() string { return k.describe().String() }

// Format writes the text of String for every verb.
func (k Key) Format(f fmt.State, verb rune) { k.describe().Format(f, verb) }

// MarshalText returns the text of String, so that no encoder writes the secret.
func (k Key) MarshalText() ([]byte, error) { return k.describe().MarshalText() }

// LogValue returns the text of String, for slog.
func (k Key) LogValue() slog.Value { return k.describe().LogValue() }

// String describes the set without its secrets.
func (s KeySet) String() string { return s.describe().String() }

// Format writes the text of String for every verb.
func (s KeySet) Format(f fmt.State, verb rune) { s.describe().Format(f, verb) }

// MarshalText returns the text of String, so that no encoder writes the secrets.
func (s KeySet) MarshalText() ([]byte, error) { return s.describe().MarshalText() }

// LogValue returns the text of String, for slog.
func (s KeySet) LogValue() slog.Value { return s.describe().LogValue() }

// String describes the token without its claims and signature.
func (u Unverified) String() string { return u.describe().String() }

// Format writes the text of String for every verb.
func (u Unverified) Format(f fmt.State, verb rune) { u.describe().Format(f, verb) }

// MarshalText returns the text of String, so that no encoder writes the token.
func (u Unverified) MarshalText() ([]byte, error) { return u.describe().MarshalText() }

// LogValue returns the text of String, for slog.
func (u Unverified) LogValue() slog.Value { return u.describe().LogValue() }

// String describes the token without its claims.
func (t Token) String() string { return t.describe().String() }

// Format writes the text of String for every verb.
func (t Token) Format(f fmt.State, verb rune) { t.describe().Format(f, verb) }

// MarshalText returns the text of String, so that no text encoder writes the claims.
// encoding/gob writes the exported fields.
func (t Token) MarshalText() ([]byte, error) { return t.describe().MarshalText() }

// LogValue returns the text of String, for slog.
func (t Token) LogValue() slog.Value { return t.describe().LogValue() }

// String describes the verifier without its keys.
func (v Verifier) String() string { return v.describe().String() }

// Format writes the text of String for every verb.
func (v Verifier) Format(f fmt.State, verb rune) { v.describe().Format(f, verb) }

// MarshalText returns the text of String, so that no encoder writes the keys.
func (v Verifier) MarshalText() ([]byte, error) { return v.describe().MarshalText() }

// LogValue returns the text of String, for slog.
func (v Verifier) LogValue() slog.Value { return v.describe().LogValue() }
