package token

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"socketiojwt/internal/logging"
)

const (
	defaultMaxSize       = 16 << 10
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
	// string is an error. Zero means that only Audiences decide.
	AudiencePattern *regexp.Regexp
	// AudienceClaim is the claim that Audiences and AudiencePattern are about, where an
	// issuer does not say by aud whom a token is for: a string or a list of strings, as
	// aud is. What aud says does not matter then, but Token.Audience is aud all the same.
	// Without Audiences and AudiencePattern it is an error. Zero means aud.
	AudienceClaim string
	// Subject is the required value of sub. Zero means any or none.
	Subject string
	// NumericSubject accepts a sub that is an integer of 64 bits. Its digits become
	// Token.Subject, so that 7 and "7" are the same subject. Zero means that sub must be a
	// string, as RFC 7519, section 4.1.2, has it.
	NumericSubject bool
	// ID is the required value of jti. Zero means any or none.
	ID string
	// Nonce is the required value of nonce. Zero means any or none.
	Nonce string
	// Claims are claims that have to be there and be exactly these strings, such as
	// {"token_use": "access"}. A name that another option is about is an error. Zero
	// means none.
	Claims map[string]string
	// Required are names of claims that have to be there, and be neither null nor the
	// empty string. Zero means none besides exp.
	Required []string
	// Absent are names of claims that must not be there, whatever they say: a claim that
	// tokens of another kind have, such as events. Zero means none.
	Absent []string

	// MaxAge is how long after its iat a token is good, whatever exp says. Zero
	// means that age does not matter and iat may be missing.
	MaxAge time.Duration
	// Leeway is how far clocks may differ. Zero means 10 s, negative means none;
	// more than 5 minutes is an error.
	Leeway time.Duration
	// Type is the required value of typ (RFC 8725, section 3.11), where case and a
	// leading "application/" do not matter. JWT is what a token without typ is too
	// (RFC 7519, section 5.1). Zero means JWT, at+jwt (RFC 9068) or none: a token that
	// was typed for something else, as a logout token is, is refused.
	Type string
	// MaxSize is the length in bytes of the longest token that is looked at. Zero
	// means 16 KiB.
	MaxSize int

	// MaxRemembered is how many signatures of public keys are remembered, rounded up to an
	// even number, so that a token which comes again, when clients reconnect, costs no
	// arithmetic. Its key and claims are looked at each time. When all are there, the older
	// half is forgotten. Zero means 100,000, which take some 6 MB; negative means none.
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

	// Now tells the time. If it is set, set socketio.Options.Now to the same clock: leases
	// end by that one. Zero means time.Now.
	Now func() time.Time
	// Logger gets an error for a panic in a KeyFunc. Nil means slog.Default; give one
	// with slog.DiscardHandler to log nothing.
	Logger *slog.Logger
}

// ownOption are the claims, besides aud, whose values have an option of their own.
var ownOption = []string{"iss", "sub", "jti", "nonce", "exp", "nbf", "iat"}

// check returns what is wrong with o, whatever the keys are.
func (o Options) check() error {
	var wrong []error
	check := func(bad bool, text string) {
		if bad {
			wrong = append(wrong, fmt.Errorf("%w: %s", ErrOptions, text))
		}
	}
	check(slices.Contains(o.Issuers, ""), "an empty string in Issuers")
	check(slices.Contains(o.Audiences, ""), "an empty string in Audiences")
	check(slices.Contains(o.Required, ""), "an empty string in Required")
	check(slices.Contains(o.Absent, ""), "an empty string in Absent")
	for _, name := range o.Absent {
		check(o.asksFor(name), fmt.Sprintf("%.64q in Absent, which has to be there", name))
	}
	for name, value := range o.Claims {
		check(name == "" || value == "", "an empty string in Claims")
		check(name == "aud" || name == o.AudienceClaim || slices.Contains(ownOption, name),
			fmt.Sprintf("%.64q in Claims, which another option is about", name))
	}
	check(slices.Contains(ownOption, o.AudienceClaim), "AudienceClaim is a claim that another option is about")
	check(o.AudienceClaim != "" && !o.asksForAudience(), "AudienceClaim does not apply without Audiences or AudiencePattern")
	check(o.MaxAge < 0, "MaxAge is negative")
	check(o.Leeway > maxLeeway, "Leeway is more than 5 minutes")
	check(o.MaxSize < 0, "MaxSize is negative")
	check(o.InsecureNoExpiry && o.InsecureIgnoreExpiry, "InsecureNoExpiry does not apply with InsecureIgnoreExpiry")
	check(o.InsecureNoIssuer && len(o.Issuers) > 0, "InsecureNoIssuer does not apply with Issuers")
	check(o.InsecureNoAudience && o.asksForAudience(), "InsecureNoAudience does not apply with Audiences or AudiencePattern")

	if o.AudiencePattern != nil {
		// The zero Regexp, which would panic, has an empty text too.
		check(o.AudiencePattern.String() == "" || matchesWhole(longest(o.AudiencePattern), ""), "AudiencePattern matches the empty string")
	}
	return errors.Join(wrong...)
}

// withDefaults returns a copy of o that shares no memory with it, complete and checked.
func (o Options) withDefaults() (Options, error) {
	err := o.check()
	if o.AudiencePattern != nil {
		o.AudiencePattern = longest(o.AudiencePattern)
	}
	o.Issuers, o.Audiences, o.Required = slices.Clone(o.Issuers), slices.Clone(o.Audiences), slices.Clone(o.Required)
	o.Absent, o.Claims = slices.Clone(o.Absent), maps.Clone(o.Claims)
	o.AudienceClaim = cmp.Or(o.AudienceClaim, "aud")
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
	o.Logger = logging.OrDefault(o.Logger)
	return o, err
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

// named lists the claims that checkNames looks up by their names, sorted.
func (o Options) named() (names []string) {
	if o.Nonce != "" {
		names = append(names, "nonce")
	}
	if o.AudienceClaim != "aud" {
		names = append(names, o.AudienceClaim)
	}
	names = slices.Concat(slices.AppendSeq(names, maps.Keys(o.Claims)), o.Required, o.Absent)
	slices.Sort(names)
	return slices.Compact(names)
}

// asksFor reports whether a claim has to be there.
func (o Options) asksFor(name string) bool {
	if _, ok := o.Claims[name]; ok || slices.Contains(o.Required, name) {
		return true
	}
	switch name {
	case "iss":
		return len(o.Issuers) > 0
	case "sub":
		return o.Subject != ""
	case "jti":
		return o.ID != ""
	case "nonce":
		return o.Nonce != ""
	case "iat":
		return o.MaxAge > 0
	case "exp":
		return !o.InsecureNoExpiry && !o.InsecureIgnoreExpiry
	}
	return o.asksForAudience() && name == cmp.Or(o.AudienceClaim, "aud")
}

// asksForAudience reports whether it matters whom a token is for.
func (o Options) asksForAudience() bool { return len(o.Audiences) > 0 || o.AudiencePattern != nil }

// acceptsAudience reports whether one value of AudienceClaim is an accepted one.
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
