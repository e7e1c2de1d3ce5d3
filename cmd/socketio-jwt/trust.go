package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/profile"
)

// trust is the flags that say which tokens are good, for serve and token verify.
type trust struct {
	Secret     *string `env:"SOCKETIO_JWT_SECRET" group:"The key that tokens are signed with" placeholder:"SECRET" help:"Shared secret that signs the tokens, at least 32 bytes. Better given by the environment or a file: a command line can be seen by others."`
	SecretFile string  `env:"SOCKETIO_JWT_SECRET_FILE" group:"The key that tokens are signed with" placeholder:"FILE" help:"File that holds the shared secret; a line break at its end does not count."`
	PublicKey  string  `env:"SOCKETIO_JWT_PUBLIC_KEY" group:"The key that tokens are signed with" placeholder:"FILE" help:"PEM file with the public key, or the certificate, of an issuer."`
	Alg        string  `env:"SOCKETIO_JWT_ALG" group:"The key that tokens are signed with" placeholder:"ALG" help:"Algorithm that the key is for. Default: HS256 for a secret, otherwise that of the key's kind."`

	Issuer   []string       `env:"SOCKETIO_JWT_ISSUER" group:"What else a token has to be" placeholder:"ISS" help:"Accepted issuer (iss); may be repeated. Needed with --public-key. Without a key, the URL under which the issuer says where its keys are."`
	Audience []string       `env:"SOCKETIO_JWT_AUDIENCE" group:"What else a token has to be" placeholder:"AUD" help:"Accepted audience (aud); may be repeated. Needed with --public-key, and without a key."`
	Profile  string         `env:"SOCKETIO_JWT_PROFILE" group:"What else a token has to be" placeholder:"NAME" help:"Shape of the tokens, which keeps those of another kind out: access-token (RFC 9068), id-token (OpenID Connect), auth0, keycloak, cognito-access, cognito-id or firebase. Needs one --issuer and one --audience, which is an API or a client ID, with firebase the project."`
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
	return t.PublicKey != "" || len(t.Issuer) > 0 || len(t.Audience) > 0 || t.Profile != ""
}

// algorithms is the one of --alg, or none for the key's default.
func (t trust) algorithms() []token.Algorithm {
	if t.Alg == "" {
		return nil
	}
	return []token.Algorithm{token.Algorithm(t.Alg)}
}

// key returns the key that was given; given is false when none was. It fails for a
// --profile that cannot be meant too, before it is said that a key is missing.
func (t trust) key() (key token.Key, given bool, err error) {
	if err := t.checkProfile(); err != nil {
		return token.Key{}, false, err
	}
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
		return token.Key{}, false, t.checkPublished()
	}
	if err := key.Err(); err != nil {
		return token.Key{}, false, fmt.Errorf("the key that was given: %w", err)
	}
	return key, true, nil
}

// checkPublished returns why no issuer can publish what is asked for.
func (t trust) checkPublished() error {
	if !t.publishes(false) {
		return nil
	}
	switch alg := token.Algorithm(t.Alg); alg {
	case "", token.RS256, token.RS384, token.RS512, token.PS256, token.PS384, token.PS512, token.ES256, token.ES384, token.ES512, token.EdDSA, token.Ed25519:
	default:
		return fmt.Errorf("--alg: issuers publish public keys, and %q is no algorithm for those, as RS256, ES256 and EdDSA are", alg)
	}
	for i, issuer := range t.Issuer {
		if slices.Contains(t.Issuer[:i], issuer) {
			return fmt.Errorf("--issuer %s is given twice", issuer)
		}
	}
	return nil
}

// defaultLeeway is what package token takes when nobody says.
const defaultLeeway = 10 * time.Second

func (t trust) leeway() time.Duration {
	if t.Leeway == nil {
		return defaultLeeway
	}
	return *t.Leeway
}

// profiles are what --profile can name.
var profiles = map[string]func(issuer, audience string) token.Options{
	"access-token":   profile.AccessToken,
	"id-token":       profile.IDToken,
	"auth0":          profile.Auth0,
	"keycloak":       profile.Keycloak,
	"cognito-access": profile.CognitoAccessToken,
	"cognito-id":     profile.CognitoIDToken,
	"firebase":       func(_, project string) token.Options { return profile.Firebase(project) },
}

// checkProfile returns why --profile cannot be meant.
func (t trust) checkProfile() error {
	if t.Profile == "" {
		return nil
	}
	rulesOf, known := profiles[t.Profile]
	switch {
	case !known:
		return fmt.Errorf("--profile: there is none called %q, but %s", t.Profile, strings.Join(slices.Sorted(maps.Keys(profiles)), ", "))
	case len(t.Issuer) != 1 || len(t.Audience) != 1:
		return errors.New("--profile needs one --issuer and one --audience")
	}
	if issuer := rulesOf(t.Issuer[0], t.Audience[0]).Issuers[0]; issuer != t.Issuer[0] {
		return fmt.Errorf("--profile %s with this --audience needs --issuer %s", t.Profile, issuer)
	}
	return nil
}

// options returns what else a token has to be.
func (t trust) options() token.Options {
	opts := token.Options{Issuers: t.Issuer, Audiences: t.Audience}
	if rulesOf := profiles[t.Profile]; rulesOf != nil {
		opts = rulesOf(t.Issuer[0], t.Audience[0])
	}
	opts.Leeway = t.leeway()
	if opts.Leeway == 0 {
		opts.Leeway = -1 // here 0 is what somebody typed, there it means the default
	}
	opts.InsecureNoIssuer, opts.InsecureNoAudience = t.InsecureNoIssuer, t.InsecureNoAudience
	return opts
}

// checkWaived returns what is waived and asked for at the same time.
func (t trust) checkWaived() error {
	switch {
	case t.InsecureNoIssuer && len(t.Issuer) > 0:
		return errors.New("--insecure-no-issuer has no effect with --issuer")
	case t.InsecureNoAudience && len(t.Audience) > 0:
		return errors.New("--insecure-no-audience has no effect with --audience")
	}
	return nil
}

// verifier returns the verifier of the key.
func (t trust) verifier(key token.Key) (*token.Verifier, error) {
	if err := t.checkWaived(); err != nil {
		return nil, err
	}
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
