package mint

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"maps"

	"github.com/golang-jwt/jwt/v5"

	"socketiojwt/internal/hidden"
	"socketiojwt/token"
	"socketiojwt/token/internal/keytext"
	"socketiojwt/token/internal/privatekey"
)

// A SigningKey signs tokens with one algorithm. Printing it shows no secret. The zero
// SigningKey signs nothing. It is immutable and safe for concurrent use.
type SigningKey struct{ k *signingKey }

var errZeroKey = errors.New("mint: the zero SigningKey signs nothing")

type signingKey struct {
	alg    token.Algorithm
	sign   func(input string) ([]byte, error) // a func, so that fmt shows no secret
	public crypto.PublicKey                   // nil for a shared secret
	verify token.Key
	short  bool // a short secret is allowed
}

// Secret returns a signing key for a shared secret and an HMAC algorithm. A secret
// shorter than the hash of the algorithm is an error, as it is for token.Secret.
func Secret(secret string, alg token.Algorithm) (SigningKey, error) {
	return newSigningKey(alg, []byte(secret), token.Secret(secret, alg))
}

// InsecureShortSecret is like Secret, but the secret may be shorter than the hash, for
// servers that must still accept it: see token.Options.InsecureShortSecret. Anyone
// with one token can search for a short secret offline. An empty secret is an error.
func InsecureShortSecret(secret string, alg token.Algorithm) (SigningKey, error) {
	k := signingKeyOf(alg, []byte(secret), token.Secret(secret, alg))
	k.k.short = true
	if err := k.k.usable(); err != nil {
		return SigningKey{}, err
	}
	return k, nil
}

// PEM returns a signing key for the private key in a PEM text: PKCS #8 ("PRIVATE KEY"),
// PKCS #1 ("RSA PRIVATE KEY") or SEC 1 ("EC PRIVATE KEY"). As for token.PEM, the text may
// have \n in place of its line breaks or be on one line, and an RSA key with the OID of
// RSASSA-PSS is for PS algorithms only. If alg is empty, the key signs with the algorithm
// for which token.PEM takes its public key.
func PEM(text []byte, alg token.Algorithm) (SigningKey, error) {
	block, _ := pem.Decode(keytext.PEM(text))
	if block == nil {
		return SigningKey{}, errors.New("mint: no PEM block found")
	}
	var private any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		signer, spki, err := parsePKCS8(block.Bytes)
		if err != nil {
			return SigningKey{}, errNoPrivate
		}
		return fromSPKI(alg, signer, spki)
	case "RSA PRIVATE KEY":
		private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		private, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		err = errors.New("unknown type")
	}
	signer, ok := private.(crypto.Signer)
	if err != nil || !ok {
		return SigningKey{}, errNoPrivate
	}
	return fromSigner(alg, signer)
}

var errNoPrivate = errors.New("mint: the PEM block is not a private key for signatures")

// Generate returns a new random key for the algorithm; RSA keys have 2048 bits.
func Generate(alg token.Algorithm) (SigningKey, error) {
	switch alg {
	case token.HS256, token.HS384, token.HS512:
		secret := make([]byte, 64)
		rand.Read(secret) // never fails
		return newSigningKey(alg, secret, token.SecretBytes(secret, alg))
	}
	private, err := privatekey.New(alg)
	if err != nil {
		return SigningKey{}, fmt.Errorf("mint: %w", err)
	}
	return fromSigner(alg, private)
}

func fromSigner(alg token.Algorithm, signer crypto.Signer) (SigningKey, error) {
	der, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return SigningKey{}, fmt.Errorf("mint: %w", err)
	}
	return fromSPKI(alg, signer, der)
}

// fromSPKI returns the key of a signer whose public key spki is.
func fromSPKI(alg token.Algorithm, signer crypto.Signer, spki []byte) (SigningKey, error) {
	if alg != "" {
		return newSigningKey(alg, signer, token.DER(spki, alg))
	}
	verify := token.DER(spki)
	if algs := verify.Algorithms(); len(algs) > 0 {
		alg = algs[0]
	}
	return newSigningKey(alg, signer, verify)
}

func newSigningKey(alg token.Algorithm, private any, verify token.Key) (SigningKey, error) {
	k := signingKeyOf(alg, private, verify)
	if err := k.k.usable(); err != nil {
		return SigningKey{}, err
	}
	return k, nil
}

