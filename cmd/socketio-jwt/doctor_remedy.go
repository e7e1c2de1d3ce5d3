package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"socketiojwt/token"
)

// remedy says more of why the token was refused, and what to do.
func remedy(e *examination) (detail, advice string) {
	s := e.shown
	alg := quoted(string(s.unverified.Header.Algorithm))
	switch err := s.refused; {
	case e.login != nil && (errors.Is(err, token.ErrSignature) || errors.Is(err, token.ErrAlgorithm)):
		return "", "This configuration has a development issuer alone: say whose tokens are good, by --issuer and --audience, or by the secret."
	case errors.Is(err, token.ErrAlgorithm):
		return ": it names " + alg, algorithmAdvice(e)
	case errors.Is(err, token.ErrSignature):
		return signatureRemedy(e)
	case errors.Is(err, token.ErrKeyNotFound):
		return missingKeyRemedy(e)
	case errors.Is(err, token.ErrIssuer):
		return fmt.Sprintf(": it has %s, and %s is accepted", quoted(s.claims.issuer), quoted(strings.Join(e.Issuer, " or "))),
			fmt.Sprintf("If that is who should be trusted, give --issuer %s, to the letter.", quoted(s.claims.issuer))
	case errors.Is(err, token.ErrAudience):
		return audienceRemedy(e)
	case errors.Is(err, token.ErrExpired), errors.Is(err, token.ErrNotYetValid):
		return ": " + plain(err), "Get a fresh token. If this one is fresh, the clock here or the issuer's is wrong."
	case errors.Is(err, token.ErrClaim) && s.claims.expires > 1e11:
		return ": exp counts milliseconds, it seems", "Let the issuer count exp, iat and nbf in seconds (RFC 7519, section 2)."
	case e.Profile != "" && errors.Is(err, token.ErrType):
		return ": " + typeOf(s), profileAdvice(e)
	case e.Profile != "" && s.claims.expires != 0 && (errors.Is(err, token.ErrClaim) || errors.Is(err, token.ErrClaimMissing)):
		return ": " + plain(err), profileAdvice(e)
	case errors.Is(err, token.ErrClaimMissing):
		return ": " + plain(err), "Let the issuer put it in: without exp, say, a token is good for as long as the key."
	case errors.Is(err, token.ErrType):
		return ": " + typeOf(s), "Let clients send an access token: its type is JWT, at+jwt or none."
	}
	return ": " + plain(s.refused), "Let the issuer make it as RFC 7519 has it."
}

// typeOf is the token's typ.
func typeOf(s *shown) string {
	if s.unverified.Header.Type == "" {
		return "it has none"
	}
	return quoted(s.unverified.Header.Type)
}

// profileAdvice says what to do about a token that is not what --profile asks for.
func profileAdvice(e *examination) string {
	return fmt.Sprintf("--profile %s asks for that, and keeps tokens of other kinds out by it: let clients send one of that kind or, if this is the kind that is meant, give the profile that it has.", e.Profile)
}

// audienceRemedy says more of whom the token is for, by the claim that tells it.
func audienceRemedy(e *examination) (detail, advice string) {
	s, claim := e.shown, e.options().AudienceClaim
	switch whom := stringsOf(s.unverified, cmp.Or(claim, "aud")); {
	case len(whom) > 0:
		return fmt.Sprintf(": it has %s, and %s is accepted", quoted(strings.Join(whom, ", ")), quoted(strings.Join(e.Audience, " or "))),
			"Let the client ask for a token for this server; or, if one of those is this server, give it as --audience."
	case claim != "":
		return fmt.Sprintf(": it has no %s, by which these tokens say it", claim), profileAdvice(e)
	case s.claims.use == "access":
		return ": it has none", "It looks like an access token of Amazon Cognito, which names the app client instead: give that as --audience, and --profile cognito-access."
	}
	return ": it has none", "Let the issuer put an audience into it: with many, the client has to name the API that it wants a token for."
}

// algorithmAdvice says how to get from the configured algorithm to the token's, if that
// is safe: by another kind of key, never because the token says so.
func algorithmAdvice(e *examination) string {
	_, secret, _ := e.secret()
	symmetric := strings.HasPrefix(string(e.shown.unverified.Header.Algorithm), "HS")
	switch {
	case symmetric && !secret:
		return "It was signed with a secret, and keys here are public: let the issuer sign by RS256, ES256 or the like, or give the secret that they share."
	case !symmetric && secret:
		return "It was signed with a private key, and here is a secret: give --issuer as the URL where the issuer publishes its keys, and --audience."
	}
	return "If the issuer does sign so, say so by --alg; its documentation knows, not the token."
}

// missingKeyRemedy says why no published key is the token's.
func missingKeyRemedy(e *examination) (detail, advice string) {
	kid := e.shown.unverified.Header.KeyID
	if kid == "" {
		return ": it names none, and the issuer does not publish exactly one that it could be", "Let the issuer name the key in its tokens (kid)."
	}
	for _, a := range e.issuers {
		if a.name == e.shown.claims.issuer && slices.ContainsFunc(a.keys, func(k publishedKey) bool { return k.id == kid }) {
			return ": " + quoted(kid) + ", which is published and cannot be used", "See what is said of that key above."
		}
	}
	return ": " + quoted(kid) + ", which the issuer does not publish", "Get a new token: this one is older than the keys, or another issuer made it."
}

// signatureRemedy tries the spellings of a secret that are often confused.
func signatureRemedy(e *examination) (detail, advice string) {
	secret, given, _ := e.secret()
	if !given {
		return "", "Is the key that of the issuer, and of today? With --issuer as its URL instead of --public-key, keys are found and followed."
	}
	fits := func(secret string) bool {
		opts := e.options()
		verifier, err := token.NewVerifier(token.Secret(secret, e.algorithms()...), opts)
		if err != nil {
			return false
		}
		_, err = verifier.Verify(context.Background(), e.shown.compact)
		return !errors.Is(err, token.ErrSignature)
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if decoded, err := encoding.DecodeString(strings.TrimSpace(secret)); err == nil && fits(string(decoded)) {
			return "; it fits the secret decoded from base64", "Write the decoded bytes into a file (base64 -d), and give it by --secret-file."
		}
	}
	if trimmed := strings.TrimSpace(secret); trimmed != secret && fits(trimmed) {
		return "; it fits the secret without the white space around it", "Take the white space away."
	}
	return "", "Is the secret, to the byte, the one that the issuer signs with? Some hand it out in base64 and sign with what that stands for."
}
