package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"socketiojwt/internal/redistest"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token/tokentest"
)

// hangUp sends SIGHUP to this process, and waits until serve has logged the text once more.
func (s *served) hangUp(text string) {
	s.t.Helper()
	before := strings.Count(s.log.String(), text)
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil {
		s.t.Fatal(err)
	}
	defer func() {
		if s.t.Failed() {
			s.t.Logf("the log:\n%s", s.log)
		}
	}()
	redistest.Eventually(s.t, "the log says "+text, func() bool { return strings.Count(s.log.String(), text) > before })
}

// rewrite replaces the content of a file.
func rewrite(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestHangup checks that SIGHUP does not end serve, and that each is logged.
func TestHangup(t *testing.T) {
	s := start(t)
	compact := s.login("ada")
	s.hangUp("configuration reloaded")
	if got := status(t, s.url+"/ready"); got != http.StatusOK {
		t.Errorf("/ready: %d", got)
	}
	s.enter(t.Context(), "/", compact) // the random secret of the development issuer stays
}

// TestReloadHidesSecretsOfURLs checks that a change of a secret in a URL is logged without it.
func TestReloadHidesSecretsOfURLs(t *testing.T) {
	key := "upstream-secret-file = \"" + writeFile(t, "hook.txt", firstSecret) + "\"\n"
	file := configured(t, key+"upstream-webhook = \"https://backend.example/?key=sesame1\"\n")
	s := start(t, "--config", file)
	rewrite(t, file, key+"upstream-webhook = \"https://backend.example/?key=sesame2\"\n")
	s.hangUp("configuration reloaded")
	const shown = `"\"https://backend.example/?key=xxxxx\""`
	if log := s.log.String(); !strings.Contains(log, "needs a restart\" key=upstream-webhook old="+shown+" new="+shown) || strings.Contains(log, "sesame") {
		t.Errorf("the log:\n%s", log)
	}
}

// TestReloadKey replaces the secret while peers connect. Tokens of the old one are refused from
// then on, each socket that they have admitted ends, and others stay.
func TestReloadKey(t *testing.T) {
	const newSecret = "another secret that has more than thirty-two bytes"
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	secret := writeFile(t, "secret", goodSecret)
	private, public := keyPairFiles(t)
	// Thousands of connections from one address are opened below, and thousands of tokens are refused.
	s := start(t, "--config", configured(t, `
max-new-per-address = 1_000_000
max-handshakes-per-second = 0
secret-file = "`+secret+`"
[[namespace]]
name = "/"
[[namespace]]
name = "/late"
mode = "event"
[[namespace]]
name = "/other"
mode = "event"
public-key = "`+public+`"
issuer = "https://issuer.example"
audience = "chat"
`))
	mint := func(flags ...string) string {
		return strings.TrimSpace(runWith(t, "", append([]string{"token", "mint", "--sub", "ada"}, flags...)...).out)
	}
	old, fresh := mint("--secret", goodSecret), mint("--secret", newSecret)
	other := s.enter(ctx, "/other", mint("--key", private, "--iss", "https://issuer.example", "--aud", "chat"))
	admitted := []*sockettest.Peer{s.enter(ctx, "/", old), s.enter(ctx, "/late", old), s.enter(ctx, "/", s.login("bob"))}

	var mu sync.Mutex
	var connecting sync.WaitGroup
	var stop atomic.Bool
	for range 4 {
		connecting.Go(func() {
			for !stop.Load() {
				peer, err := sockettest.Dial(ctx, s.url, sockettest.Options{Auth: map[string]string{"token": old}})
				if err == nil {
					mu.Lock()
					admitted = append(admitted, peer)
					mu.Unlock()
				}
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	rewrite(t, secret, newSecret)
	s.hangUp("configuration reloaded")

	_, err := sockettest.Dial(ctx, s.url, sockettest.Options{Auth: map[string]string{"token": old}})
	if refused := (*sockettest.ConnectError)(nil); !errors.As(err, &refused) || refused.Message != "invalid signature" {
		t.Errorf("a token of the old secret: %v, want the refusal of a signature", err)
	}
	s.enter(ctx, "/", s.login("carol"))
	time.Sleep(settling) // sockets of the first second end too
	stop.Store(true)
	connecting.Wait()
	late := []*sockettest.Peer{s.enter(ctx, "/", fresh), s.enter(ctx, "/late", fresh), other}
	t.Logf("%d sockets of the old secret", len(admitted))
	for _, peer := range admitted {
		if err := peer.Ended(ctx); !errors.Is(err, sockettest.ErrClosed) {
			t.Fatalf("a socket of the old secret ended by %v, want a closed transport", err)
		}
	}
	redistest.Eventually(t, "all have ended", func() bool { return strings.Contains(s.log.String(), "sockets of replaced keys or rules have ended") })
	for _, peer := range late {
		if _, err := peer.EmitWithAck(ctx, "echo", 1); err != nil {
			t.Errorf("a socket of the new secret, or of another issuer: %v", err)
		}
	}
	if log := s.log.String(); strings.Contains(log, goodSecret) || strings.Contains(log, newSecret) {
		t.Error("a secret is in the log")
	}

	// A secret that is too short changes nothing.
	rewrite(t, secret, "short")
	s.hangUp("configuration not reloaded: nothing has changed")
	s.enter(ctx, "/", fresh)
}

// TestReloadFile checks what SIGHUP changes, that the rest is named with its values, and that an
// invalid file changes nothing.
func TestReloadFile(t *testing.T) {
	file := configured(t, "log-level = \"warn\"\nmax-rooms = 7\n[[namespace]]\nname = \"/\"\n")
	s := start(t, "--config", file)
	fromPage := func(want int) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/socket.io/?EIO=4&transport=polling", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", "https://app.example")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("status %d for a page of another origin, want %d", response.StatusCode, want)
		}
	}
	fromPage(http.StatusForbidden)

	rewrite(t, file, "log-level = \"debug\"\norigin = \"https://app.example\"\nmax-rooms = 8\n[[namespace]]\nname = \"/\"\nguests = true\n")
	s.hangUp("configuration reloaded")
	fromPage(http.StatusOK)
	for _, line := range []string{
		`level=INFO msg="setting changed" key=origin old="" new="[\"https://app.example\"]"`,
		`level=INFO msg="setting changed" key=log-level old="\"warn\"" new="\"debug\""`,
		`level=WARN msg="setting not changed: it needs a restart" key=max-rooms old=7 new=8`,
		`level=WARN msg="setting not changed: it needs a restart" namespace=/ key=guests old=false new=true`,
	} {
		if !strings.Contains(s.log.String(), line) {
			t.Errorf("there is no line %s in the log:\n%s", line, s.log)
		}
	}

	ownSecret := "secret-file = \"" + writeFile(t, "s", goodSecret) + "\"\n"
	rewrite(t, file, "origin = \"https://app.example\"\n[[namespace]]\nname = \"/new\"\n"+ownSecret+"[[namespace]]\nname = \"/\"\nissuer = \"i\"\n"+ownSecret)
	s.hangUp("configuration reloaded")
	for _, line := range []string{`msg="namespace not added: it needs a restart" namespace=/new`, `msg="setting not changed: it needs a restart" namespace=/ key=issuer`} {
		if !strings.Contains(s.log.String(), line) {
			t.Errorf("there is no line %s in the log:\n%s", line, s.log)
		}
	}
	rewrite(t, file, "log-level = \"debug\"\nmax-romms = 8\n")
	s.hangUp(`did you mean max-rooms?`)
	fromPage(http.StatusOK)
	rewrite(t, file, "origin = \"https://app.example/path\"\n")
	s.hangUp("configuration not reloaded: nothing has changed")
	fromPage(http.StatusOK)

	rewrite(t, file, "max-rooms = 7\n[[namespace]]\nname = \"/\"\n")
	s.hangUp("configuration reloaded")
	fromPage(http.StatusForbidden)
}

// TestReloadIssuer checks that SIGHUP changes issuers only if they answer, and not from one to
// several where names of rooms depend on it.
func TestReloadIssuer(t *testing.T) {
	one, two := tokentest.NewIssuer(t, tokentest.Options{Listen: true}), tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	config := func(issuers ...string) string {
		return "audience = \"chat\"\nissuer = [\"" + strings.Join(issuers, "\", \"") + "\"]\n[[namespace]]\nname = \"/\"\nroom = [\"sub=user:\"]\n"
	}
	file := configured(t, config(one.URL()))
	s := start(t, "--config", file)
	accepts := func(issuer *tokentest.Issuer) bool {
		peer, err := sockettest.Dial(t.Context(), s.url, sockettest.Options{Auth: map[string]string{"token": issuer.Sign(map[string]any{"aud": "chat", "sub": "ada"})}})
		if err == nil {
			_ = peer.Close()
		}
		return err == nil
	}
	for _, test := range []struct {
		issuers  []string
		log      string
		one, two bool
	}{
		{[]string{"http://localhost:1"}, "nothing has changed", true, false},
		{[]string{one.URL(), two.URL()}, "a change between one issuer and several needs a restart", true, false},
		{[]string{two.URL()}, "configuration reloaded", false, true},
	} {
		rewrite(t, file, config(test.issuers...))
		s.hangUp(test.log)
		if a, b := accepts(one), accepts(two); a != test.one || b != test.two {
			t.Errorf("after %q: tokens accepted: %t, %t; want %t, %t", test.issuers, a, b, test.one, test.two)
		}
	}
}
