package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"socketiojwt/socketio/sockettest"
)

// TestNamespaces checks the namespaces of a file: their modes, sources, scopes, guests, rooms and
// issuers.
func TestNamespaces(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	private, public := keyPairFiles(t)
	s := start(t, "--secret", goodSecret, "--admin", "localhost:0", "--admin-secret", operatorsSecret, "--config", configured(t, `
[[namespace]]
name = "/chat"
source = ["cookie:session", "auth:jwt"]
scope = ["chat", "read"]
room = ["sub=user:", "teams=team:"]

[[namespace]]
name = "/late"
mode = "event"
timeout = "300ms"

[[namespace]]
name = "/open"
guests = true

[[namespace]]
name = "/other"
gate = "partners"
public-key = "`+public+`"
issuer = "https://issuer.example"
audience = "chat"
`))
	mint := func(flags ...string) string {
		return strings.TrimSpace(runWith(t, "", append([]string{"token", "mint", "--sub", "ada"}, flags...)...).out)
	}
	plain := mint("--secret", goodSecret)
	scoped := mint("--secret", goodSecret, "--claim", `scope="read chat"`, "--claim", `teams=["red","blue"]`)
	partner := mint("--key", private, "--iss", "https://issuer.example", "--aud", "chat")
	dial := func(namespace string, auth any) (*sockettest.Peer, string) {
		peer, err := sockettest.Dial(ctx, s.url, sockettest.Options{Namespace: namespace, Auth: auth})
		if refused := (*sockettest.ConnectError)(nil); errors.As(err, &refused) {
			return nil, refused.Message
		} else if err != nil {
			return nil, err.Error()
		}
		t.Cleanup(func() { _ = peer.Close() })
		return peer, ""
	}
	for name, test := range map[string]struct{ namespace, member, token, refused string }{
		"not configured":     {"/", "token", plain, "invalid namespace"},
		"default namespace":  {"/admin", "token", plain, "invalid namespace"},
		"member of a source": {"/chat", "jwt", scoped, ""},
		"another member":     {"/chat", "token", scoped, "no token provided"},
		"no scope":           {"/chat", "jwt", plain, "insufficient scope"},
		"guest":              {"/open", "x", "", ""},
		"guest, bad token":   {"/open", "token", plain + "A", "invalid signature"},
		"own issuer":         {"/other", "token", partner, ""},
		"token of the flags": {"/other", "token", plain, "invalid algorithm"},
		"token of the table": {"/open", "token", partner, "invalid algorithm"},
		"event mode holds":   {"/late", "token", plain, ""},
	} {
		if _, got := dial(test.namespace, map[string]string{test.member: test.token}); (got == "") != (test.refused == "") || !strings.Contains(strings.ToLower(got), strings.ToLower(test.refused)) {
			t.Errorf("%s: refused by %q, want %q", name, got, test.refused)
		}
	}
	held, refused := dial("/late", nil)
	if refused != "" {
		t.Fatal(refused)
	}
	if _, err := held.Expect(ctx, "unauthorized"); err != nil {
		t.Errorf("timeout: %v", err)
	}
	guest, refused := dial("/open", nil)
	if refused != "" {
		t.Fatal(refused)
	}
	if _, err := guest.EmitWithAck(ctx, "whoami"); err != nil {
		t.Errorf("a guest asks who it is: %v", err)
	}
	if _, err := guest.EmitWithAck(ctx, "say", "hello"); err != nil {
		t.Errorf("a guest says something: %v", err)
	}
}

// TestGateNames checks the names of gates that operators see without tables, and
// with them.
func TestGateNames(t *testing.T) {
	c := settings(t)
	var names []string
	for _, table := range c.tables() {
		names = append(names, table.Name+" "+table.gate+" "+table.Mode)
	}
	c = settings(t, "--config", configured(t, "[[namespace]]\nname = \"/\"\n[[namespace]]\nname = \"/a/b\"\nmode = \"event\"\n[[namespace]]\nname = \"/c\"\ngate = \"d\"\n"))
	for _, table := range c.tables() {
		names = append(names, table.Name+" "+table.gate+" "+table.Mode)
	}
	if got, want := strings.Join(names, ", "), "/ handshake handshake, /admin event event, / main handshake, /a/b a-b event, /c d handshake"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestLimits checks that limits reach the server.
func TestLimits(t *testing.T) {
	s := start(t, "--max-sessions", "1", "--ping-interval", "7s", "--ping-timeout", "8s", "--max-payload", "12345")
	open := get(t, s.url+"/socket.io/?EIO=4&transport=polling")
	for _, want := range []string{`"pingInterval":7000`, `"pingTimeout":8000`, `"maxPayload":12345`} {
		if !strings.Contains(open, want) {
			t.Errorf("%s is not in %s", want, open)
		}
	}
	if got := status(t, s.url+"/socket.io/?EIO=4&transport=polling"); got != http.StatusServiceUnavailable {
		t.Errorf("a second session: status %d", got)
	}
}

// TestRates checks that the rates of a peer and the bounds of an address reach the server.
func TestRates(t *testing.T) {
	handshake := "/socket.io/?EIO=4&transport=polling"
	s := start(t, "--max-packets-per-second", "1", "--max-bytes-per-second", "0", "--rate-burst", "10ms", "--close-above-rate")
	_, sid, _ := strings.Cut(get(t, s.url+handshake), `"sid":"`)
	sid, _, _ = strings.Cut(sid, `"`)
	resp, err := http.Post(s.url+handshake+"&sid="+sid, "text/plain", strings.NewReader("6\x1e6\x1e6"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("three packets: status %d", resp.StatusCode)
	}

	s = start(t, "--max-sessions-per-address", "1")
	get(t, s.url+handshake)
	if got := status(t, s.url+handshake); got != http.StatusServiceUnavailable {
		t.Errorf("a second session of an address: status %d", got)
	}

	s = start(t, "--max-handshakes-per-second", "1", "--max-sessions-per-address", "0")
	for range 20 {
		if status(t, s.url+handshake) == http.StatusServiceUnavailable {
			return
		}
	}
	t.Error("20 handshakes of an address were allowed at once")
}

func TestRatesThatAreWrong(t *testing.T) {
	for flags, want := range map[string]string{
		"--max-packets-per-second=-1":      "--max-packets-per-second must not be negative",
		"--max-packets-per-second 2000000": "must be at most 1000000",
		"--rate-burst 1ms":                 "--rate-burst must be at least 10ms",
		"--max-packets-per-second 0 --max-bytes-per-second 0 --rate-burst 1s":    "--rate-burst has no effect without",
		"--max-packets-per-second 0 --max-bytes-per-second 0 --close-above-rate": "--close-above-rate has no effect without",
	} {
		runWith(t, "", append([]string{"config", "check"}, strings.Fields(flags)...)...).want(t, exitFailed, "", want)
	}
}
