package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"socketiojwt/token"
	"socketiojwt/token/jwks"
)

// publishes reports whether the issuers publish the keys: no key was given, and each issuer is
// a URL.
func (t trust) publishes(given bool) bool {
	if given || len(t.Issuer) == 0 {
		return false
	}
	for _, issuer := range t.Issuer {
		if !strings.HasPrefix(issuer, "https://") && !strings.HasPrefix(issuer, "http://") {
			return false
		}
	}
	return true
}

// published holds the key sets of the issuers.
type published []*jwks.Set

// published returns a verifier for the tokens of the issuers, each with its own key set, and
// those sets, which the caller must close. Options are those of the sets; their rules are those of
// the flags.
func (t trust) published(options jwks.Options) (*token.Verifier, published, error) {
	if err := t.checkWaived(); err != nil {
		return nil, nil, err
	}
	if len(t.Audience) == 0 && !t.InsecureNoAudience {
		return nil, nil, errors.New("--issuer needs --audience: otherwise tokens that the issuer made for other services are accepted (--insecure-no-audience takes that risk)")
	}
	options.Algorithms, options.InsecurePlainHTTP = t.algorithms(), t.InsecurePlainHTTP
	var keys published
	var verifiers []*token.Verifier
	for _, issuer := range t.Issuer {
		set, err := jwks.Discover(issuer, options)
		if err != nil {
			keys.close()
			return nil, nil, fmt.Errorf("--issuer: %s", strings.ReplaceAll(err.Error(), "Options.InsecurePlainHTTP", "--insecure-plain-http"))
		}
		keys = append(keys, set)
		opts := t.options()
		opts.Issuers = []string{issuer}
		verifier, err := token.NewVerifier(set, opts)
		if err != nil {
			keys.close()
			return nil, nil, err
		}
		verifiers = append(verifiers, verifier)
	}
	verifier, err := token.ByIssuer(verifiers...)
	if err != nil {
		keys.close()
	}
	return verifier, keys, err
}

// fetch fetches the keys now, so that a failure is in the log before the first token arrives.
// It does not return the failure, because tokens are refused as temporary until it is over.
func (p published) fetch(ctx context.Context, log *slog.Logger) {
	if p != nil {
		log.Info("fetching the keys of the issuers")
	}
	for _, set := range p {
		_ = set.Refresh(ctx)
	}
}

// reach fetches the keys, and fails if one of the issuers does not answer.
func (p published) reach(ctx context.Context) error {
	var failed []error
	for _, set := range p {
		failed = append(failed, set.Refresh(ctx))
	}
	return joined(failed...)
}

// available reports whether keys are there to verify the tokens of an issuer: they have been
// fetched, and are not too old. Without published keys it is true. A call that returns false also
// makes the sets fetch again soon. It may be called concurrently.
func (p published) available() bool {
	for _, set := range p {
		if set.Available() && set.Stats().Keys > 0 {
			return true
		}
	}
	return len(p) == 0
}

func (p published) close() {
	for _, set := range p {
		_ = set.Close()
	}
}
