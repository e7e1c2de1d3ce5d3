package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"socketiojwt/token"
)

// trust is the flags that say which tokens are good, for serve and token verify.
type trust struct {
	Secret     *string `env:"SOCKETIO_JWT_SECRET" group:"The key that tokens are signed with" placeholder:"SECRET" help:"Shared secret that signs the tokens, at least 32 bytes. Better given by the environment or a file: a command line can be seen by others."`
	SecretFile string  `env:"SOCKETIO_JWT_SECRET_FILE" group:"The key that tokens are signed with" placeholder:"FILE" help:"File that holds the shared secret; a line break at its end does not count."`
	PublicKey  string  `env:"SOCKETIO_JWT_PUBLIC_KEY" group:"The key that tokens are signed with" placeholder:"FILE" help:"PEM file with the public key, or the certificate, of an issuer."`
	Alg        string  `env:"SOCKETIO_JWT_ALG" group:"The key that tokens are signed with" placeholder:"ALG" help:"Algorithm that the key is for. Default: HS256 for a secret, otherwise that of the key's kind."`

	Issuer   []string       `env:"SOCKETIO_JWT_ISSUER" group:"What else a token has to be" placeholder:"ISS" help:"Accepted issuer (iss); may be repeated. Needed with --public-key. Without a key, the URL under which the issuer says where its keys are."`
	Audience []string       `env:"SOCKETIO_JWT_AUDIENCE" group:"What else a token has to be" placeholder:"AUD" help:"Accepted audience (aud); may be repeated. Needed with --public-key, and without a key."`
	Leeway   *time.Duration `env:"SOCKETIO_JWT_LEEWAY" group:"What else a token has to be" placeholder:"10s" help:"How far the issuer's clock may differ from ours, up to 5m. Default: 10s, but none where this program is the issuer."`

	InsecureNoIssuer   bool `env:"SOCKETIO_JWT_INSECURE_NO_ISSUER" group:"What else a token has to be" help:"With --public-key, accept tokens of whoever else publishes under the same key."`
	InsecureNoAudience bool `env:"SOCKETIO_JWT_INSECURE_NO_AUDIENCE" group:"What else a token has to be" help:"With --public-key, accept tokens that were made for other services."`
}

// secret returns the shared secret, from wherever it was given.
func (t trust) secret() (secret string, given bool, err error) {
	return oneSecret(t.Secret, t.SecretFile)
}

func oneSecret(secret *string, file string) (string, bool, error) {
	switch {
	case secret != nil && file != "":
		return "", false, errors.New("--secret and --secret-file exclude each other (SOCKETIO_JWT_SECRET and SOCKETIO_JWT_SECRET_FILE count as well)")
	case secret != nil:
		return *secret, true, nil
	case file != "":
		content, err := os.ReadFile(file)
		if err != nil {
			return "", false, fmt.Errorf("--secret-file: %w", err)
		}
		return strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r"), true, nil
	}
	return "", false, nil
}

// outside reports whether the tokens are those of an issuer that is not ours to be.
func (t trust) outside() bool {
	return t.PublicKey != "" || len(t.Issuer) > 0 || len(t.Audience) > 0
}

// algorithms is the one of --alg, or none for the key's default.
func (t trust) algorithms() []token.Algorithm {
	if t.Alg == "" {
		return nil
	}
	return []token.Algorithm{token.Algorithm(t.Alg)}
}

// key returns the key that was given; given is false when none was.
func (t trust) key() (key token.Key, given bool, err error) {
	secret, given, err := t.secret()
	switch {
	case err != nil:
		return token.Key{}, false, err
	case given && t.PublicKey != "":
		return token.Key{}, false, errors.New("a secret and --public-key exclude each other (SOCKETIO_JWT_SECRET, _SECRET_FILE and _PUBLIC_KEY count as well)")
	case given:
		key = token.Secret(secret, t.algorithms()...)
	case t.PublicKey != "":
		pem, err := os.ReadFile(t.PublicKey)
		if err != nil {
			return token.Key{}, false, fmt.Errorf("--public-key: %w", err)
		}
		key = token.PEM(pem, t.algorithms()...)
	default:
		return token.Key{}, false, nil
	}
	if err := key.Err(); err != nil {
		return token.Key{}, false, fmt.Errorf("the key that was given: %w", err)
	}
	return key, true, nil
}

// defaultLeeway is what package token takes when nobody says.
const defaultLeeway = 10 * time.Second

func (t trust) leeway() time.Duration {
	if t.Leeway == nil {
		return defaultLeeway
	}
	return *t.Leeway
}

// options returns what else a token has to be.
func (t trust) options() token.Options {
	leeway := t.leeway()
	if leeway == 0 {
		leeway = -1 // here 0 is what somebody typed, there it means the default
	}
	return token.Options{
		Issuers: t.Issuer, Audiences: t.Audience, Leeway: leeway,
		InsecureNoIssuer: t.InsecureNoIssuer, InsecureNoAudience: t.InsecureNoAudience,
	}
}

// verifier returns the verifier of the key.
func (t trust) verifier(key token.Key) (*token.Verifier, error) {
	if t.PublicKey != "" {
		switch {
		case len(t.Issuer) == 0 && !t.InsecureNoIssuer:
			return nil, errors.New("--public-key needs --issuer: otherwise tokens of whoever else publishes under that key are good (--insecure-no-issuer takes that risk)")
		case len(t.Audience) == 0 && !t.InsecureNoAudience:
			return nil, errors.New("--public-key needs --audience: otherwise tokens made for other services are good (--insecure-no-audience takes that risk)")
		}
	} else if t.InsecureNoIssuer || t.InsecureNoAudience {
		return nil, errors.New("--insecure-no-issuer and --insecure-no-audience have no effect without --public-key")
	}
	return token.NewVerifier(key, t.options())
}
