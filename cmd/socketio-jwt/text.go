package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"socketiojwt/internal/wirejson"
)

// maxTokenInput bounds the input that is read for a token, in bytes. No server accepts a token
// nearly as long.
const maxTokenInput = 1 << 20

// readToken returns the token in an argument, or in standard input if the argument is "-". The
// token may follow "Bearer", or be in a response of POST /login, {"token": ...}, or of an
// issuer's token endpoint, {"access_token": ...} (RFC 6749, section 5.1).
func readToken(ctx context.Context, argument string, stdin io.Reader) (string, error) {
	if argument == "-" {
		input, err := readInput(ctx, stdin)
		if err != nil {
			return "", fmt.Errorf("reading the token from standard input: %w", err)
		}
		if len(input) > maxTokenInput {
			return "", errors.New("standard input is too long for a token")
		}
		argument = string(input)
	}
	compact := strings.TrimSpace(argument)
	if strings.HasPrefix(compact, "{") {
		var answer struct {
			Token  string `json:"token"`
			Access string `json:"access_token"`
			Error  string `json:"error"`
		}
		if err := wirejson.Unmarshal([]byte(compact), &answer); err != nil {
			return "", errors.New(`the input is not a token, and not JSON with "token" or "access_token"`)
		}
		if answer.Error != "" {
			return "", fmt.Errorf("the input has an error instead of a token: %s", answer.Error)
		}
		compact = cmp.Or(answer.Token, answer.Access)
	}
	if scheme, rest, ok := strings.Cut(compact, " "); ok && strings.EqualFold(scheme, "Bearer") {
		compact = strings.TrimSpace(rest)
	}
	if compact == "" {
		return "", errors.New("there is no token")
	}
	return compact, nil
}

// readInput reads at most one byte more than maxTokenInput. It returns when ctx ends.
func readInput(ctx context.Context, stdin io.Reader) ([]byte, error) {
	type result struct {
		input []byte
		err   error
	}
	read := make(chan result, 1)
	go func() { // a read from a terminal or a pipe cannot be cancelled; it ends with the process
		input, err := io.ReadAll(io.LimitReader(stdin, maxTokenInput+1))
		read <- result{input, err}
	}()
	select {
	case r := <-read:
		return r.input, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// positive returns an error unless the flag is positive.
func positive(flag string, d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("%s must be positive", flag)
	}
	return nil
}

// notNegative returns an error if the flag is negative.
func notNegative(flag string, d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("%s must not be negative", flag)
	}
	return nil
}
