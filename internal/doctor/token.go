package doctor

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"socketiojwt/internal/display"
	"socketiojwt/token"
)

// verifierExists reports why there is no verifier, unless the cause is an issuer, about
// which there is a finding already.
func verifierExists(e *examination) []Finding {
	reported := func(a *asked) bool { return a.err != nil && strings.Contains(e.VerifierErr.Error(), Plain(a.err)) }
	if e.VerifierErr == nil || slices.ContainsFunc(e.issuers, reported) {
		return nil
	}
	return fail("serve does not start with this: change the flags or variables that it names.", "%s", Plain(e.VerifierErr))
}

// rulesAreComplete finds rules that were waived.
func rulesAreComplete(e *examination) (found []Finding) {
	if e.Rules.InsecureNoIssuer && len(e.Rules.Issuers) == 0 {
		found = append(found, warn("Give --issuer.", "--insecure-no-issuer accepts tokens of every issuer that uses the key")...)
	}
	if e.InsecurePlainHTTP {
		found = append(found, warn("Let the issuer publish its keys by https.", "--insecure-plain-http fetches keys without TLS: anyone on the network path can replace them, and so sign tokens")...)
	}
	if e.Rules.InsecureNoAudience && len(e.Rules.Audiences) == 0 {
		found = append(found, warn("Give --audience.", "--insecure-no-audience accepts tokens that the issuer made for other services, and each of those services can use them here in the name of its users")...)
	}
	switch {
	case e.KeyErr != nil || e.VerifierErr != nil || len(found) > 0 || e.Login != nil:
		return found
	case len(e.Rules.Audiences) == 0:
		return ok("tokens for every audience are accepted: anyone who has the secret can make one (--audience narrows that)")
	}
	return ok("a token must be for %s", quoted(strings.Join(e.Rules.Audiences, " or ")))
}

// leewayIsShort checks how long tokens are accepted after they have expired.
func leewayIsShort(e *examination) []Finding {
	if e.Leeway <= time.Minute || e.VerifierErr != nil {
		return nil
	}
	return warn("Synchronize the clocks by NTP, and remove --leeway: then 10 seconds are enough.",
		"with this leeway, tokens are accepted for %s after they have expired", display.Duration(e.Leeway))
}

// tokenIsAccepted reports the verdict on the token that was given.
func tokenIsAccepted(e *examination) []Finding {
	short := e.ShortSecret != nil
	switch {
	case e.Token == "":
		return nil
	case e.verifier() == nil:
		return warn("Fix what is reported above, and run doctor again.", "the token was not verified, because serve would not start")
	case e.accepted != nil && short:
		return warn(ShortSecretAdvice, "the token is signed with the short secret, and keeps every rule")
	case e.accepted != nil:
		return ok("the token is accepted, and its sockets may stay until it ends, %s", display.Distance(e.accepted.ValidUntil(), e.now))
	case short:
		return fail(refusalAdvice(e), "with the short secret accepted, the token is refused too: %s", Plain(e.refused))
	case errors.Is(e.refused, token.ErrKeysUnavailable):
		return fail("Fix what is reported about the issuer, and run doctor again.", "the token could not be verified: %s", Plain(e.refused))
	}
	return fail(refusalAdvice(e), "the token is refused: %s", Plain(e.refused))
}

// refusalAdvice says what to do about a token that was refused.
func refusalAdvice(e *examination) string {
	is := func(targets ...error) bool {
		return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(e.refused, target) })
	}
	switch {
	case e.Login != nil && is(token.ErrSignature, token.ErrAlgorithm):
		return "This configuration accepts only tokens of its own development issuer: give --issuer and --audience, or the secret of the issuer."
	case is(token.ErrSignature) && e.Secret != nil:
		return secretAdvice(e)
	case is(token.ErrSignature):
		return "Check that --public-key is the key of this issuer, and current. With --issuer as its URL instead, keys are fetched, and followed when they change."
	case is(token.ErrAlgorithm) && e.Secret != nil:
		return "If the issuer signs with a private key, remove the secret, and give --issuer as the URL where it publishes its keys, and --audience. If it signs with another HMAC, give --alg."
	case is(token.ErrAlgorithm):
		return "If the issuer signs with a shared secret (HS256 and the like), give that secret instead. Otherwise give its algorithm by --alg, as its documentation says, and not as the token says."
	case is(token.ErrKeyNotFound):
		return "Get a new token: the key of this one is not published any more, or another issuer signed it." + e.keyID()
	case is(token.ErrIssuer):
		return "If you trust that issuer, give it by --issuer, spelled exactly so."
	case is(token.ErrAudience):
		return "Let the client request a token for this server; if the one above is this server, give it by --audience. If the issuer names the audience in another claim, as Amazon Cognito does, give --profile."
	case is(token.ErrExpired, token.ErrNotYetValid):
		return "Get a new token. If this one is new, the clock here or that of the issuer is wrong."
	case is(token.ErrMalformed, token.ErrTooLarge):
		return formAdvice(e.Token)
	case is(token.ErrType, token.ErrClaim, token.ErrClaimMissing) && e.Profile != "":
		return fmt.Sprintf("--profile %s requires this, to exclude tokens of other kinds: let clients send one of that kind, or give the profile of this kind.", e.Profile)
	}
	return "Let clients send an access token, and let the issuer make it as RFC 7519 says."
}

