package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"socketiojwt/token"
)

// maxTokenSize is the length of the longest token that serve looks at.
const maxTokenSize = 16 << 10

// shown is the token that was given, and what the verifier makes of it.
type shown struct {
	compact    string
	unverified token.Unverified
	unreadable error
	claims     shownClaims

	verified bool // there was a verifier
	good     *token.Token
	refused  error
}

// shownClaims is what nobody has verified. What is not there, or of another type, is
// zero.
type shownClaims struct {
	issuer, subject string
	audience        []string
	issued, expires float64 // 0: none
	login           string  // a claim that ID tokens alone have
	use             string  // token_use, which Amazon Cognito's have
}

// stringsOf returns the strings of a claim that is one, or a list.
func stringsOf(u token.Unverified, claim string) (list []string) {
	if u.Claim(claim, &list) == nil {
		return list
	}
	var one string
	if u.Claim(claim, &one) == nil {
		return []string{one}
	}
	return nil
}

// show looks at a token, and lets the verifier, unless it is nil, judge it.
func show(ctx context.Context, compact string, verifier *token.Verifier) *shown {
	s := &shown{compact: compact, verified: verifier != nil}
	s.unverified, s.unreadable = token.ParseUnverified(compact, maxTokenInput)
	if s.unreadable == nil {
		s.claims = readShown(s.unverified)
	}
	if verifier != nil {
		s.good, s.refused = verifier.Verify(ctx, compact)
	}
	return s
}

func readShown(u token.Unverified) (c shownClaims) {
	_ = u.Claim("iss", &c.issuer)
	_ = u.Claim("sub", &c.subject)
	_ = u.Claim("iat", &c.issued)
	_ = u.Claim("exp", &c.expires)
	_ = u.Claim("token_use", &c.use)
	c.audience = stringsOf(u, "aud")
	for _, name := range []string{"at_hash", "c_hash", "nonce"} { // OpenID Connect Core 1.0, sections 2 and 3.3.2.11
		var any any
		if u.Claim(name, &any) == nil {
			c.login = name
		}
	}
	return c
}

// rulesFit tells why there is no verifier, unless an issuer is the reason.
func rulesFit(e *examination) []finding {
	told := func(a *asked) bool { return a.err != nil && strings.Contains(e.rulesErr.Error(), a.err.Error()) }
	if e.rulesErr != nil && !slices.ContainsFunc(e.issuers, told) {
		advice := "serve ends with this: change the flags or variables that it names."
		if e.shown != nil && len(e.Audience) == 0 && len(e.shown.claims.audience) > 0 {
			advice += fmt.Sprintf(" The token that was given is for %s; if that is this server, give it as --audience.", quoted(strings.Join(e.shown.claims.audience, ", ")))
		}
		return fail(advice, "%s", plain(e.rulesErr))
	}
	return nil
}

// rulesAreWhole tells what a token need not be.
func rulesAreWhole(e *examination) (found []finding) {
	if e.InsecureNoIssuer && len(e.Issuer) == 0 {
		found = append(found, warn("Give --issuer.", "no issuer is asked for (--insecure-no-issuer): the tokens of whoever else publishes under that key are good")...)
	}
	if e.InsecurePlainHTTP {
		found = append(found, warn("Let the issuer publish its keys by https.", "--insecure-plain-http fetches keys without TLS: anyone on the network path can replace them, and so sign tokens")...)
	}
	if e.InsecureNoAudience && len(e.Audience) == 0 {
		found = append(found, warn("Give --audience.", "no audience is asked for (--insecure-no-audience): a token that was made for any other service of this issuer lets its bearer in, and so that service in anybody's name")...)
	}
	if e.keyErr != nil || e.rulesErr != nil || len(found) > 0 {
		return found
	}
	switch {
	case e.login != nil: // the tokens are its own
		return nil
	case len(e.Audience) == 0:
		return ok("whoever has the secret can make any token, and each one lets its bearer in: no audience is asked for (--audience)")
	}
	return ok("a token has to be for %s", quoted(strings.Join(e.Audience, " or ")))
}

