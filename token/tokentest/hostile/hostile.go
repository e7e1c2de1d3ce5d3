// Package hostile has a corpus of tokens that a verifier must refuse, for its tests.
//
//	for _, h := range hostile.Tokens(t, key, claims, mint.Header{}) {
//		if _, err := verifier.Verify(ctx, h.Compact); !errors.Is(err, h.Want) {
//			t.Errorf("%s: got %v, want %v", h.Name, err, h.Want)
//		}
//	}
package hostile

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"socketiojwt/internal/hidden"
	"socketiojwt/token"
	"socketiojwt/token/mint"
	"socketiojwt/token/tokentest/internal/testkey"
)

// A Token is a token that must be refused.
type Token struct {
	Name    string // the defect; fit for the name of a subtest
	Compact string
	Want    error // the error of package token that the refusal matches

	// Framed is true if Compact is the valid token with a scheme, quotes or white space
	// around it. A verifier must refuse it. A server that reads tokens from requests may
	// remove these, so a test that sends the tokens to a server skips it.
	Framed bool
}

func (h Token) describe() hidden.Text { return hidden.Text(h.Name) }

// String returns the name, so that printing a Token does not write it to a log.
func (h Token) String() string { return h.describe().String() }

// Format writes the name for every verb.
func (h Token) Format(f fmt.State, verb rune) { h.describe().Format(f, verb) }

// MarshalText returns the name.
func (h Token) MarshalText() ([]byte, error) { return h.describe().MarshalText() }

// LogValue returns the name, for slog.
func (h Token) LogValue() slog.Value { return h.describe().LogValue() }

// Tokens returns tokens that a token.Verifier must refuse. They are made from a token that
// it accepts: the result of mint.Sign(key, claims, header). Check first that the verifier
// accepts that one, because a verifier that accepts nothing passes the test too.
//
// The verifier should have only this key, for its algorithm. With other keys, an
// AudiencePattern or a KeyFunc, it must still refuse the tokens that these do not allow,
// but its errors may differ. Tokens assumes that the verifier checks those of exp, iss and
// aud that are among the claims, that its MaxSize is below 1 MiB, and that it has no
// NumericSubject.
//
// Most tokens are signed with the key, so that only their fault can be the reason for the
// refusal. Their times are an exp of 1970 and an nbf of 9999, so they are hostile
// at any time. Tokens fails the test if the key cannot sign.
func Tokens(t testing.TB, key mint.SigningKey, claims map[string]any, header mint.Header) []Token {
	t.Helper()
	v, err := newVictim(key, claims, header)
	if err != nil {
		t.Fatalf("hostile: %v", err)
	}
	var all []Token
	for _, class := range [][]attack{
		headerAttacks, claimAttacks, timeAttacks(), encodingAttacks, signatureAttacks,
		v.algorithmAttacks(), v.keyAttacks(), v.nameAttacks(), v.curveAttacks(),
	} {
		for _, a := range class {
			if _, there := v.values[a.needs]; a.needs != "" && !there {
				continue
			}
			compact, err := v.forge(a)
			if err != nil {
				t.Fatalf("hostile: %s: %v", a.name, err)
			}
			all = append(all, Token{Name: a.name, Compact: compact, Want: a.want, Framed: a.framed})
		}
	}
	return all
}

// An attack describes how to make a hostile token. A nil edit changes nothing.
type attack struct {
	name           string
	framed         bool   // see Token
	needs          string // skip the attack if the claims lack this one
	header, claims edit   // of the JSON text
	input          edit   // of the signing input
	sign           signer // nil means the key
	compact        edit   // of the whole token
	want           error
}

// An edit changes a text.
type edit func(text string) string

// A signer returns the signature for a signing input.
type signer func(v *victim, input string) ([]byte, error)

// A victim is the valid token that the others are made from, and what an attacker knows.
type victim struct {
	key            mint.SigningKey
	alg            token.Algorithm
	header, claims string // JSON
	signature      []byte
	values         map[string]json.RawMessage // the claims
	public         crypto.PublicKey           // nil for a shared secret
	publicPEM      []byte
	attacker       attacker
}

// An attacker has a key of the same kind.
type attacker struct {
	key         mint.SigningKey
	jwk         map[string]any
	certificate []byte
}

