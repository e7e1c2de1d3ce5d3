package main

import (
	"context"
	"errors"
	"fmt"

	"socketiojwt/token"
)

// A server that is migrated from Node often has a secret that is shorter than its
// algorithm asks for. No command accepts one, and those that judge tokens say what to do.

// shortSecretAdvice says what to do about a short secret.
const shortSecretAdvice = "Make a longer secret (openssl rand -hex 64) and let the issuer sign with it. " +
	"Until it does, a program can accept the short one with token.Options.InsecureShortSecret; " +
	"meanwhile anyone who has one token can find the secret by trying, and then sign as any user."

// shortSecret returns the key of a secret that can be used only with
// token.Options.InsecureShortSecret.
func (t trust) shortSecret() (token.Key, bool) {
	secret, given, err := t.secret()
	if err != nil || !given || t.PublicKey != "" || checkAlgorithm(t.Alg) != nil {
		return token.Key{}, false
	}
	key := token.Secret(secret, t.algorithms()...)
	if key.Err() == nil {
		return token.Key{}, false
	}
	_, err = token.NewVerifier(key, token.Options{InsecureShortSecret: true})
	return key, err == nil
}

// underShort verifies a token with a short secret, to find out whether that is all that is
// wrong with it.
func (t trust) underShort(ctx context.Context, key token.Key, compact string) error {
	opts := t.options()
	opts.InsecureShortSecret = true
	verifier, err := token.NewVerifier(key, opts)
	if err != nil {
		return err
	}
	_, err = verifier.Verify(ctx, compact)
	return err
}

// verifyUnderShort prints the verdict for a secret that is too short, which cause says.
func (c *verifyCommand) verifyUnderShort(ctx context.Context, t terminal, key token.Key, cause error) error {
	compact, err := readToken(ctx, c.Token, t.in)
	if err != nil {
		return err
	}
	if err := c.checkWaived(); err != nil {
		return err
	}
	otherwise := c.underShort(ctx, key, compact)
	if c.JSON && otherwise != nil {
		return verdictJSON(t, nil, otherwise)
	}
	if c.JSON {
		return errors.Join(printJSON(t.out, verdictResult{Reason: "secret_too_short", Rule: "the secret is too short", Cause: plain(cause)}), errRefused)
	}
	fmt.Fprintf(t.out, "REFUSED: the secret is too short: %s.\n", printable(plain(cause)))
	if otherwise != nil {
		fmt.Fprintf(t.out, "  With a secret of this length accepted, the token is refused too: %s.\n", ruleBroken(otherwise))
	} else {
		fmt.Fprintln(t.out, "  That is all: the signature is valid, and the token keeps every rule.")
	}
	fmt.Fprintf(t.out, "  %s\n", shortSecretAdvice)
	return errRefused
}

// shownTokenFitsShortSecret judges the token under a secret that is too short.
func shownTokenFitsShortSecret(e *examination) []finding {
	key, short := e.shortSecret()
	if !short || e.shown == nil || e.shown.unreadable != nil || e.checkProfile() != nil {
		return nil
	}
	switch err := e.underShort(context.Background(), key, e.shown.compact); {
	case err == nil:
		return warn(shortSecretAdvice, "the token is signed with the short secret, and keeps every rule")
	default:
		return fail("Get a token that this secret signed, or find the secret of this one.", "with the short secret accepted, the token is refused too: %s", ruleBroken(err))
	}
}

func isShort(e *examination) bool {
	_, short := e.shortSecret()
	return short
}
