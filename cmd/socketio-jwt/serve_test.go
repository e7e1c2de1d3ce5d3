package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"socketiojwt/socketio/client"
	"socketiojwt/socketio/sockettest"
)

// TestServe checks the events of the sample in both modes, and that "say" does not reach the
// other namespace.
func TestServe(t *testing.T) {
	s := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, namespace := range []string{"/", "/admin"} {
		t.Run(namespace, func(t *testing.T) {
			ada, bob := s.enter(ctx, namespace, s.login("ada")), s.enter(ctx, namespace, s.login("bob"))

			answer, err := ada.EmitWithAck(ctx, "whoami")
			var claims struct {
				Sub string  `json:"sub"`
				Exp float64 `json:"exp"`
			}
			if err := errors.Join(err, answer.Scan(&claims)); err != nil || claims.Sub != "ada" || claims.Exp == 0 {
				t.Errorf("whoami: %+v, %v", claims, err)
			}

			answer, err = ada.EmitWithAck(ctx, "echo", "text", map[string]any{"deep": []any{[]byte{0, 1, 255}}}, nil)
			var text string
			var deep struct {
				Deep [][]byte `json:"deep"`
			}
			if err := errors.Join(err, answer.Scan(&text, &deep)); err != nil || text != "text" || len(deep.Deep) != 1 || !bytes.Equal(deep.Deep[0], []byte{0, 1, 255}) || answer.Len() != 3 {
				t.Errorf("echo: %q %v, %d arguments, %v", text, deep, answer.Len(), err)
			}

			if _, err := ada.EmitWithAck(ctx, "say", "hello"); err != nil {
				t.Errorf("say: %v", err)
			}
			for _, peer := range []*sockettest.Peer{ada, bob} {
				said, err := peer.Expect(ctx, "said")
				var who, what string
				if err := errors.Join(err, said.Scan(&who, &what)); err != nil || who != "ada" || what != "hello" {
					t.Errorf("said: %q %q, %v", who, what, err)
				}
			}
			for _, bad := range []any{"", "  ", strings.Repeat("a", maxText+1), 7, nil} {
				answer, err := ada.EmitWithAck(ctx, "say", bad)
				var refused struct {
					Error string `json:"error"`
				}
				if err := errors.Join(err, answer.Scan(&refused)); err != nil || refused.Error == "" {
					t.Errorf("say %v: no error in the acknowledgement, %v", bad, err)
				}
			}
			if left := bob.Events(); len(left) > 0 {
				t.Errorf("bob also received %v", left)
			}
		})
	}
	for _, text := range []string{"Open the page", "curl -s " + s.url + "/login", "probe " + s.url + " --token -"} {
		if !strings.Contains(s.out.String(), text) {
			t.Errorf("%q is not in the output: %s", text, s.out)
		}
	}
	if log := s.log.String(); strings.Contains(log, "eyJhbGci") || !strings.Contains(log, "admitted") {
		t.Errorf("log: %s", log)
	}
}

