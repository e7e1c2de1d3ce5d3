package tokentest

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"strings"
	"testing"

	"socketiojwt/token"
	"socketiojwt/token/mint"
)

// HostileToken is a token that has to be refused.
type HostileToken struct {
	Name    string // what is wrong with it, as the name of a subtest
	Compact string
	Want    error // the sentinel of package token that the refusal matches

	// Framed says that Compact is the good token with a scheme, quotes or white space
	// around it. A verifier must refuse it. A server that reads tokens from requests may
	// remove these, so a test that sends the tokens to a server skips it.
	Framed bool
}

// String returns the name.
func (h HostileToken) String() string { return h.Name }

// Format writes the name, whatever the verb.
func (h HostileToken) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, h.Name) }

// Hostile returns tokens that a token.Verifier must refuse, made from one that it
// accepts: that of mint.Sign(key, claims, header). Make sure of that first, since a
// verifier that accepts nothing refuses all of them too.
//
// The verifier is one for this key and its algorithm alone. Where it may have others,
// or an AudiencePattern, or a KeyFunc of its own, it has to refuse what is not meant to
// be let in by these, but may give another error. It is taken to check those of exp,
// iss and aud that are among the claims, to have a MaxSize below 1 MiB, and no
// NumericSubject.
//
// Most are signed with the key, so that only what is wrong with them can be the reason;
// the tokens say nothing of the time but for an exp of 1970 and an nbf of 9999, and are
// hostile whenever they are looked at. A key that cannot sign fails the test.
func Hostile(t testing.TB, key mint.SigningKey, claims map[string]any, header mint.Header) []HostileToken {
	t.Helper()
	v, err := newVictim(key, claims, header)
	if err != nil {
		t.Fatalf("tokentest: %v", err)
	}
	var all []HostileToken
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
				t.Fatalf("tokentest: %s: %v", a.name, err)
			}
			all = append(all, HostileToken{Name: a.name, Compact: compact, Want: a.want, Framed: a.framed})
		}
	}
	return all
}

// attack is a recipe for a hostile token. A nil edit changes nothing.
type attack struct {
	name           string
	framed         bool   // see HostileToken
	needs          string // the claim without which there is nothing to attack
	header, claims edit   // of the JSON
	input          edit   // of the signing input
	sign           signer // nil: with the key
	compact        edit   // of the whole
	want           error
}

// edit changes a text.
type edit func(text string) string

// signer returns the signature for a signing input.
type signer func(v *victim, input string) ([]byte, error)

// victim is the good token that others are made from, and what strangers know of it.
type victim struct {
	key            mint.SigningKey
	alg            token.Algorithm
	header, claims string // JSON
	signature      []byte
	values         map[string]json.RawMessage // the claims
	public         crypto.PublicKey           // nil for a shared secret
	publicPEM      []byte
	stranger       stranger
}

// stranger is another signer with a key of the same kind.
type stranger struct {
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
	v.stranger, err = newStranger(v.alg, v.secret())
	return v, err
}

func newStranger(alg token.Algorithm, secret bool) (s stranger, err error) {
	if secret {
		const known = "a secret of 64 bytes that a stranger chose, and that he alone has"
		s.jwk = map[string]any{"kty": "oct", "k": encode([]byte(known))}
		s.key, err = mint.Secret(known, alg)
		return s, err
	}
	p, err := newPair(alg)
	if err != nil {
		return s, err
	}
	s.key = p.bare
	if s.jwk, err = jwk(p.signer.Public()); err != nil {
		return s, err
	}
	s.certificate, err = p.certificate()
	return s, err
}

// secret reports whether the key is a shared secret.
func (v *victim) secret() bool { return strings.HasPrefix(string(v.alg), "HS") }

// forge makes the token of the attack.
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
func byStranger(v *victim, input string) ([]byte, error) { return v.stranger.key.Signature(input) }

// unchanged is the signature of the good token.
func unchanged(v *victim, _ string) ([]byte, error) { return v.signature, nil }

// nothing is no signature.
func nothing(*victim, string) ([]byte, error) { return nil, nil }

// altered is the right signature, changed.
func altered(change func(signature []byte) []byte) signer {
	return func(v *victim, input string) ([]byte, error) {
		signature, err := v.key.Signature(input)
		if err != nil {
			return nil, err
		}
		return change(signature), nil
	}
}

// whole replaces the text.
func whole(text string) edit { return func(string) string { return text } }

// around puts something before and after the text.
func around(before, after string) edit {
	return func(text string) string { return before + text + after }
}

// also adds members to a JSON object, as they stand.
func also(members string) edit {
	return func(object string) string {
		inside := strings.TrimSuffix(strings.TrimPrefix(object, "{"), "}")
		if inside != "" {
			inside += ","
		}
		return "{" + inside + members + "}"
	}
}

// without removes a member from a JSON object.
func without(name string) edit {
	return func(object string) string {
		members := make(map[string]json.RawMessage)
		if json.Unmarshal([]byte(object), &members) != nil {
			return object // not reached: the object is the good token's
		}
		delete(members, name)
		text, _ := json.Marshal(members)
		return string(text)
	}
}

// set gives a member of a JSON object another value, JSON or not.
func set(name, value string) edit {
	return func(object string) string { return also(`"` + name + `":` + value)(without(name)(object)) }
}

// both makes one edit, then the other.
func both(one, other edit) edit { return func(text string) string { return other(one(text)) } }

// quote returns the JSON of a value that has one.
func quote(value any) string {
	text, _ := json.Marshal(value)
	return string(text)
}
