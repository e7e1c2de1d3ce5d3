package main

import (
	"context"
	"errors"
	"fmt"

	"socketiojwt/internal/display"
	"socketiojwt/internal/doctor"
	"socketiojwt/token"
)

// underShort returns a verifier that accepts the shared secret although it is too short for
// its algorithm, to find out what else is wrong with a token. It is nil if there is no
// such secret, or if the secret or the profile has another fault.
func (t trust) underShort() (*token.Verifier, error) {
	secret, given, err := t.secret()
	if err != nil || !given || t.PublicKey != "" || checkAlgorithm(t.Alg) != nil || t.checkProfile() != nil {
		return nil, nil //nolint:nilerr // another check reports the fault
	}
	key := token.Secret(secret, t.algorithms()...)
	if key.Err() == nil {
		return nil, nil
	}
	if _, err := token.NewVerifier(key, token.Options{InsecureShortSecret: true}); err != nil {
		return nil, nil //nolint:nilerr // the fault is not the length
	}
	opts := t.options()
	opts.InsecureShortSecret = true
	return token.NewVerifier(key, opts)
}

// verifyUnderShort prints the verdict for a secret that is too short. The token is refused;
// cause is the error about the secret.
func (c *verifyCommand) verifyUnderShort(ctx context.Context, t terminal, verifier *token.Verifier, cause error) error {
	compact, err := readToken(ctx, c.Token, t.in)
	if err != nil {
		return err
	}
	if err := c.checkWaived(); err != nil {
		return err
	}
	_, otherwise := verifier.Verify(ctx, compact)
	if c.JSON && otherwise != nil {
		return verdictJSON(t, nil, otherwise)
	}
	if c.JSON {
		return errors.Join(printJSON(t.out, verdictResult{Reason: "secret_too_short", Rule: "the secret is too short", Cause: doctor.Plain(cause)}), errRefused)
	}
	fmt.Fprintf(t.out, "REFUSED: the secret is too short: %s.\n", display.Printable(doctor.Plain(cause)))
	if otherwise != nil {
		fmt.Fprintf(t.out, "  With a secret of this length accepted, the token is refused too: %s.\n", ruleBroken(otherwise))
	} else {
		fmt.Fprintln(t.out, "  That is all: the signature is valid, and the token keeps every rule.")
	}
	fmt.Fprintf(t.out, "  %s\n", doctor.ShortSecretAdvice)
	return errRefused
}