// usable returns an error if the key cannot sign. It asks a Verifier, so that signing and
// verifying accept the same keys.
func (k *signingKey) usable() error {
	var err error
	switch {
	case k == nil:
		return errZeroKey
	case k.short:
		_, err = token.NewVerifier(k.verify, token.Options{InsecureShortSecret: true})
	default:
		err = k.verify.Err()
	}
	if err != nil {
		return fmt.Errorf("mint: %w", err)
	}
	return nil
}

func signingKeyOf(alg token.Algorithm, private any, verify token.Key) SigningKey {
	k := &signingKey{alg: alg, verify: verify}
	method := alg
	if alg == token.Ed25519 {
		method = token.EdDSA // the library knows one name
	}
	k.sign = func(input string) ([]byte, error) {
		return jwt.GetSigningMethod(string(method)).Sign(input, private)
	}
	if signer, ok := private.(crypto.Signer); ok {
		k.public = signer.Public()
	}
	return SigningKey{k}
}

// WithID returns the key under a key ID, which goes into the header of its tokens.
func (k SigningKey) WithID(id string) SigningKey {
	if k.k == nil {
		return k
	}
	named := *k.k
	named.verify = named.verify.WithID(id)
	return SigningKey{&named}
}

// Key returns the key that verifies the tokens: the same secret, or the public key.
func (k SigningKey) Key() token.Key {
	if k.k == nil {
		return token.Key{}
	}
	return k.k.verify
}

// PublicPEM returns the public key as a PEM block "PUBLIC KEY", for other verifiers. It
// fails for a shared secret.
func (k SigningKey) PublicPEM() ([]byte, error) {
	if k.k == nil || k.k.public == nil {
		return nil, errors.New("mint: shared secrets and the zero SigningKey have no public key")
	}
	der, err := x509.MarshalPKIXPublicKey(k.k.public)
	if err != nil {
		return nil, fmt.Errorf("mint: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// Header has the header parameters besides alg and kid.
type Header struct {
	// Type is the parameter typ. Empty means JWT.
	Type string
	// Extra has further parameters, which replace those of the same name. No Verifier
	// accepts a token whose alg was replaced.
	Extra map[string]any
}

// Sign returns a token with the claims, a map or a struct that encodes to a JSON
// object by the rules of encoding/json, in compact serialization. It adds no claim and
// checks none: exp may be missing or past. Times are numbers:
// time.Now().Add(time.Hour).Unix().
func Sign(key SigningKey, claims any, header Header) (string, error) {
	if err := key.k.usable(); err != nil {
		return "", err
	}
	parameters := map[string]any{"alg": key.k.alg, "typ": header.Type}
	if header.Type == "" {
		parameters["typ"] = "JWT"
	}
	if id := key.k.verify.ID(); id != "" {
		parameters["kid"] = id
	}
	maps.Copy(parameters, header.Extra)
	protected, err := json.Marshal(parameters)
	if err != nil {
		return "", fmt.Errorf("mint: header: %w", err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("mint: claims: %w", err)
	}
	if payload[0] != '{' {
		return "", errors.New("mint: the claims are not a JSON object")
	}
	input := base64.RawURLEncoding.EncodeToString(protected) + "." + base64.RawURLEncoding.EncodeToString(payload)
	signature, err := key.Signature(input)
	if err != nil {
		return "", err
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// Signature returns the signature of a signing input (RFC 7515, section 5.1). It signs any
// input unchanged, so that tests can make tokens that Sign would not make. It fails for
// the zero SigningKey.
func (k SigningKey) Signature(input string) ([]byte, error) {
	if k.k == nil {
		return nil, errZeroKey
	}
	signature, err := k.k.sign(input)
	if err != nil {
		return nil, fmt.Errorf("mint: %w", err)
	}
	return signature, nil
}

func (k SigningKey) describe() hidden.Text {
	return hidden.Text(fmt.Sprintf("mint.SigningKey(%v)", k.Key()))
}

// String describes the key without its secret.
func (k SigningKey) String() string { return k.describe().String() }

// Format writes the result of String for every verb.
func (k SigningKey) Format(f fmt.State, verb rune) { k.describe().Format(f, verb) }

// MarshalText returns the result of String, so that no encoder writes the secret.
func (k SigningKey) MarshalText() ([]byte, error) { return k.describe().MarshalText() }

// LogValue returns the result of String, for slog.
func (k SigningKey) LogValue() slog.Value { return k.describe().LogValue() }
