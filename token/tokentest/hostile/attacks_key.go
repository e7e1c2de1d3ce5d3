package hostile

import (
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"hash"
	"math/big"
	"slices"
	"strings"
	"unicode"

	"socketiojwt/token"
	"socketiojwt/token/tokentest/internal/testkey"
)

// The attacks that depend on the key, and on the names in the claims.

var allAlgorithms = []token.Algorithm{
	token.HS256, token.HS384, token.HS512, token.RS256, token.RS384, token.RS512, token.PS256, token.PS384, token.PS512,
	token.ES256, token.ES384, token.ES512, token.EdDSA, token.Ed25519,
}

var hashes = map[token.Algorithm]func() hash.Hash{token.HS256: sha256.New, token.HS384: sha512.New384, token.HS512: sha512.New}

// bySecret signs with a shared secret of any length.
func bySecret(alg token.Algorithm, secret []byte) signer {
	return func(_ *victim, input string) ([]byte, error) {
		mac := hmac.New(hashes[alg], secret)
		mac.Write([]byte(input))
		return mac.Sum(nil), nil
	}
}

// algorithmAttacks name algorithms that the key is not for (section 3.1), and sign with
// them if an attacker knows enough to do so.
func (v *victim) algorithmAttacks() (attacks []attack) {
	name := string(v.alg)
	for _, alg := range []string{
		strings.ToLower(name), name + " ", " " + name, name[:2] + "-" + name[2:], name + "/none",
		"Ed448", "Ed25519ph", "ED25519", "ES256-Ed25519", "ESP256", // RFC 9864 and names like those in it
	} {
		attacks = append(attacks, attack{name: "alg " + quote(alg), header: set("alg", quote(alg)), want: token.ErrAlgorithm})
	}
	for _, alg := range allAlgorithms {
		if alg != v.alg && !v.key.Key().IsFor(alg) {
			attacks = append(attacks, attack{name: "alg " + string(alg), header: set("alg", quote(alg)), want: token.ErrAlgorithm})
		}
	}
	secrets := map[string][]byte{"the empty secret": nil, "a guessed secret": []byte("secret")}
	if v.secret() {
		for _, what := range sortedKeys(secrets) {
			attacks = append(attacks, attack{name: name + " with " + what, sign: bySecret(v.alg, secrets[what]), want: token.ErrSignature})
		}
		return attacks
	}
	// Anyone may have the public key, so it must never be accepted as a secret.
	for what, secret := range v.publicTexts() {
		secrets["the public key as "+what] = secret
	}
	for _, what := range sortedKeys(secrets) {
		for _, alg := range []token.Algorithm{token.HS256, token.HS384, token.HS512} {
			attacks = append(attacks, attack{
				name: string(alg) + " with " + what, header: set("alg", quote(alg)), sign: bySecret(alg, secrets[what]), want: token.ErrAlgorithm,
			})
		}
		attacks = append(attacks, attack{name: name + ", in truth HS256 with " + what, sign: bySecret(token.HS256, secrets[what]), want: token.ErrSignature})
	}
	return attacks
}

// publicTexts returns the usual encodings of the public key.
func (v *victim) publicTexts() map[string][]byte {
	block, _ := pem.Decode(v.publicPEM)
	texts := map[string][]byte{
		"PEM":                      v.publicPEM,
		"PEM without a line break": []byte(strings.TrimSpace(string(v.publicPEM))),
		"PEM of Windows":           []byte(strings.ReplaceAll(string(v.publicPEM), "\n", "\r\n")),
		"DER":                      block.Bytes,
		"base64":                   []byte(base64.StdEncoding.EncodeToString(block.Bytes)),
	}
	if parameters, err := testkey.JWK(v.public); err == nil {
		texts["JWK"] = []byte(quote(parameters))
	}
	if public, ok := v.public.(*rsa.PublicKey); ok {
		der := x509.MarshalPKCS1PublicKey(public)
		texts["PKCS #1"] = der
		texts["PEM of PKCS #1"] = pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: der})
	}
	return texts
}

