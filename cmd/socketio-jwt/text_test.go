package main

import (
	"context"
	"io"
	"testing"
	"time"
)

// What an issuer's token endpoint answers can be passed on as it is.
func TestReadTokenOfAnAnswer(t *testing.T) {
	for text, want := range map[string]string{
		`{"access_token": "a.b.c", "token_type": "Bearer", "expires_in": 60, "id_token": "d.e.f"}`: "a.b.c",
		`{"token": "a.b.c"}`:          "a.b.c",
		`{"error": "invalid_client"}`: "",
		`{"id_token": "d.e.f"}`:       "", // which one is meant is not ours to guess
	} {
		if got, err := readToken(t.Context(), text, nil); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
}

// Who is asked for a token and ends the program instead need not do so twice.
func TestReadTokenEnds(t *testing.T) {
	for _, args := range [][]string{{"doctor", "--token", "-"}, {"token", "inspect", "-"}, {"token", "verify", "-", "--secret", goodSecret}} {
		silent, writer := io.Pipe()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if code := run(ctx, args, silent, io.Discard, io.Discard); code != exitFailed {
			t.Errorf("%q: exit code %d", args, code)
		}
		cancel()
		_ = writer.Close()
	}
}