// leewayIsShort looks at how long a token outlives itself.
func leewayIsShort(e *examination) []finding {
	if leeway := e.leeway(); leeway > time.Minute && e.rulesErr == nil {
		return warn("Let the clocks be set by NTP, and leave --leeway out: 10 seconds are enough then.",
			"a leeway of %s lets every token in for so long after its end", length(leeway))
	}
	return nil
}

// shownTokenIsReadable looks at its form.
func shownTokenIsReadable(e *examination) []finding {
	switch s := e.shown; {
	case s == nil:
		return nil
	case len(s.compact) > maxTokenSize:
		return fail("Let the issuer put less into it: names of groups, say, are better asked for.",
			"the token has %d bytes, and serve looks at none with more than %d", len(s.compact), maxTokenSize)
	case s.unreadable == nil:
		return nil
	case strings.Count(s.compact, ".") == 4:
		return fail("Let the issuer sign its tokens, and not encrypt them.",
			"the token is encrypted: it has five parts, a signed one three")
	case !strings.Contains(s.compact, "."):
		return fail("Ask the issuer for an access token that is a JWT; some make one when the client names the audience that it wants.",
			"the token is no JWT, but a text that its issuer alone can read")
	default:
		return fail("Look at where it comes from: a token has three parts with dots between, and no quotes or spaces around it.", "the token cannot be read: %s", plain(s.unreadable))
	}
}

// shownTokenIsAccepted tells the verdict, and what would change it.
func shownTokenIsAccepted(e *examination) []finding {
	s := e.shown
	switch {
	case s == nil || s.unreadable != nil || len(s.compact) > maxTokenSize:
		return nil // or it has been told
	case isShort(e):
		return nil // shownTokenFitsShortSecret judges it
	case !s.verified:
		return warn("Mend what is said above, and ask again.", "the token was not verified, since serve would not start")
	case s.good != nil:
		return ok("the token is accepted, and its bearer may stay until it ends, %s", distance(s.good.ValidUntil(), e.now))
	case errors.Is(s.refused, token.ErrKeysUnavailable):
		return fail("Mend what is said of the issuer, and ask again.", "the token could not be verified: %s", plain(s.refused))
	}
	detail, advice := remedy(e)
	return fail(advice, "the token is refused: %s%s", ruleBroken(s.refused), detail)
}

// shownTokenIsShort looks at how long the token is good.
func shownTokenIsShort(e *examination) []finding {
	const most = 24 * time.Hour
	s := e.shown
	switch {
	case s == nil || s.unreadable != nil:
		return nil
	case s.claims.expires == 0:
		if errors.Is(s.refused, token.ErrClaimMissing) || errors.Is(s.refused, token.ErrClaim) {
			return nil // that is the verdict
		}
		return fail("Let the issuer put an exp into it: without one it is good for as long as the key.", "the token has no end (exp) that can be read")
	}
	begins := s.claims.issued
	if begins == 0 {
		begins = float64(e.now.Unix())
	}
	from, okFrom := numericDate(begins)
	to, okTo := numericDate(s.claims.expires)
	if life := to.Sub(from); okFrom && okTo && life > most {
		return warn("Let the issuer make tokens for minutes or an hour: clients come back with a fresh one by themselves.",
			"the token is good for %s: so long may a thief use it, and so long do its sockets stay", length(life))
	}
	return nil
}

// shownTokenNamesSomebody looks for a subject.
func shownTokenNamesSomebody(e *examination) []finding {
	if s := e.shown; s == nil || s.unreadable != nil || s.claims.subject != "" {
		return nil
	}
	return warn("Let the issuer put the user into sub, or let handlers read the claim that has it.",
		"the token has no subject (sub): auth.Token(ctx).Subject is empty in handlers")
}

// shownTokenIsForAccess warns of tokens that were meant for a client's own eyes.
func shownTokenIsForAccess(e *examination) []finding {
	s := e.shown
	if s == nil || s.unreadable != nil || s.claims.login == "" || strings.HasSuffix(strings.ToLower(s.unverified.Header.Type), "at+jwt") {
		return nil
	}
	switch e.Profile {
	case "id-token", "cognito-id", "firebase": // it is what was asked for
		return nil
	}
	return warn("If the issuer gives access tokens for this server too, let clients send those; the audience of an ID token is the client itself.",
		"the token looks like an ID token (it has %s), which tells an application who logged in, and is not meant to be passed on", s.claims.login)
}
