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

// maxTokenInput bounds what is read for a token: far more than any server takes.
const maxTokenInput = 1 << 20

// readToken returns the token of an argument, which may be "-" for standard input.
// It may come as the answer of POST /login, {"token": ...}, as that of an issuer's token
// endpoint, {"access_token": ...} (RFC 6749, section 5.1), or after "Bearer".
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
			return "", errors.New(`this is no token, and no {"token": ...} or {"access_token": ...} either`)
		}
		if answer.Error != "" {
			return "", fmt.Errorf("there is no token in this, but an error: %s", answer.Error)
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

// readInput reads what a token may come as, and a little more if there is more.
func readInput(ctx context.Context, stdin io.Reader) ([]byte, error) {
	type result struct {
		input []byte
		err   error
	}
	read := make(chan result, 1)
	go func() { // a terminal or a pipe keeps its reader, whatever is cancelled: the end of the process ends it
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

// positive fails for a flag that is not positive.
func positive(flag string, d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("%s must be positive", flag)
	}
	return nil
}

// notNegative fails for a flag that is negative.
func notNegative(flag string, d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("%s must not be negative", flag)
	}
	return nil
}
