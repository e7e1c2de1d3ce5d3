package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"socketiojwt/internal/wirejson"
	"socketiojwt/token"
	"socketiojwt/token/mint"
)

// mintCommand signs a token.
type mintCommand struct {
	Secret     *string `env:"SOCKETIO_JWT_SECRET" group:"What to sign with" placeholder:"SECRET" help:"Shared secret to sign with, at least 32 bytes. Better given by the environment or a file."`
	SecretFile string  `env:"SOCKETIO_JWT_SECRET_FILE" group:"What to sign with" placeholder:"FILE" help:"File that holds the shared secret; a line break at its end does not count."`
	Key        string  `env:"SOCKETIO_JWT_KEY" group:"What to sign with" placeholder:"FILE" help:"PEM file with the private key to sign with."`
	Alg        string  `group:"What to sign with" placeholder:"ALG" help:"Algorithm to sign by. Default: HS256 for a secret, otherwise that of the key's kind."`
	Kid        string  `group:"What to sign with" placeholder:"ID" help:"Key ID for the header."`

	Sub   string         `group:"What the token says" placeholder:"NAME" help:"Subject: who it is about."`
	Iss   string         `group:"What the token says" placeholder:"ISS" help:"Issuer: who says so."`
	Aud   []string       `group:"What the token says" placeholder:"AUD" help:"Audience: whom it is for; may be repeated."`
	Life  *time.Duration `group:"What the token says" placeholder:"15m" help:"How long it is good from now on; less than nothing makes an expired one (--life=-1m). Default: 15m."`
	NoExp bool           `group:"What the token says" help:"Leave out exp: a token without an end, which verifiers refuse."`
	Claim []string       `group:"What the token says" sep:"none" placeholder:"NAME=JSON" help:"Another claim; may be repeated."`
}

// defaultLife is how long a token is good if nobody says.
const defaultLife = 15 * time.Minute

// Help is shown by --help.
func (mintCommand) Help() string {
	return `Prints the token and nothing else on standard output.

Examples:

    export SOCKETIO_JWT_SECRET=$(openssl rand -hex 32)
    socketio-jwt token mint --sub ada
    socketio-jwt token mint --sub ada --life 20s --claim admin=true --claim 'team="blue"'
    socketio-jwt token mint --key private.pem --iss https://issuer.example --aud chat --sub ada`
}

// Run prints the token.
func (c *mintCommand) Run(t terminal) error {
	key, err := c.signingKey()
	if err != nil {
		return err
	}
	claims, err := c.claims(time.Now())
	if err != nil {
		return err
	}
	compact, err := mint.Sign(key, claims, mint.Header{})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(t.out, compact)
	return err
}

func (c *mintCommand) signingKey() (key mint.SigningKey, err error) {
	secret, given, err := oneSecret(c.Secret, c.SecretFile)
	switch {
	case err != nil:
		return key, err
	case given && c.Key != "":
		return key, errors.New("a secret and --key exclude each other (SOCKETIO_JWT_SECRET, _SECRET_FILE and _KEY count as well)")
	case given && c.Alg == "":
		key, err = mint.Secret(secret, token.HS256)
	case given:
		key, err = mint.Secret(secret, token.Algorithm(c.Alg))
	case c.Key != "":
		key, err = readPrivateKey(c.Key, token.Algorithm(c.Alg))
	default:
		err = errors.New("nothing to sign with: give --key FILE, --secret-file FILE, or a secret by SOCKETIO_JWT_SECRET")
	}
	if c.Kid != "" {
		key = key.WithID(c.Kid)
	}
	return key, err
}

func readPrivateKey(file string, alg token.Algorithm) (mint.SigningKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return mint.SigningKey{}, fmt.Errorf("--key: %w", err)
	}
	if alg == "" {
		alg = algorithmOf(text)
	}
	key, err := mint.PEM(text, alg)
	if err != nil {
		return mint.SigningKey{}, fmt.Errorf("--key %s: %w", file, err)
	}
	return key, nil
}

// algorithmOf returns the algorithm that a private key is for when nobody says.
func algorithmOf(text []byte) token.Algorithm {
	block, _ := pem.Decode(text)
	if block == nil {
		return token.RS256 // mint.PEM says what is wrong
	}
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		private, _ = x509.ParseECPrivateKey(block.Bytes)
	}
	switch private := private.(type) {
	case ed25519.PrivateKey:
		return token.EdDSA
	case *ecdsa.PrivateKey:
		if private == nil {
			break
		}
		switch private.Curve.Params().BitSize {
		case 384:
			return token.ES384
		case 521:
			return token.ES512
		default:
			return token.ES256
		}
	}
	return token.RS256
}

// claims puts the claims together, each given once.
func (c *mintCommand) claims(now time.Time) (map[string]any, error) {
	claims := map[string]any{}
	for _, given := range c.Claim {
		name, value, ok := strings.Cut(given, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--claim %s: it has to be NAME=JSON", given)
		}
		if _, twice := claims[name]; twice {
			return nil, fmt.Errorf("--claim %s is given twice", name)
		}
		raw := json.RawMessage(value)
		if !wirejson.Valid(raw) {
			return nil, fmt.Errorf("--claim %s: %s is not JSON; a string is written with its quotes, as in --claim 'team=\"blue\"'", name, value)
		}
		claims[name] = raw
	}
	set := func(name string, value any, given bool) error {
		if !given {
			return nil
		}
		if _, twice := claims[name]; twice {
			return fmt.Errorf("%s is given twice, by --claim and by a flag of its own", name)
		}
		claims[name] = value
		return nil
	}
	_, iatGiven := claims["iat"]
	_, expGiven := claims["exp"]
	life := defaultLife
	if c.Life != nil {
		life = *c.Life
	}
	var audience any = c.Aud
	if len(c.Aud) == 1 {
		audience = c.Aud[0]
	}
	if c.NoExp && (c.Life != nil || expGiven) {
		return nil, errors.New("--no-exp excludes --life and --claim exp")
	}
	return claims, errors.Join(
		set("sub", c.Sub, c.Sub != ""),
		set("iss", c.Iss, c.Iss != ""),
		set("aud", audience, len(c.Aud) > 0),
		set("iat", now.Unix(), !iatGiven),
		set("exp", now.Add(life).Unix(), c.Life != nil || !expGiven && !c.NoExp),
	)
}
