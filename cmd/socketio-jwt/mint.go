package main

import (
	"encoding/json"
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
	Secret     *string `env:"SOCKETIO_JWT_SECRET" group:"Signature" placeholder:"SECRET" help:"Shared secret to sign with, at least 32 bytes. Other users of the machine can see a command line: use the environment or a file."`
	SecretFile string  `env:"SOCKETIO_JWT_SECRET_FILE" group:"Signature" placeholder:"FILE" help:"File that holds the shared secret; a line break at its end is ignored."`
	Key        string  `env:"SOCKETIO_JWT_KEY" group:"Signature" placeholder:"FILE" help:"PEM file with the private key to sign with."`
	Alg        string  `group:"Signature" placeholder:"ALG" help:"Signature algorithm. Default: HS256 for a secret, otherwise one for the kind of key."`
	Kid        string  `group:"Signature" placeholder:"ID" help:"Key ID for the header."`

	Sub   string         `group:"Claims of the token" placeholder:"NAME" help:"Subject: the user that it names."`
	Iss   string         `group:"Claims of the token" placeholder:"ISS" help:"Issuer."`
	Aud   []string       `group:"Claims of the token" placeholder:"AUD" help:"Audience: the service that accepts it; may be repeated."`
	Life  *time.Duration `group:"Claims of the token" placeholder:"15m" help:"How long it is valid from now on, such as 15m or 7d; a negative one makes an expired token (--life=-1m). Default: 15m."`
	NoExp bool           `group:"Claims of the token" help:"Leave out exp. Verifiers refuse such a token."`
	Claim []string       `group:"Claims of the token" sep:"none" placeholder:"NAME=JSON" help:"Another claim; may be repeated."`
}

// defaultLife is how long a token is valid without --life.
const defaultLife = 15 * time.Minute

// Help is shown by --help.
func (mintCommand) Help() string {
	return `Prints the token and nothing else on standard output. Without --sub it warns on standard error.

Examples:

    export SOCKETIO_JWT_SECRET=$(openssl rand -hex 32)
    socketio-jwt token mint --sub ada
    socketio-jwt token mint --sub ada --life 7d --claim admin=true \
        --claim 'team="blue"'
    socketio-jwt token mint --sub ada --key private.pem \
        --iss https://issuer.example --aud chat`
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
	if _, named := claims["sub"]; !named {
		fmt.Fprintln(t.err, "socketio-jwt: warning: the token has no subject, so a server cannot tell which user it names: give --sub")
	}
	compact, err := mint.Sign(key, claims, mint.Header{})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(t.out, compact)
	return err
}

func (c *mintCommand) signingKey() (key mint.SigningKey, err error) {
	if err := checkAlgorithm(c.Alg); err != nil {
		return key, err
	}
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
		err = errors.New("nothing to sign with: give --key FILE, --secret-file FILE, or a secret in SOCKETIO_JWT_SECRET")
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
	key, err := mint.PEM(text, alg)
	if err != nil {
		return mint.SigningKey{}, fmt.Errorf("--key %s: %w", file, err)
	}
	return key, nil
}

// claims returns the claims of the token. It fails if one is given twice.
func (c *mintCommand) claims(now time.Time) (map[string]any, error) {
	claims := map[string]any{}
	for _, given := range c.Claim {
		name, value, ok := strings.Cut(given, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--claim %s: it must be NAME=JSON", given)
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
			return fmt.Errorf("%s is given twice, by --claim and by its own flag", name)
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
	return claims, joined(
		set("sub", c.Sub, c.Sub != ""),
		set("iss", c.Iss, c.Iss != ""),
		set("aud", audience, len(c.Aud) > 0),
		set("iat", now.Unix(), !iatGiven),
		set("exp", now.Add(life).Unix(), c.Life != nil || !expGiven && !c.NoExp),
	)
}