func newVictim(key mint.SigningKey, claims map[string]any, header mint.Header) (*victim, error) {
	compact, err := mint.Sign(key, claims, header)
	if err != nil {
		return nil, err
	}
	v := &victim{key: key, alg: key.Key().Algorithms()[0]}
	parts := strings.Split(compact, ".")
	for i, decoded := range []*string{&v.header, &v.claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return nil, err
		}
		*decoded = string(text)
	}
	if v.signature, err = base64.RawURLEncoding.DecodeString(parts[2]); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(v.claims), &v.values); err != nil {
		return nil, err
	}
	if !v.secret() {
		if v.publicPEM, err = key.PublicPEM(); err != nil {
			return nil, err
		}
		block, _ := pem.Decode(v.publicPEM)
		if v.public, err = x509.ParsePKIXPublicKey(block.Bytes); err != nil {
			return nil, err
		}
	}
	v.attacker, err = newAttacker(v.alg, v.secret())
	return v, err
}

func newAttacker(alg token.Algorithm, secret bool) (s attacker, err error) {
	if secret {
		const known = "a secret of 64 bytes that an attacker chose, unknown to the issuer"
		s.jwk = map[string]any{"kty": "oct", "k": encode([]byte(known))}
		s.key, err = mint.Secret(known, alg)
		return s, err
	}
	p, err := testkey.New(alg)
	if err != nil {
		return s, err
	}
	s.key = p.Signing
	if s.jwk, err = testkey.JWK(p.Signer.Public()); err != nil {
		return s, err
	}
	s.certificate, err = p.Certificate()
	return s, err
}

// secret reports whether the key is a shared secret.
func (v *victim) secret() bool { return strings.HasPrefix(string(v.alg), "HS") }

// forge makes the token of an attack.
func (v *victim) forge(a attack) (string, error) {
	header, claims := v.header, v.claims
	if a.header != nil {
		header = a.header(header)
	}
	if a.claims != nil {
		claims = a.claims(claims)
	}
	input := encode([]byte(header)) + "." + encode([]byte(claims))
	if a.input != nil {
		input = a.input(input)
	}
	sign := a.sign
	if sign == nil {
		sign = byKey
	}
	signature, err := sign(v, input)
	if err != nil {
		return "", err
	}
	compact := input + "." + encode(signature)
	if a.compact != nil {
		compact = a.compact(compact)
	}
	return compact, nil
}

func byKey(v *victim, input string) ([]byte, error)      { return v.key.Signature(input) }
func byAttacker(v *victim, input string) ([]byte, error) { return v.attacker.key.Signature(input) }

// unchanged returns the signature of the valid token.
func unchanged(v *victim, _ string) ([]byte, error) { return v.signature, nil }

// nothing returns an empty signature.
func nothing(*victim, string) ([]byte, error) { return nil, nil }

// altered returns a signer that changes the right signature.
func altered(change func(signature []byte) []byte) signer {
	return func(v *victim, input string) ([]byte, error) {
		signature, err := v.key.Signature(input)
		if err != nil {
			return nil, err
		}
		return change(signature), nil
	}
}

// whole returns an edit that replaces the whole text.
func whole(text string) edit { return func(string) string { return text } }

// around returns an edit that adds text before and after.
func around(before, after string) edit {
	return func(text string) string { return before + text + after }
}

// also returns an edit that adds members to a JSON object, unchecked.
func also(members string) edit {
	return func(object string) string {
		inside := strings.TrimSuffix(strings.TrimPrefix(object, "{"), "}")
		if inside != "" {
			inside += ","
		}
		return "{" + inside + members + "}"
	}
}

// without returns an edit that removes a member from a JSON object.
func without(name string) edit {
	return func(object string) string {
		members := make(map[string]json.RawMessage)
		if json.Unmarshal([]byte(object), &members) != nil {
			return object // unreachable: the object is from the valid token
		}
		delete(members, name)
		text, _ := json.Marshal(members)
		return string(text)
	}
}

// set returns an edit that gives a member of a JSON object another value, unchecked.
func set(name, value string) edit {
	return func(object string) string { return also(`"` + name + `":` + value)(without(name)(object)) }
}

// both returns an edit that applies one edit and then the other.
func both(one, other edit) edit { return func(text string) string { return other(one(text)) } }

// quote returns the JSON of a value that can be encoded.
func quote(value any) string {
	text, _ := json.Marshal(value)
	return string(text)
}

func encode(decoded []byte) string { return base64.RawURLEncoding.EncodeToString(decoded) }
