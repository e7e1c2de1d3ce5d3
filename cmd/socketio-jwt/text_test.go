package main

import (
	"context"
	"io"
	"testing"
	"time"
)

// TestReadTokenOfAnAnswer checks that the response of a token endpoint can be used unchanged.
func TestReadTokenOfAnAnswer(t *testing.T) {
	for text, want := range map[string]string{
		`{"access_token": "a.b.c", "token_type": "Bearer", "expires_in": 60, "id_token": "d.e.f"}`: "a.b.c",
		`{"token": "a.b.c"}`:          "a.b.c",
		`{"error": "invalid_client"}`: "",
		`{"id_token": "d.e.f"}`:       "", // only "token" and "access_token" are tokens for a server
	} {
		if got, err := readToken(t.Context(), text, nil); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
}

// TestReadTokenEnds checks that the first signal ends a command that reads standard input.
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