// keyAttacks contain a key, or say where to fetch one (section 3.10).
func (v *victim) keyAttacks() (attacks []attack) {
	s := v.attacker
	// Port 1 of this host: a verifier that follows the URL finds nothing, and no other host is asked.
	for name, value := range map[string]any{
		"jwk": s.jwk, "jku": "http://127.0.0.1:1/jwks.json", "x5u": "http://127.0.0.1:1/chain.pem", "x5t": encode(make([]byte, 20)),
		"x5c": []string{base64.StdEncoding.EncodeToString(s.certificate)},
	} {
		attacks = append(attacks, attack{name: name + " of an attacker", header: also(quote(name) + ":" + quote(value)), sign: byAttacker, want: token.ErrSignature})
	}
	slices.SortFunc(attacks, func(a, b attack) int { return strings.Compare(a.name, b.name) })

	// A key without an ID ignores the token's; a key with an ID is not found.
	refused := token.ErrSignature
	if v.key.Key().ID() != "" {
		refused = token.ErrKeyNotFound
		attacks = append(attacks, attack{name: "kid of another key", header: set("kid", quote(v.key.Key().ID()+"x")), want: refused},
			attack{name: "kid and a space", header: set("kid", quote(v.key.Key().ID()+" ")), want: refused})
	}
	for _, kid := range []string{
		"../../../../dev/null", "/dev/null", `..\..\nul`, "file:///dev/null", "http://127.0.0.1:1/key", "' OR '1'='1", "x' UNION SELECT 'secret",
		"|/bin/true", "$(true)", "%00", "%2e%2e%2f", "__proto__", "constructor", "{{7*7}}", "*", "0", strings.Repeat("x", 256),
	} {
		sign := signer(byAttacker)
		if v.secret() {
			sign = bySecret(v.alg, nil) // the content of /dev/null
		}
		attacks = append(attacks, attack{name: "kid " + quote(kid[:min(len(kid), 32)]), header: set("kid", quote(kid)), sign: sign, want: refused})
	}
	return attacks
}

// nameAttacks misspell the issuer and the audience slightly (sections 3.8 and 3.9).
func (v *victim) nameAttacks() (attacks []attack) {
	var issuer string
	if json.Unmarshal(v.values["iss"], &issuer) == nil && issuer != "" {
		for what, other := range almost(issuer) {
			attacks = append(attacks, attack{name: "iss " + what, claims: set("iss", quote(other)), want: token.ErrIssuer})
		}
		attacks = append(attacks,
			attack{name: "iss a list", claims: set("iss", quote([]string{issuer})), want: token.ErrClaim},
			attack{name: "iss twice", claims: also(`"iss":` + quote(issuer)), want: token.ErrMalformed},
			attack{name: "ISS for iss", claims: both(without("iss"), also(`"ISS":`+quote(issuer))), want: token.ErrIssuer},
			// U+017F, which case folding turns into S.
			attack{name: "iſſ for iss", claims: both(without("iss"), also(`"iſſ":`+quote(issuer))), want: token.ErrIssuer},
			attack{name: "iss of an attacker, iſs as it should be",
				claims: both(set("iss", `"https://attacker.example"`), also(`"iſs":`+quote(issuer))), want: token.ErrIssuer},
		)
	}
	if audience := v.audience(); audience != "" {
		for what, other := range almost(audience) {
			attacks = append(attacks, attack{name: "aud " + what, claims: set("aud", quote(other)), want: token.ErrAudience},
				attack{name: "aud " + what + ", in a list", claims: set("aud", quote([]string{other, "https://attacker.example"})), want: token.ErrAudience})
		}
		one := quote(audience)
		for what, value := range map[string]string{
			"and null": `[` + one + `,null]`, "and a number": `[` + one + `,1]`, "in two lists": `[[` + one + `]]`, "a member": `{` + one + `:true}`,
		} {
			attacks = append(attacks, attack{name: "aud " + what, claims: set("aud", value), want: token.ErrClaim})
		}
		attacks = append(attacks,
			attack{name: "aud twice", claims: also(`"aud":` + one), want: token.ErrMalformed},
			attack{name: "AUD for aud", claims: both(without("aud"), also(`"AUD":`+one)), want: token.ErrAudience},
			attack{name: "aud among others in one string", claims: set("aud", quote("shop "+audience)), want: token.ErrAudience},
		)
	}
	slices.SortFunc(attacks, func(a, b attack) int { return strings.Compare(a.name, b.name) })
	return attacks
}

