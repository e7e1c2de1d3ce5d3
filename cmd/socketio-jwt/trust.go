package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"socketiojwt/internal/display"
	"socketiojwt/token"
	"socketiojwt/token/profile"
)

// trust holds the flags that say which tokens are accepted, for serve, doctor and token verify.
type trust struct {
	Secret     *string `secret:"" env:"SOCKETIO_JWT_SECRET" group:"Key" placeholder:"SECRET" help:"Shared secret that signs the tokens, at least 32 bytes. Other users of the machine can see a command line: use the environment or a file."`
	SecretFile string  `reload:"" env:"SOCKETIO_JWT_SECRET_FILE" group:"Key" placeholder:"FILE" help:"File that holds the shared secret; a line break at its end is ignored."`
	PublicKey  string  `reload:"" env:"SOCKETIO_JWT_PUBLIC_KEY" group:"Key" placeholder:"FILE" help:"PEM file with the public key, or the certificate, of an issuer."`
	Alg        string  `reload:"" env:"SOCKETIO_JWT_ALG" group:"Key" placeholder:"ALG" help:"Algorithm that the key is for. Default: HS256 for a secret, otherwise one for the kind of key."`

	Issuer   []string       `reload:"" env:"SOCKETIO_JWT_ISSUER" group:"Rules for tokens" placeholder:"ISS" help:"Accepted issuer (iss); may be repeated. Needed with --public-key. Without a key it is the URL where the issuer publishes its metadata."`
	Audience []string       `reload:"" env:"SOCKETIO_JWT_AUDIENCE" group:"Rules for tokens" placeholder:"AUD" help:"Accepted audience (aud); may be repeated. Needed unless the key is a secret."`
	Profile  string         `reload:"" env:"SOCKETIO_JWT_PROFILE" group:"Rules for tokens" placeholder:"NAME" help:"Kind of tokens that are accepted: access-token (RFC 9068), id-token (OpenID Connect), auth0, keycloak, cognito-access, cognito-id or firebase. Needs one --issuer and one --audience: an API, a client ID, or the project for firebase."`
	Leeway   *time.Duration `reload:"" env:"SOCKETIO_JWT_LEEWAY" group:"Rules for tokens" placeholder:"10s" help:"How far the clock of the issuer may differ from the one here, up to 5m. Default: 10s, or none for the development issuer."`

	NumericSubject bool `reload:"" env:"SOCKETIO_JWT_NUMERIC_SUBJECT" group:"Rules for tokens" help:"Accept a subject (sub) that is an integer: 7 is then the same subject as \"7\"."`

	InsecurePlainHTTP  bool `reload:"" name:"insecure-plain-http" env:"SOCKETIO_JWT_INSECURE_PLAIN_HTTP" group:"Rules for tokens" help:"Fetch the keys of an --issuer by http:// from other machines: anyone on the network path can replace the keys, and so sign tokens."`
	InsecureNoIssuer   bool `reload:"" env:"SOCKETIO_JWT_INSECURE_NO_ISSUER" group:"Rules for tokens" help:"With --public-key, accept tokens of any issuer that uses the key."`
	InsecureNoAudience bool `reload:"" env:"SOCKETIO_JWT_INSECURE_NO_AUDIENCE" group:"Rules for tokens" help:"With --public-key, accept tokens made for other services."`
}

// secret returns the shared secret from its flag, its variable or its file.
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

// outside reports whether the flags name another issuer, so that there is no development
// issuer.
func (t trust) outside() bool {
	return t.PublicKey != "" || len(t.Issuer) > 0 || len(t.Audience) > 0 || t.Profile != ""
}

// algorithms returns the algorithm of --alg. It returns nil without the flag, for the default
// of the key.
func (t trust) algorithms() []token.Algorithm {
	if t.Alg == "" {
		return nil
	}
	return []token.Algorithm{token.Algorithm(t.Alg)}
}

// key returns the key that was given, or false if none was. It also checks --profile and
// --alg, so that their errors come before the one about a missing key.
func (t trust) key() (key token.Key, given bool, err error) {
	if err := joined(checkAlgorithm(t.Alg), t.checkProfile()); err != nil {
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
		return token.Key{}, false, fmt.Errorf("%s: %w", t.keySource(), err)
	}
	return key, true, t.checkPlainHTTP(false)
}

// keySource names the flag that has given the key.
func (t trust) keySource() string {
	switch {
	case t.PublicKey != "":
		return "--public-key " + t.PublicKey
	case t.SecretFile != "":
		return "--secret-file " + t.SecretFile
	}
	return "--secret or SOCKETIO_JWT_SECRET"
}

