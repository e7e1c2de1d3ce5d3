package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"socketiojwt/socketio/sockettest"
)

const operatorsSecret = "a secret of operators that is long enough"

// startAdmin starts serve with the API of operators, and returns its URL.
func startAdmin(t *testing.T) (*served, string) {
	t.Helper()
	t.Setenv("SOCKETIO_JWT_ADMIN_SECRET", operatorsSecret)
	s := start(t, "--admin", "127.0.0.1:0")
	found := regexp.MustCompile(`listening for operators" addr=(\S+)`).FindStringSubmatch(s.log.String())
	if found == nil {
		t.Fatalf("no address of the API in the log: %s", s.log)
	}
	return s, "http://" + found[1]
}

// The commands list, disconnect, revoke and block sockets of a running server.
func TestOperators(t *testing.T) {
	s, api := startAdmin(t)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	enter := func(namespace, user string) *sockettest.Peer { return s.enter(ctx, namespace, s.login(user)) }
	do := func(want int, args ...string) string {
		t.Helper()
		done := runWith(t, "", append(args, "--server", api)...)
		if done.code != want {
			t.Fatalf("%q: exit code %d: %s%s", args, done.code, done.out, done.err)
		}
		return done.out + done.err
	}
	gone := func(p *sockettest.Peer) {
		t.Helper()
		if err := p.Ended(ctx); !errors.Is(err, sockettest.ErrDisconnected) {
			t.Errorf("the socket ended with %v, want DISCONNECT", err)
		}
	}
	ada, bob, eve := enter("/", "ada"), enter("/admin", "bob"), enter("/", "eve")

	if got := strings.TrimSpace(do(exitGood, "leases", "--count")); got != "3" {
		t.Errorf("counted %q, want 3", got)
	}
	table := do(exitGood, "leases")
	for _, part := range []string{"ID", "SUBJECT", "ada", "bob", "eve", "running", "/admin", "handshake.", "event."} {
		if !strings.Contains(table, part) {
			t.Errorf("no %q in the table:\n%s", part, table)
		}
	}
	var one leaseResult
	if err := json.Unmarshal([]byte(do(exitGood, "leases", "--issuer=", "--subject", "ada", "--json")), &one); err != nil || one.Subject != "ada" || one.TokenHash == "" {
		t.Fatalf("%+v, %v", one, err)
	}
	if got := do(exitGood, "leases", one.ID); !strings.Contains(got, "ada") {
		t.Errorf("one socket: %s", got)
	}

	do(exitGood, "disconnect", one.ID)
	gone(ada)
	if got := do(exitFailed, "disconnect", one.ID); !strings.Contains(got, "404") {
		t.Errorf("again: %s", got)
	}
	if got := do(exitGood, "revoke", "--issuer=", "--subject", "bob", "--reason", "left"); !strings.Contains(got, "1 socket of this node ended") {
		t.Errorf("revoke: %s", got)
	}
	gone(bob)
	if got := do(exitGood, "block", "--issuer=", "--subject", "eve", "--for", "1h"); !strings.Contains(got, "blocked; 1 socket") {
		t.Errorf("block: %s", got)
	}
	gone(eve)
	if _, err := sockettest.Dial(ctx, s.url, sockettest.Options{Auth: map[string]string{"token": s.login("eve")}}); err == nil {
		t.Error("a blocked user was admitted")
	}
	do(exitGood, "block", "--issuer=", "--subject", "eve", "--remove")
	enter("/", "eve")
	if log := s.log.String(); !strings.Contains(log, "admin: revoked") || strings.Contains(log, `subject="socketio-jwt command"`) || strings.Contains(log, operatorsSecret) || strings.Contains(log, "eyJhbGci") {
		t.Errorf("log: %s", log)
	}
}

// The listener of operators also serves their page, and a token of operator-token is one of an
// operator for as long as it says.
func TestOperatorToken(t *testing.T) {
	s, api := startAdmin(t)
	compact := strings.TrimSpace(runWith(t, "", "operator-token", "--sub", "grace", "--life", "15m").out)
	t.Setenv("SOCKETIO_JWT_ADMIN_SECRET", "")
	t.Setenv("SOCKETIO_JWT_ADMIN_TOKEN", compact)
	for path, want := range map[string]int{"/": http.StatusOK, "/operators.js": http.StatusOK, "/leases": http.StatusOK, "/nothing": http.StatusNotFound} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, api+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+compact)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: %s", path, response.Status)
		}
	}
	var claims struct {
		Sub      string
		Iat, Exp int64
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(compact, ".")[1])
	if err != nil || json.Unmarshal(payload, &claims) != nil || claims.Sub != "grace" || claims.Exp-claims.Iat != 900 {
		t.Errorf("the token is for %+v", claims)
	}
	if strings.Contains(s.log.String(), "eyJ") {
		t.Errorf("a token is in the log: %s", s.log)
	}
}

// A command line that would do something else than it says is refused.
func TestOperatorsRefuses(t *testing.T) {
	t.Setenv("SOCKETIO_JWT_ADMIN_SECRET", operatorsSecret)
	for want, args := range map[string][]string{
		"has no effect without --admin": {"serve", "--addr", "127.0.0.1:0"},
		"--issuer is needed":            {"revoke", "--subject", "ada"},
		"--for has no effect":           {"block", "--issuer=", "--subject", "ada", "--remove", "--for", "1h"},
		"does not use https":            {"leases", "--server", "http://192.0.2.1:9001"},
		"--server must be a URL":        {"leases", "--server", "localhost"},
		"connection refused":            {"leases", "--server", "http://127.0.0.1:1"},
		"exclude each other":            {"leases", "--admin-secret-file", "x"},
		"--life must be at least 1s":    {"operator-token", "--life", "0s"},
	} {
		runWith(t, "", args...).want(t, exitFailed, "", want)
	}
	t.Setenv("SOCKETIO_JWT_ADMIN_SECRET", "short")
	runWith(t, "", "serve", "--admin", "127.0.0.1:0", "--addr", "127.0.0.1:0").want(t, exitFailed, "", "operators")
}
