package token

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	defaultMaxSize       = 8 << 10
	defaultLeeway        = 10 * time.Second
	defaultMaxRemembered = 100_000
	maxLeeway            = 5 * time.Minute
)

// Options say what a token has to be besides well signed. The zero Options ask for
// exp alone, which is enough with a shared secret; with public keys Issuers and
// Audiences or AudiencePattern are needed too (RFC 8725, sections 3.8 and 3.9).
// Strings are compared byte by byte.
type Options struct {
	// Issuers are the accepted values of iss. Zero means any or none.
	Issuers []string
	// Audiences are the accepted values of aud, of which one has to be there. Zero
	// means any or none, unless there is an AudiencePattern.
	Audiences []string
	// AudiencePattern accepts, beside Audiences, each value of aud that it matches as a
	// whole: a match of a part of it counts for nothing. One that matches the empty
	// string is an error. Zero means that Audiences decide alone.
	AudiencePattern *regexp.Regexp
	// Subject is the required value of sub. Zero means any or none.
	Subject string
	// ID is the required value of jti. Zero means any or none.
	ID string
	// Nonce is the required value of nonce. Zero means any or none.
	Nonce string
	// Required are names of claims that have to be there and not be null. Zero
	// means none besides exp.
	Required []string

	// MaxAge is how long after its iat a token is good, whatever exp says. Zero
	// means that age does not matter and iat may be missing.
	MaxAge time.Duration
	// Leeway is how far clocks may differ. Zero means 10 s, negative means none;
	// more than 5 minutes is an error.
	Leeway time.Duration
	// Type is the required value of typ (RFC 8725, section 3.11), where case and a
	// leading "application/" do not matter. Zero means JWT, at+jwt (RFC 9068) or
	// none: a token that was typed for something else, as a logout token is, lets
	// nobody in.
	Type string
	// MaxSize is the length in bytes of the longest token that is looked at. Zero
	// means 8 KiB.
	MaxSize int

	// MaxRemembered is how many signatures of public keys are remembered, so that a
	// token which comes again, when clients reconnect, costs no arithmetic. Its key and
	// claims are looked at each time. Zero means 100,000, which take some 6 MB when all
	// are there; negative means none.
	MaxRemembered int

	// InsecureNoExpiry accepts tokens without exp. Such a token, once stolen, is
	// good for as long as the key. Zero means that exp is required.
	InsecureNoExpiry bool
	// InsecureIgnoreExpiry accepts tokens whose exp is past, or missing: every
	// token that ever leaked. Zero means that exp is checked.
	InsecureIgnoreExpiry bool
	// InsecureIgnoreNotBefore accepts tokens before their nbf, which an issuer may
	// have handed out ahead of time. Zero means that nbf is checked.
	InsecureIgnoreNotBefore bool
	// InsecureNoIssuer accepts public keys without Issuers. Tokens of whoever else
	// publishes under the same keys are then good. Zero means that public keys
	// need Issuers.
	InsecureNoIssuer bool
	// InsecureNoAudience accepts public keys without Audiences and AudiencePattern.
	// Tokens that the issuer made for other services, which these could pass on, are
	// then good. Zero means that public keys need one of the two.
	InsecureNoAudience bool
	// InsecureShortSecret accepts shared secrets shorter than their hash. Whoever
	// has one token can search for a short secret without asking us. Zero means
	// that short secrets are an error; empty ones always are.
	InsecureShortSecret bool

	// Now tells the time. Zero means time.Now.
	Now func() time.Time
	// Logger hears of panics in a KeyFunc. Zero means that nobody does.
	Logger *slog.Logger
}