// checkPublished returns an error if no issuer can publish keys for these flags.
func (t trust) checkPublished() error {
	if !t.publishes(false) {
		return t.checkPlainHTTP(false)
	}
	switch alg := token.Algorithm(t.Alg); alg {
	case "", token.RS256, token.RS384, token.RS512, token.PS256, token.PS384, token.PS512, token.ES256, token.ES384, token.ES512, token.EdDSA, token.Ed25519:
	default:
		return fmt.Errorf("--alg %q is not for public keys, and issuers publish only those: use one such as RS256, ES256 or EdDSA", alg)
	}
	for i, issuer := range t.Issuer {
		if slices.Contains(t.Issuer[:i], issuer) {
			return fmt.Errorf("--issuer %s is given twice", display.URL(issuer))
		}
	}
	return t.checkPlainHTTP(true)
}

// checkPlainHTTP returns an error if --insecure-plain-http has no effect. published tells
// whether the keys are fetched from the issuers.
func (t trust) checkPlainHTTP(published bool) error {
	plain := func(issuer string) bool { return strings.HasPrefix(issuer, "http://") }
	if t.InsecurePlainHTTP && !(published && slices.ContainsFunc(t.Issuer, plain)) {
		return errors.New("--insecure-plain-http has no effect without an --issuer whose keys are fetched from an http:// URL")
	}
	return nil
}

// defaultLeeway is the default of token.Options.Leeway.
const defaultLeeway = 10 * time.Second

func (t trust) leeway() time.Duration {
	if t.Leeway == nil {
		return defaultLeeway
	}
	return *t.Leeway
}

// profiles are the values of --profile.
var profiles = map[string]func(issuer, audience string) token.Options{
	"access-token":   profile.AccessToken,
	"id-token":       profile.IDToken,
	"auth0":          profile.Auth0,
	"keycloak":       profile.Keycloak,
	"cognito-access": profile.CognitoAccessToken,
	"cognito-id":     profile.CognitoIDToken,
	"firebase":       func(_, project string) token.Options { return profile.Firebase(project) },
}

func profileNames() []string { return slices.Sorted(maps.Keys(profiles)) }

// checkProfile returns an error if --profile is unknown, or does not fit --issuer and
// --audience.
func (t trust) checkProfile() error {
	if t.Profile == "" {
		return nil
	}
	rulesOf, known := profiles[t.Profile]
	switch {
	case !known:
		return fmt.Errorf("--profile %.32q is not a profile: use one of %s", t.Profile, strings.Join(profileNames(), ", "))
	case len(t.Issuer) != 1 || len(t.Audience) != 1:
		return fmt.Errorf("--profile needs one --issuer and one --audience: there are %d and %d", len(t.Issuer), len(t.Audience))
	}
	if issuer := rulesOf(t.Issuer[0], t.Audience[0]).Issuers[0]; issuer != t.Issuer[0] {
		return fmt.Errorf("--profile %s with this --audience needs --issuer %s", t.Profile, issuer)
	}
	return nil
}

// options returns the rules for tokens. checkProfile must have returned nil.
func (t trust) options() token.Options {
	opts := token.Options{Issuers: t.Issuer, Audiences: t.Audience}
	if rulesOf := profiles[t.Profile]; rulesOf != nil {
		opts = rulesOf(t.Issuer[0], t.Audience[0])
	}
	opts.Leeway = t.leeway()
	if opts.Leeway == 0 {
		opts.Leeway = -1 // 0 was typed here, and means the default there
	}
	opts.NumericSubject = t.NumericSubject
	opts.InsecureNoIssuer, opts.InsecureNoAudience = t.InsecureNoIssuer, t.InsecureNoAudience
	return opts
}

// checkWaived returns an error if a rule is both waived and configured.
func (t trust) checkWaived() error {
	switch {
	case t.InsecureNoIssuer && len(t.Issuer) > 0:
		return errors.New("--insecure-no-issuer has no effect with --issuer")
	case t.InsecureNoAudience && len(t.Audience) > 0:
		return errors.New("--insecure-no-audience has no effect with --audience")
	}
	return nil
}

// verifier returns a verifier for the key that was given.
func (t trust) verifier(key token.Key) (*token.Verifier, error) {
	if err := t.checkWaived(); err != nil {
		return nil, err
	}
	if t.PublicKey != "" {
		var missing []error
		if len(t.Issuer) == 0 && !t.InsecureNoIssuer {
			missing = append(missing, errors.New("--public-key needs --issuer: otherwise tokens of other issuers that use that key are accepted (--insecure-no-issuer takes that risk)"))
		}
		if len(t.Audience) == 0 && !t.InsecureNoAudience {
			missing = append(missing, errors.New("--public-key needs --audience: otherwise tokens made for other services are accepted (--insecure-no-audience takes that risk)"))
		}
		if err := joined(missing...); err != nil {
			return nil, err
		}
	} else if t.InsecureNoIssuer || t.InsecureNoAudience {
		return nil, errors.New("--insecure-no-issuer and --insecure-no-audience have no effect without --public-key")
	}
	return token.NewVerifier(key, t.options())
}