// keyID says which key the token names.
func (e *examination) keyID() string {
	if u, err := token.ParseUnverified(e.Token, len(e.Token)); err == nil && u.Header.KeyID != "" {
		return " It names the key " + quoted(u.Header.KeyID) + "."
	}
	return " It names no key (kid), which works only if one published key fits."
}

// formAdvice tells apart what is not a signed token.
func formAdvice(compact string) string {
	switch {
	case strings.Count(compact, ".") == 4:
		return "It is encrypted, in five parts: let the issuer sign its tokens, and not encrypt them."
	case !strings.Contains(compact, "."):
		return "It is not a JWT, but a text that only its issuer can read: request an access token that is a JWT. Some issuers make one if the client names an audience."
	}
	return "A token has at most 16 KiB, in three parts with dots between them, and no quotes or spaces around it."
}

// secretAdvice tries the spellings of a secret that are often confused.
func secretAdvice(e *examination) string {
	fits := func(secret string) bool {
		v, err := token.NewVerifier(token.Secret(secret, e.Algorithms...), e.Rules)
		if err != nil {
			return false
		}
		_, err = v.Verify(context.Background(), e.Token)
		return !errors.Is(err, token.ErrSignature)
	}
	trimmed := strings.TrimSpace(*e.Secret)
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if decoded, err := encoding.DecodeString(trimmed); err == nil && fits(string(decoded)) {
			return "It is signed with the secret decoded from base64: write the decoded bytes into a file (base64 -d), and give that by --secret-file."
		}
	}
	if trimmed != *e.Secret && fits(trimmed) {
		return "It is signed with the secret without the white space around it: remove the white space."
	}
	return "Check that the secret is the one that the issuer signs with, to the byte. Some issuers hand it out in base64, and sign with the decoded bytes."
}

// tokenIsSensible warns about a token that is accepted and should not look as it does.
func tokenIsSensible(e *examination) (found []Finding) {
	const most = 24 * time.Hour
	t := e.accepted
	if t == nil {
		return nil
	}
	from := t.IssuedAt()
	if from.IsZero() {
		from = e.now
	}
	if life := t.ExpiresAt().Sub(from); life > most {
		found = append(found, warn("Let the issuer make tokens for minutes or an hour: clients come back with a new one when one expires.",
			"the token is valid for %s: a thief can use it, and its sockets can stay, for that long", display.Duration(life))...)
	}
	if t.Subject == "" {
		found = append(found, warn("Let the issuer put the user into sub, or let handlers read the claim that names the user.",
			"the token has no subject (sub): Token.Subject is empty in handlers")...)
	}
	if claim := idTokenClaim(t); claim != "" && !slices.Contains([]string{"id-token", "cognito-id", "firebase"}, e.Profile) {
		found = append(found, warn("If the issuer makes access tokens for this server, let clients send those. The audience of an ID token is the client itself.",
			"the token looks like an ID token (it has %s), which tells a client who logged in, and is not meant for servers", claim)...)
	}
	return found
}

// idTokenClaim returns a claim that only ID tokens have (OpenID Connect Core 1.0, sections
// 2 and 3.3.2.11), empty if there is none.
func idTokenClaim(t *token.Token) string {
	var claims map[string]any
	if strings.HasSuffix(strings.ToLower(t.Header().Type), "at+jwt") || t.Claims(&claims) != nil {
		return ""
	}
	for _, name := range []string{"at_hash", "c_hash", "nonce"} {
		if claims[name] != nil {
			return name
		}
	}
	return ""
}