// withDefaults returns a copy of o that shares no memory with it, complete and checked.
func (o Options) withDefaults() (Options, error) {
	var wrong []error
	check := func(bad bool, text string) {
		if bad {
			wrong = append(wrong, fmt.Errorf("%w: %s", ErrOptions, text))
		}
	}
	check(slices.Contains(o.Issuers, ""), "an empty string in Issuers")
	check(slices.Contains(o.Audiences, ""), "an empty string in Audiences")
	check(slices.Contains(o.Required, ""), "an empty string in Required")
	check(o.MaxAge < 0, "MaxAge is negative")
	check(o.Leeway > maxLeeway, "Leeway is more than 5 minutes")
	check(o.MaxSize < 0, "MaxSize is negative")
	check(o.InsecureNoExpiry && o.InsecureIgnoreExpiry, "InsecureNoExpiry does not apply with InsecureIgnoreExpiry")
	check(o.InsecureNoIssuer && len(o.Issuers) > 0, "InsecureNoIssuer does not apply with Issuers")
	check(o.InsecureNoAudience && o.asksForAudience(), "InsecureNoAudience does not apply with Audiences or AudiencePattern")

	if o.AudiencePattern != nil {
		o.AudiencePattern = longest(o.AudiencePattern)
		// The zero Regexp, which would panic, has an empty text too.
		check(o.AudiencePattern.String() == "" || matchesWhole(o.AudiencePattern, ""), "AudiencePattern matches the empty string")
	}
	o.Issuers, o.Audiences, o.Required = slices.Clone(o.Issuers), slices.Clone(o.Audiences), slices.Clone(o.Required)
	switch {
	case o.Leeway == 0:
		o.Leeway = defaultLeeway
	case o.Leeway < 0:
		o.Leeway = 0
	}
	if o.MaxSize == 0 {
		o.MaxSize = defaultMaxSize
	}
	switch {
	case o.MaxRemembered == 0:
		o.MaxRemembered = defaultMaxRemembered
	case o.MaxRemembered < 0:
		o.MaxRemembered = 0
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o, errors.Join(wrong...)
}

// fitKeys returns an error if o asks too little for static keys, or waives what
// none of them is subject to.
func (o Options) fitKeys(keys []Key) error {
	var public, secret bool
	for _, k := range keys {
		public = public || k.public()
		secret = secret || !k.public()
	}
	if !public && (o.InsecureNoIssuer || o.InsecureNoAudience) {
		return fmt.Errorf("%w: InsecureNoIssuer and InsecureNoAudience do not apply without a public key", ErrOptions)
	}
	if !secret && o.InsecureShortSecret {
		return fmt.Errorf("%w: InsecureShortSecret does not apply without a shared secret", ErrOptions)
	}
	if missing := o.missingForPublic(); public && missing != "" {
		return fmt.Errorf("%w: with a public key they need %s", ErrOptions, missing)
	}
	return nil
}

// missingForPublic returns what o lacks to tell the tokens that are meant for us
// from others that the same public key verifies, empty if nothing.
func (o Options) missingForPublic() string {
	var missing []string
	if len(o.Issuers) == 0 && !o.InsecureNoIssuer {
		missing = append(missing, "Issuers")
	}
	if !o.asksForAudience() && !o.InsecureNoAudience {
		missing = append(missing, "Audiences")
	}
	return strings.Join(missing, " and ")
}

// asksForAudience reports whether aud matters.
func (o Options) asksForAudience() bool { return len(o.Audiences) > 0 || o.AudiencePattern != nil }

// acceptsAudience reports whether one value of aud is an accepted one.
func (o Options) acceptsAudience(one string) bool {
	return slices.Contains(o.Audiences, one) || o.AudiencePattern != nil && matchesWhole(o.AudiencePattern, one)
}

// longest returns a copy of pattern that prefers the longest match. Writing anchors
// around its text instead would read that again, with other flags than the user may
// have compiled it with, and inside a quotation that it may have left open.
func longest(pattern *regexp.Regexp) *regexp.Regexp {
	whole := *pattern
	whole.Longest()
	return &whole
}

// matchesWhole reports whether a pattern made by longest matches all of text: what
// it finds first begins the furthest to the left, and goes on for as long as it can.
func matchesWhole(pattern *regexp.Regexp, text string) bool {
	found := pattern.FindStringIndex(text)
	return found != nil && found[0] == 0 && found[1] == len(text)
}
