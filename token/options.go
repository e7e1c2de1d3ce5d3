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

// Options are the rules for a token besides its signature. The zero Options require only
// exp, which is enough with a shared secret. With public keys, Issuers is also required,
// and Audiences or AudiencePattern (RFC 8725, sections 3.8 and 3.9). Strings are compared
// byte by byte.
type Options struct {
	// Issuers are the accepted values of iss. Empty means any value or no iss.
	Issuers []string
	// Audiences are the accepted values of aud. The token must contain one of them. Empty
	// means any value or no aud, unless AudiencePattern is set.
	Audiences []string
	// AudiencePattern accepts, in addition to Audiences, each value of aud that it matches
	// as a whole. A match of only a part of the value does not count. A pattern that
	// matches the empty string is an error. Nil means that only Audiences are accepted.
	AudiencePattern *regexp.Regexp
	// AudienceClaim is the claim that Audiences and AudiencePattern apply to, for an issuer
	// that does not use aud. Its value must be a string or a list of strings, like aud. aud
	// is then not checked, and Token.Audience is still aud. AudienceClaim without Audiences
	// and AudiencePattern is an error. Empty means aud.
	AudienceClaim string
	// Subject is the required value of sub. Empty means any value or no sub.
	Subject string
	// NumericSubject accepts a sub that is an integer of 64 bits. Its digits become
	// Token.Subject, so that 7 and "7" are the same subject. False means that sub must be a
	// string, as RFC 7519, section 4.1.2, requires.
	NumericSubject bool
	// ID is the required value of jti. Empty means any value or no jti.
	ID string
	// Nonce is the required value of nonce. Empty means any value or no nonce.
	Nonce string
	// Claims are required claims and their exact values, which are strings, such as
	// {"token_use": "access"}. The name of a claim that has its own option is an error.
	// Empty means none.
	Claims map[string]string
	// Required are the names of claims that must be present and neither null nor the empty
	// string. Empty means none besides exp.
	Required []string
	// Absent are the names of claims that must not be present, with any value: claims of
	// another kind of token, such as events. Empty means none.
	Absent []string

	// MaxAge is how long a token is good after its iat, even if exp is later. Zero means
	// that the age is not checked and iat may be missing.
	MaxAge time.Duration
	// Leeway is how far clocks may differ. Zero means 10 s, negative means none. More than
	// 5 minutes is an error.
	Leeway time.Duration
	// Type is the required value of typ (RFC 8725, section 3.11), compared without regard
	// to case and to a leading "application/". A token without typ is treated as type JWT
	// (RFC 7519, section 5.1). Empty means JWT, at+jwt (RFC 9068) or no typ: a token with
	// another type, such as a logout token, is refused.
	Type string
	// AllowUntyped accepts, besides Type, tokens of type JWT and without typ, for issuers
	// that do not mark this kind of token. Another rule must then exclude other kinds.
	// AllowUntyped without Type is an error. False means that Type is required.
	AllowUntyped bool
	// MaxSize is the maximum length of a token in bytes. Zero means 16 KiB.
	MaxSize int

	// MaxRemembered is how many valid signatures of public keys are remembered, rounded up
	// to an even number. A token that is presented again, when clients reconnect, then
	// costs no arithmetic. Its key and claims are checked each time. When the memory is
	// full, the older half is forgotten. Zero means 100,000, which take some 6 MB; negative
	// means none.
	MaxRemembered int

	// InsecureNoExpiry accepts tokens without exp. Such a token, once stolen, is good for
	// as long as the key. False means that exp is required.
	InsecureNoExpiry bool
	// InsecureIgnoreExpiry accepts tokens whose exp has passed or is missing. That includes
	// every token that ever leaked. False means that exp is checked.
	InsecureIgnoreExpiry bool
	// InsecureIgnoreNotBefore accepts tokens before their nbf. An issuer may have issued
	// them ahead of time. False means that nbf is checked.
	InsecureIgnoreNotBefore bool
	// InsecureNoIssuer accepts public keys without Issuers. Tokens of any other issuer that
	// uses the same keys are then good. False means that public keys require Issuers.
	InsecureNoIssuer bool
	// InsecureNoAudience accepts public keys without Audiences and AudiencePattern. Tokens
	// that the issuer made for other services are then good, and those services can reuse
	// them here. False means that public keys require one of the two.
	InsecureNoAudience bool
	// InsecureShortSecret accepts shared secrets shorter than their hash. Anyone who has
	// one token can find a short secret by an offline search. False means that short
	// secrets are an error. Empty secrets are always an error.
	InsecureShortSecret bool

	// Now returns the current time. If it is set, set socketio.Options.Now to the same
	// clock, because leases end by that one. Nil means time.Now.
	Now func() time.Time
	// Logger receives an error for each panic in a KeyFunc. Nil means slog.Default; use
	// slog.DiscardHandler to log nothing.
	Logger *slog.Logger
}

