package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// fields returns the result that a command printed with --json, and the names in it.
func fields(t *testing.T, o outcome, code int) (result map[string]any, names []string) {
	t.Helper()
	if o.code != code || o.err != "" {
		t.Errorf("exit code %d, want %d: %s", o.code, code, o.err)
	}
	if err := json.Unmarshal([]byte(o.out), &result); err != nil {
		t.Fatalf("%v: %s", err, o.out)
	}
	return result, slices.Sorted(maps.Keys(result))
}

func wantNames(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("fields %q, want %q", got, want)
	}
}

// TestJSONOfVerify checks for the fields in the help. Do not change it: programs read them.
func TestJSONOfVerify(t *testing.T) {
	mint := func(args ...string) string {
		return runWith(t, "", append([]string{"token", "mint", "--secret", goodSecret, "--sub", "ada", "--iss", "i", "--aud", "a", "--kid", "k", "--claim", "iat=1"}, args...)...).out
	}
	verify := func(compact string, args ...string) outcome {
		return runWith(t, compact, append([]string{"token", "verify", "-", "--json", "--secret", goodSecret}, args...)...)
	}
	got, names := fields(t, verify(mint("--claim", "exp=4102444800")), exitGood)
	wantNames(t, names, "accepted", "algorithm", "audience", "expires", "issuer", "key_id", "subject", "valid_until")
	if got["accepted"] != true || got["subject"] != "ada" || got["expires"] != "2100-01-01T00:00:00Z" || got["valid_until"] != "2100-01-01T00:00:10Z" {
		t.Errorf("got %v", got)
	}
	got, names = fields(t, verify(mint("--life=-1h")), exitRefused)
	wantNames(t, names, "accepted", "cause", "reason", "rule")
	if got["accepted"] != false || got["reason"] != "token_expired" {
		t.Errorf("got %v", got)
	}
	got, _ = fields(t, verify("guesswork"), exitRefused)
	if got["reason"] != "token_malformed" {
		t.Errorf("got %v", got)
	}
	verify("", "--issuer", "").want(t, exitFailed, "", "--issuer")
}

func TestJSONOfInspect(t *testing.T) {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	inspect := func(claims string) outcome {
		return runWith(t, part(`{"alg":"HS256"}`)+"."+part(claims)+".AAAA", "token", "inspect", "-", "--json")
	}
	got, names := fields(t, inspect(`{"sub":"ada","iat":1,"nbf":2,"exp":3}`), exitGood)
	wantNames(t, names, "claims", "expired", "expires", "header", "issued", "not_before", "verified")
	if got["verified"] != false || got["expired"] != true || got["issued"] != "1970-01-01T00:00:01Z" || got["claims"].(map[string]any)["sub"] != "ada" {
		t.Errorf("got %v", got)
	}
	_, names = fields(t, inspect(`{}`), exitGood)
	wantNames(t, names, "claims", "expired", "header", "verified")
	_, names = fields(t, inspect(`not json`), exitGood)
	wantNames(t, names, "expired", "header", "verified")

	hostile := inspect("{\"sub\":\"\u009b31m\u202e\U000e0001\"}")
	if got, _ := fields(t, hostile, exitGood); got["claims"].(map[string]any)["sub"] != "\u009b31m\u202e\U000e0001" {
		t.Errorf("got %v", got)
	}
	if strings.ContainsAny(hostile.out, "\u009b\u202e\U000e0001") {
		t.Errorf("characters that a terminal acts on are in %q", hostile.out)
	}
}

func TestJSONOfDoctor(t *testing.T) {
	good := runWith(t, "", "token", "mint", "--secret", goodSecret, "--sub", "ada").out
	got, names := fields(t, runWith(t, good, "doctor", "--json", "--secret", goodSecret, "--token", "-"), exitGood)
	wantNames(t, names, "findings", "problems", "warnings")
	levels := map[any]int{}
	for _, f := range got["findings"].([]any) {
		f := f.(map[string]any)
		levels[f["level"]]++
		_, advice := f["advice"]
		if f["subject"] == "" || f["text"] == "" || advice != (f["level"] != "ok") {
			t.Errorf("finding %v", f)
		}
	}
	if got["problems"] != 0.0 || float64(levels["warn"]) != got["warnings"] || levels["ok"] == 0 || len(levels) != 2 {
		t.Errorf("levels %v of %v", levels, got)
	}
	got, _ = fields(t, runWith(t, "", "doctor", "--json", "--secret", strings.Repeat("a", 40)), exitRefused)
	if got["problems"] != 1.0 {
		t.Errorf("got %v", got)
	}
}