// TestRecovery checks that clients can recover their sessions if --recovery says so.
func TestRecovery(t *testing.T) {
	for _, args := range [][]string{nil, {"--recovery", "1m"}} {
		s := start(t, args...)
		var answer string
		c, err := client.Dial(t.Context(), s.url, client.Options{
			Auth: func(context.Context, string) (any, error) { return map[string]string{"token": s.login("ada")}, nil },
			Trace: func(sent bool, data []byte, _ bool) {
				if !sent && data[0] == '0' {
					answer = string(data)
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Join(t.Context(), "/"); err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		if got := strings.Contains(answer, `"pid"`); got != (args != nil) {
			t.Errorf("with %q, CONNECT is answered by %s", args, answer)
		}
	}
}

// TestServeRefuses checks that a socket without a valid token is not admitted, and receives no
// broadcast.
func TestServeRefuses(t *testing.T) {
	s := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := sockettest.Dial(ctx, s.url, sockettest.Options{Auth: map[string]string{"token": s.login("ada") + "AAAA"}})
	refused := (*sockettest.ConnectError)(nil)
	if !errors.As(err, &refused) || refused.Message != "invalid signature" {
		t.Errorf("error %v, want the refusal of a signature", err)
	}
	held, err := sockettest.Dial(ctx, s.url, sockettest.Options{Namespace: "/admin"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	ada := s.enter(ctx, "/admin", s.login("ada"))
	if _, err := ada.EmitWithAck(ctx, "say", "among us"); err != nil {
		t.Fatal(err)
	}
	if err := held.Emit("authenticate", map[string]int{"token": 7}); err != nil {
		t.Fatal(err)
	}
	first, err := held.Next(ctx)
	if err != nil || first.Name != "unauthorized" {
		t.Errorf("the held socket received %q first, %v; want unauthorized", first.Name, err)
	}
}

// TestServeEndsAtExpiry checks that a socket ends when its token expires, without leeway if the
// token is from the development issuer.
func TestServeEndsAtExpiry(t *testing.T) {
	s := start(t, "--token-life", "4s") // exp has no fractions of a second, so it is up to a second less
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	peer := s.enter(ctx, "/", s.login("ada"))
	if _, err := peer.Expect(ctx, "unauthorized"); err != nil {
		t.Fatal(err)
	}
	if err := peer.Ended(ctx); !errors.Is(err, sockettest.ErrClosed) {
		t.Errorf("ended by %v, want a closed transport", err)
	}
}

// TestServeForAnIssuerElsewhere checks that with another issuer there is no login, and that its
// tokens are accepted.
func TestServeForAnIssuerElsewhere(t *testing.T) {
	private, public := keyPairFiles(t)
	s := start(t, "--public-key", public, "--issuer", "https://issuer.example", "--audience", "chat")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if status, answer := s.post(`{"username": "ada"}`); status != http.StatusNotFound || !strings.Contains(answer, "no development issuer") {
		t.Errorf("login: %d %s", status, answer)
	}
	if settings := get(t, s.url+"/console.json"); !strings.Contains(settings, `"login":false`) || !strings.Contains(settings, `"leeway":10`) {
		t.Errorf("the page's settings: %s", settings)
	}
	if strings.Contains(s.out.String(), "login") {
		t.Errorf("login is in the output: %s", s.out)
	}
	mint := func(audience string) string {
		return strings.TrimSpace(runWith(t, "", "token", "mint", "--key", private, "--iss", "https://issuer.example", "--aud", audience, "--sub", "ada").out)
	}
	s.enter(ctx, "/", mint("chat"))
	s.enter(ctx, "/admin", mint("chat"))
	if _, err := sockettest.Dial(ctx, s.url, sockettest.Options{Auth: map[string]string{"token": mint("other")}}); err == nil {
		t.Error("a token for another audience was accepted")
	}
}

// TestServeWithASecret checks that a given secret signs and verifies, and that with --no-login it
// only verifies.
func TestServeWithASecret(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	minted := strings.TrimSpace(runWith(t, "", "token", "mint", "--secret", goodSecret, "--sub", "ada").out)
	s := start(t, "--secret", goodSecret)
	s.enter(ctx, "/", minted)
	s.enter(ctx, "/", s.login("bob"))
	runWith(t, s.login("bob"), "token", "verify", "-", "--secret", goodSecret).want(t, exitGood, "bob", "")

	quiet := start(t, "--secret", goodSecret, "--no-login")
	quiet.enter(ctx, "/", minted)
	if status, _ := quiet.post(`{"username": "ada"}`); status != http.StatusNotFound {
		t.Errorf("login with --no-login: %d", status)
	}
	for _, s := range []*served{s, quiet} {
		if strings.Contains(s.out.String()+s.log.String(), goodSecret) {
			t.Error("the secret is in the output")
		}
	}
}

// TestServePage checks that the page is served, and that Socket.IO has its own path.
func TestServePage(t *testing.T) {
	s := start(t)
	if page := get(t, s.url+"/"); !strings.Contains(page, "<title>socketio-jwt</title>") {
		t.Errorf("the page: %s", page)
	}
	if settings := get(t, s.url+"/console.json"); !strings.Contains(settings, `"login":true,"tokenLife":900,"leeway":0`) {
		t.Errorf("the page's settings: %s", settings)
	}
	if answer := get(t, s.url+"/socket.io/?EIO=2&transport=polling"); !strings.Contains(answer, "Unsupported protocol version") {
		t.Errorf("the engine: %s", answer)
	}
}

// TestServeEIO3 checks that --eio3 admits a client of Socket.IO 1 or 2 by its query, that its
// session ID is not logged, and that another address cannot use the session.
func TestServeEIO3(t *testing.T) {
	get := func(s *served, query, from string) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/socket.io/?transport=polling&EIO=3"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-For", from)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	const here, elsewhere = "192.0.2.1", "192.0.2.2"
	if answer := get(start(t), "", here); !strings.Contains(answer, "Unsupported protocol version") {
		t.Errorf("without --eio3: %s", answer)
	}

	s := start(t, "--eio3", "--trusted-proxy", "127.0.0.0/8", "--trusted-proxy", "::1/128")
	for token, want := range map[string]string{s.login("ada"): "2:40", "x.y.z": `"message":"jwt malformed"`} {
		_, rest, _ := strings.Cut(get(s, "&b64=1&token="+token, here), `"sid":"`)
		sid, _, ok := strings.Cut(rest, `"`)
		if !ok {
			t.Fatalf("no session: %s", rest)
		}
		if answer := get(s, "&sid="+sid, elsewhere); !strings.Contains(answer, "Session ID unknown") {
			t.Errorf("from elsewhere: %s", answer)
		}
		// The first response may already contain the answer.
		if !strings.Contains(rest, want) {
			if answer := get(s, "&sid="+sid, here); !strings.Contains(answer, want) {
				t.Errorf("got %s, want %s", answer, want)
			}
		}
		if strings.Contains(s.log.String(), sid) {
			t.Errorf("the log has the session's ID:\n%s", s.log)
		}
	}
	if !strings.Contains(s.log.String(), "remote="+here) {
		t.Errorf("the address from the proxy is not in the log:\n%s", s.log)
	}
}

// TestServeTakesNoTokenFromTheQuery checks that a token in the URL, where logs and browser
// histories record it, is ignored without --eio3.
func TestServeTakesNoTokenFromTheQuery(t *testing.T) {
	for _, eio3 := range []bool{false, true} {
		s := start(t, fmt.Sprintf("--eio3=%t", eio3))
		peer, err := sockettest.Dial(t.Context(), s.url, sockettest.Options{Query: url.Values{"token": {s.login("ada")}}})
		if err == nil {
			_ = peer.Close()
		}
		if refused := (*sockettest.ConnectError)(nil); errors.As(err, &refused) == eio3 || !eio3 && refused.Message != "no token provided" {
			t.Errorf("--eio3=%t: %v", eio3, err)
		}
	}
}
