package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"socketiojwt/auth"
	"socketiojwt/internal/display"
	"socketiojwt/token"
	"socketiojwt/token/jwks"
)

// verifyCommand reports whether a token is accepted.
type verifyCommand struct {
	Token string `arg:"" placeholder:"TOKEN" help:"The token, or - to read it from standard input."`
	JSON  bool   `name:"json" help:"Print the verdict as JSON."`
	trust `embed:""`
}

// Help is shown by --help.
func (verifyCommand) Help() string {
	return `The exit code is 0 if the token is accepted, 1 if it is refused, 2 if there is no verdict. Without a verdict standard output is empty.

--json prints {"accepted", "reason", "rule", "cause", "algorithm", "key_id", "issuer", "subject", "audience", "expires", "valid_until"}. Reason is a value of auth.Reason. A refused token has reason, rule and cause; an accepted token has the other fields, if it has the claims. Times are RFC 3339. Rule and cause may change; the rest does not.

Examples:

    SOCKETIO_JWT_SECRET=... socketio-jwt token verify - < token.txt
    socketio-jwt token verify - --secret-file secret.txt --audience chat < token.txt
    socketio-jwt token verify - --issuer https://issuer.example --audience chat \
        < token.txt
    socketio-jwt token verify - --issuer https://issuer.example --audience 6k3web \
        --profile cognito-access < token.txt
    socketio-jwt token verify - --public-key issuer.pem \
        --issuer https://issuer.example --audience chat < token.txt`
}

// Run prints the verdict.
func (c *verifyCommand) Run(ctx context.Context, t terminal) error {
	key, given, err := c.key()
	if err != nil {
		verifier, otherwise := c.underShort()
		switch {
		case otherwise != nil:
			return joined(err, otherwise)
		case verifier != nil:
			return c.verifyUnderShort(ctx, t, verifier, err)
		}
		return err
	}
	var verifier *token.Verifier
	switch {
	case given:
		verifier, err = c.verifier(key)
	case c.publishes(given):
		var keys published
		verifier, keys, err = c.published(jwks.Options{Logger: silent})
		defer keys.close()
	default:
		err = errors.New("nothing to verify with: give --public-key FILE, --secret-file FILE, a secret by SOCKETIO_JWT_SECRET, or --issuer as the URL where it publishes its keys")
	}
	if err != nil {
		return err
	}
	compact, err := readToken(ctx, c.Token, t.in)
	if err != nil {
		return err
	}
	good, err := verifier.Verify(ctx, compact)
	if errors.Is(err, token.ErrKeysUnavailable) {
		return err
	}
	if c.JSON {
		return verdictJSON(t, good, err)
	}
	if err != nil {
		fmt.Fprintf(t.out, "REFUSED: %s.\n", ruleBroken(err))
		fmt.Fprintf(t.out, "  cause: %s\n", display.Printable(err.Error()))
		return errRefused
	}
	printGood(t, good, time.Now())
	return nil
}

func printGood(t terminal, good *token.Token, now time.Time) {
	fmt.Fprintln(t.out, "GOOD: the signature is valid, and the token keeps every rule.")
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t.out, "  %-9s %s\n", name, display.Printable(value))
		}
	}
	line("algorithm", string(good.Header().Algorithm))
	line("key ID", good.Header().KeyID)
	line("issuer", good.Issuer)
	line("subject", good.Subject)
	line("audience", strings.Join(good.Audience(), ", "))
	if !good.ExpiresAt().IsZero() {
		line("expires", fmt.Sprintf("%s (%s)", good.ExpiresAt().Local().Format("2006-01-02 15:04:05 MST"), display.Distance(good.ExpiresAt(), now)))
	}
	if end := good.ValidUntil(); !end.IsZero() {
		line("accepted", fmt.Sprintf("until %s, leeway included", end.Local().Format("15:04:05 MST")))
	}
}

// rules lists the rules that a token can break.
var rules = []struct {
	err    error
	reason auth.Reason
	rule   string
}{
	{token.ErrTooLarge, auth.ReasonTokenTooLarge, "it is too long: a token has at most 16 KiB"},
	{token.ErrMalformed, auth.ReasonTokenMalformed, "it is not a token: three parts of base64url, with strict JSON in the first two"},
	{token.ErrUnsigned, auth.ReasonTokenUnsigned, "it is not signed, and every token must be"},
	{token.ErrHeader, auth.ReasonTokenHeader, "its header asks for something that is not supported"},
	{token.ErrAlgorithm, auth.ReasonTokenAlgorithm, "its algorithm is not the one that the key is for (--alg)"},
	{token.ErrKeyNotFound, auth.ReasonTokenSignature, "it names another key (kid)"},
	{token.ErrSignature, auth.ReasonTokenSignature, "the signature is invalid: the token was changed, or signed with another key"},
	{token.ErrClaim, auth.ReasonTokenClaim, "a claim has the wrong type, is out of range, or has another value than required"},
	{token.ErrClaimMissing, auth.ReasonTokenClaim, "a required claim is missing"},
	{token.ErrType, auth.ReasonTokenType, "it is a token of another type (typ)"},
	{token.ErrExpired, auth.ReasonTokenExpired, "it has expired (exp)"},
	{token.ErrNotYetValid, auth.ReasonTokenNotActive, "it is not valid yet (nbf)"},
	{token.ErrMaxAge, auth.ReasonTokenTooOld, "it is too old (iat)"},
	{token.ErrIssuer, auth.ReasonTokenIssuer, "its issuer is not accepted (iss, --issuer)"},
	{token.ErrAudience, auth.ReasonTokenAudience, "it was made for another audience (aud, --audience)"},
	{token.ErrSubject, auth.ReasonTokenSubject, "its subject is not accepted (sub)"},
	{token.ErrID, auth.ReasonTokenID, "its ID is not accepted (jti)"},
	{token.ErrNonce, auth.ReasonTokenNonce, "its nonce is not accepted (nonce)"},
}

// ruleBroken returns the rule that a token broke, in words.
func ruleBroken(err error) string {
	_, rule := broken(err)
	return rule
}

// broken returns the reason for a refusal, and the rule that was broken in words.
func broken(err error) (auth.Reason, string) {
	for _, r := range rules {
		if errors.Is(err, r.err) {
			return r.reason, r.rule
		}
	}
	return auth.ReasonNotAuthorized, "it could not be verified"
}