// ownOption are the claims, besides aud, that have their own option.
var ownOption = []string{"iss", "sub", "jti", "nonce", "exp", "nbf", "iat"}

// check returns what is wrong with o for any keys.
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
		check(o.asksFor(name), fmt.Sprintf("%.64q in Absent is required by another option; remove one of the two", name))
	}
	for name, value := range o.Claims {
		check(name == "" || value == "", "an empty string in Claims")
		check(name == "aud" || name == o.AudienceClaim || slices.Contains(ownOption, name),
			fmt.Sprintf("%.64q in Claims has its own option; use that one", name))
	}
	check(slices.Contains(ownOption, o.AudienceClaim), "AudienceClaim must not be a claim that has its own option")
	check(o.AudienceClaim != "" && !o.asksForAudience(), "AudienceClaim needs Audiences or AudiencePattern")
	check(o.MaxAge < 0, "MaxAge must not be negative")
	check(o.Leeway > maxLeeway, "Leeway must be at most 5 minutes")
	check(o.MaxSize < 0, "MaxSize must not be negative")
	check(o.AllowUntyped && o.Type == "", "AllowUntyped needs Type")
	check(o.InsecureNoExpiry && o.InsecureIgnoreExpiry, "InsecureNoExpiry does not apply with InsecureIgnoreExpiry")
	check(o.InsecureNoIssuer && len(o.Issuers) > 0, "InsecureNoIssuer does not apply with Issuers")
	check(o.InsecureNoAudience && o.asksForAudience(), "InsecureNoAudience does not apply with Audiences or AudiencePattern")

	if o.AudiencePattern != nil {
		// The zero Regexp, which would panic, also has an empty text.
		check(o.AudiencePattern.String() == "" || matchesWhole(longest(o.AudiencePattern), ""), "AudiencePattern must not match the empty string")
	}
	return errors.Join(wrong...)
}

// withDefaults returns a copy of o with defaults, which shares no memory with o, and the
// errors of check.
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

// fitKeys returns an error if o is too weak for static keys, or disables a rule that
// applies to none of them.
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
		return fmt.Errorf("%w: a public key needs %s", ErrOptions, missing)
	}
	return nil
}

// missingForPublic returns the options that o lacks for public keys, and "" if it lacks
// none. Without them, tokens for other services that the same key verifies are accepted.
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

// asksFor reports whether o requires a claim.
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

// asksForAudience reports whether o restricts the audience.
func (o Options) asksForAudience() bool { return len(o.Audiences) > 0 || o.AudiencePattern != nil }

// acceptsAudience reports whether one value of AudienceClaim is accepted.
func (o Options) acceptsAudience(one string) bool {
	return slices.Contains(o.Audiences, one) || o.AudiencePattern != nil && matchesWhole(o.AudiencePattern, one)
}

// longest returns a copy of pattern that prefers the longest match. Anchors around its text
// would not do: the text would be compiled again, perhaps with other flags than the
// caller's, and could end inside an open quotation (\Q).
func longest(pattern *regexp.Regexp) *regexp.Regexp {
	whole := *pattern
	whole.Longest()
	return &whole
}

// matchesWhole reports whether a pattern from longest matches all of text. Its first match
// is the leftmost and longest one.
func matchesWhole(pattern *regexp.Regexp, text string) bool {
	found := pattern.FindStringIndex(text)
	return found != nil && found[0] == 0 && found[1] == len(text)
}