// audience returns the first audience of the valid token, or "".
func (v *victim) audience() string {
	var one string
	if json.Unmarshal(v.values["aud"], &one) == nil {
		return one
	}
	var several []string
	if json.Unmarshal(v.values["aud"], &several) == nil && len(several) > 0 {
		return several[0]
	}
	return ""
}

// almost returns names that a comparison which is not exact could take for name.
func almost(name string) map[string]string {
	names := map[string]string{
		"and more": name + ".attacker.example", "and a slash": name + "/", "without its end": name[:len(name)-1], "after more": "x" + name,
		"and a space": name + " ", "after a space": " " + name, "and a NUL": name + "\x00", "and a line feed": name + "\n",
		"in other letters": swapCase(name), "percent-encoded": "%" + strings.ToUpper(encodeHex(name[0])) + name[1:],
	}
	for what, other := range names {
		if other == name || other == "" {
			delete(names, what)
		}
	}
	return names
}

func swapCase(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, text)
}

func encodeHex(b byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[b>>4], digits[b&15]})
}

// curveAttacks are signatures that ECDSA never makes ("psychic" ones, valid for every text
// if r and s are not checked), and right signatures in other encodings.
func (v *victim) curveAttacks() (attacks []attack) {
	public, ok := v.public.(*ecdsa.PublicKey)
	if !ok {
		return nil
	}
	order := public.Params().N
	size := (order.BitLen() + 7) / 8
	number := func(n *big.Int) []byte { return n.FillBytes(make([]byte, size)) }
	one := big.NewInt(1)
	numbers := map[string][]byte{"0": number(new(big.Int)), "1": number(one), "n": number(order), "n-1": number(new(big.Int).Sub(order, one))}
	for _, r := range sortedKeys(numbers) {
		for _, s := range sortedKeys(numbers) {
			signature := slices.Concat(numbers[r], numbers[s])
			attacks = append(attacks, attack{
				name: "signature of r=" + r + ", s=" + s, want: token.ErrSignature,
				sign: func(*victim, string) ([]byte, error) { return signature, nil },
			})
		}
	}
	inASN1 := func(raw []byte) []byte {
		var both struct{ R, S *big.Int }
		both.R, both.S = new(big.Int).SetBytes(raw[:size]), new(big.Int).SetBytes(raw[size:])
		encoded, _ := asn1.Marshal(both)
		return encoded
	}
	return append(attacks,
		attack{name: "signature in ASN.1", sign: altered(inASN1), want: token.ErrSignature},
		attack{name: "signature of zeros in ASN.1", sign: altered(func(raw []byte) []byte { return inASN1(make([]byte, len(raw))) }), want: token.ErrSignature},
		attack{name: "signature with r and s exchanged", sign: altered(func(raw []byte) []byte { return slices.Concat(raw[size:], raw[:size]) }), want: token.ErrSignature},
		attack{name: "signature with wider numbers", sign: altered(func(raw []byte) []byte {
			return slices.Concat([]byte{0}, raw[:size], []byte{0}, raw[size:])
		}), want: token.ErrSignature},
	)
}

func sortedKeys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