// TestShortSecret checks that a token is judged although the secret is too short, because a
// migration often begins with such a secret.
func TestShortSecret(t *testing.T) {
	const short = "shhhhhared-secret"
	compact := signShort(t, short, `{"sub":"ada","exp":4102444800}`)
	verify := func(compact string, args ...string) outcome {
		return runWith(t, compact, append([]string{"token", "verify", "-", "--secret", short}, args...)...)
	}
	for _, text := range []string{"REFUSED: the secret is too short", "32 bytes", "the signature is valid", "InsecureShortSecret", "openssl rand", "find the secret by trying"} {
		verify(compact).want(t, exitRefused, text, "")
	}
	verify(signShort(t, "another", `{"sub":"ada","exp":4102444800}`)).want(t, exitRefused, "refused too: the signature is invalid", "")
	verify(signShort(t, short, `{"exp":1}`)).want(t, exitRefused, "refused too: it has expired", "")
	got, _ := fields(t, verify(compact, "--json"), exitRefused)
	if got["reason"] != "secret_too_short" {
		t.Errorf("got %v", got)
	}
	runWith(t, compact, "token", "verify", "-", "--secret", "").want(t, exitFailed, "", "secret")
	verify(compact, "--profile", "auth0").want(t, exitFailed, "", "--profile needs")
	verify(compact, "--leeway", "1h").want(t, exitFailed, "", "Leeway must be at most 5 minutes")

	doctor := runWith(t, compact, "doctor", "--secret", short, "--token", "-")
	for _, text := range []string{"FAIL  key: ", "32 bytes", "WARN  tokens: the token is signed with the short secret", "InsecureShortSecret"} {
		doctor.want(t, exitRefused, text, "")
	}
	runWith(t, signShort(t, "another", `{}`), "doctor", "--secret", short, "--token", "-").want(t, exitRefused, "refused too", "")
	for _, o := range []outcome{verify(compact), doctor} {
		if strings.Contains(o.out, short) || strings.Contains(o.out, compact) {
			t.Error("the secret or the token is in the output")
		}
	}
}

// TestLogFormat checks that the log can be JSON, and has the subject and address of each socket
// and the reason for its end.
func TestLogFormat(t *testing.T) {
	s := start(t, "--log-format", "json")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	peer := s.enter(ctx, "/", s.login("ada"))
	_ = peer.Close()
	found := map[string]map[string]any{}
	const left = "socketio: socket disconnected"
	for found[left] == nil {
		<-time.After(5 * time.Millisecond)
		for line := range strings.Lines(s.log.String()) {
			if !strings.HasSuffix(line, "\n") {
				continue
			}
			var entry map[string]any
			if err := json.Unmarshal([]byte(line), &entry); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			found[entry["msg"].(string)] = entry
		}
	}
	if e := found["admitted"]; e["subject"] != "ada" || !strings.HasPrefix(e["remote"].(string), "127.0.0.1:") && !strings.HasPrefix(e["remote"].(string), "[::1]:") {
		t.Errorf("admitted: %v", e)
	}
	if e := found[left]; e["subject"] != "ada" || e["reason"] != "transport close" || found["left"] != nil {
		t.Errorf("left: %v, %v", e, found["left"])
	}
	for line := range strings.Lines(s.log.String()) {
		if strings.Count(line, `"subject"`) > 1 {
			t.Errorf("the subject is there twice: %s", line)
		}
	}
	var text bytes.Buffer
	log, _ := (&serveCommand{LogLevel: slog.LevelInfo, LogFormat: "text"}).logger(terminal{err: &text})
	log.Info("x")
	if !strings.Contains(text.String(), "level=INFO msg=x") {
		t.Errorf("text format: %s", &text)
	}
}
