package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/mint"
)

func testIssuer(t *testing.T, remote bool, host string) (*issuer, *bytes.Buffer) {
	t.Helper()
	key, err := mint.Secret(goodSecret, token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	i, err := newIssuer(key, 15*time.Minute, remote, host, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return i, &log
}

// login is a request of POST /login. The zero value gets a token.
type login struct {
	method, remote, host, body string
	header                     map[string]string
}

func (l login) to(i *issuer) *httptest.ResponseRecorder {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&l.method, http.MethodPost)
	set(&l.remote, "127.0.0.1:50000")
	set(&l.host, "localhost:9000")
	set(&l.body, `{"username": "ada"}`)
	r := httptest.NewRequest(l.method, "/login", strings.NewReader(l.body))
	r.RemoteAddr, r.Host = l.remote, l.host
	r.Header.Set("Content-Type", "application/json")
	for name, value := range l.header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	i.handler().ServeHTTP(w, r)
	return w
}

func TestLogin(t *testing.T) {
	type header = map[string]string
	for _, test := range []struct {
		name   string
		login  login
		status int
		says   string
	}{
		{"from curl", login{}, 200, ""},
		{"by IPv6", login{remote: "[::1]:50000", host: "[::1]:9000"}, 200, ""},
		{"by IPv4 in IPv6", login{remote: "[::ffff:127.0.0.1]:50000"}, 200, ""},
		{"by address", login{host: "127.0.0.1:9000"}, 200, ""},
		{"without a port", login{host: "localhost"}, 200, ""},
		{"by a name below localhost", login{host: "chat.localhost:9000"}, 200, ""},
		{"by the host of --addr", login{host: "Dev.Example:9000"}, 200, ""},
		{"from our page", login{header: header{"Origin": "http://localhost:9000", "Sec-Fetch-Site": "same-origin"}}, 200, ""},
		{"from our page in an old browser", login{header: header{"Origin": "http://localhost:9000"}}, 200, ""},
		{"with a charset", login{header: header{"Content-Type": "application/json; charset=utf-8"}}, 200, ""},

		{"read", login{method: http.MethodGet}, 405, "to get a token"},
		{"from another machine", login{remote: "192.0.2.7:50000"}, 403, "--insecure-remote-login"},
		{"through a proxy", login{header: header{"X-Forwarded-For": "192.0.2.7"}}, 403, "proxy"},
		{"through a modern proxy", login{header: header{"Forwarded": "for=192.0.2.7"}}, 403, "proxy"},
		{"by a rebound name", login{host: "rebound.example:9000", header: header{"Origin": "http://rebound.example:9000", "Sec-Fetch-Site": "same-origin"}}, 403, "localhost"},
		{"by another address", login{host: "192.0.2.1:9000"}, 403, "localhost"},
		{"by a name that ends in localhost", login{host: "evillocalhost:9000"}, 403, "localhost"},
		{"by no name", login{host: ":9000"}, 403, "localhost"},
		{"from another origin", login{header: header{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}}, 403, "origins"},
		{"from another port", login{header: header{"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-site"}}, 403, "origins"},
		{"from another origin in an old browser", login{header: header{"Origin": "https://evil.example"}}, 403, "origins"},
		{"from a sandboxed page", login{header: header{"Origin": "null"}}, 403, "origins"},
		{"as a form", login{header: header{"Content-Type": "text/plain"}}, 415, "application/json"},
		{"without a type", login{header: header{"Content-Type": ""}}, 415, "application/json"},

		{"not JSON", login{body: "username=ada"}, 400, "username"},
		{"two values", login{body: `{"username":"ada"}{}`}, 400, "username"},
		{"a duplicate member", login{body: `{"username":"ada","username":"root"}`}, 400, "username"},
		{"an unknown member", login{body: `{"username":"ada","lief":"20s"}`}, 400, "username"},
		{"a number", login{body: `{"username":7}`}, 400, "username"},
		{"no name", login{body: `{}`}, 400, "1 to 64"},
		{"an empty name", login{body: `{"username":"  "}`}, 400, "1 to 64"},
		{"a long name", login{body: `{"username":"` + strings.Repeat("ä", 65) + `"}`}, 400, "1 to 64"},
		{"an invisible name", login{body: `{"username":"a\u202eb"}`}, 400, "1 to 64"},
		{"a large body", login{body: `{"username":"` + strings.Repeat("a", maxLoginBody) + `"}`}, 413, "large"},
		{"a longer life", login{body: `{"username":"ada","life":"16m"}`}, 400, "at most 15m"},
		{"not a life", login{body: `{"username":"ada","life":"long"}`}, 400, "duration"},
		{"long dead", login{body: `{"username":"ada","life":"-9999h"}`}, 400, "duration"},
	} {
		t.Run(test.name, func(t *testing.T) {
			i, log := testIssuer(t, false, "dev.example")
			w := test.login.to(i)
			if w.Code != test.status {
				t.Fatalf("status %d, want %d; body %s", w.Code, test.status, w.Body)
			}
			var answer struct{ Token, Error string }
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
				t.Fatalf("the response is not JSON: %v", err)
			}
			if (answer.Token != "") != (test.status == 200) || !strings.Contains(answer.Error, test.says) {
				t.Errorf("response %s, want %q in it", w.Body, test.says)
			}
			if got := w.Header().Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control is %q", got)
			}
			if strings.Contains(log.String(), "eyJhbGci") || strings.Contains(log.String(), goodSecret) {
				t.Errorf("the token or the secret is in the log: %s", log)
			}
		})
	}
}

// TestLoginToken checks that a token is valid for the requested name and time, and no longer.
func TestLoginToken(t *testing.T) {
	i, _ := testIssuer(t, false, "")
	verifier, err := token.NewVerifier(i.key.Key(), token.Options{Leeway: -1})
	if err != nil {
		t.Fatal(err)
	}
	for life, want := range map[string]struct {
		length time.Duration
		err    error
	}{
		"":    {15 * time.Minute, nil},
		"20s": {20 * time.Second, nil},
		"-5m": {-5 * time.Minute, token.ErrExpired},
	} {
		w := login{body: `{"username": " ada ", "life": "` + life + `"}`}.to(i)
		compact, err := readToken(t.Context(), w.Body.String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		u, err := token.ParseUnverified(compact, 0)
		if err != nil {
			t.Fatal(err)
		}
		var claims struct {
			Sub      string `json:"sub"`
			Iat, Exp int64  `json:",omitzero"`
		}
		_ = u.Claim("iat", &claims.Iat)
		_ = u.Claim("exp", &claims.Exp)
		_ = u.Claim("sub", &claims.Sub)
		if got := time.Duration(claims.Exp-claims.Iat) * time.Second; got != want.length || claims.Sub != "ada" {
			t.Errorf("life %q: valid for %v as %q, want %v", life, got, claims.Sub, want.length)
		}
		if _, err := verifier.Verify(context.Background(), compact); want.err == nil && err != nil || want.err != nil && err == nil {
			t.Errorf("life %q: verified with %v, want %v", life, err, want.err)
		}
	}
}

func TestLoginForOtherMachines(t *testing.T) {
	i, log := testIssuer(t, true, "")
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "INSECURE") {
		t.Errorf("the log does not warn: %s", log)
	}
	elsewhere := login{remote: "192.0.2.7:50000", host: "box.lan:9000"}
	if w := elsewhere.to(i); w.Code != 200 {
		t.Errorf("status %d, want 200: %s", w.Code, w.Body)
	}
	elsewhere.header = map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
	if w := elsewhere.to(i); w.Code != 403 {
		t.Errorf("a page of another origin: status %d, want 403", w.Code)
	}
}

func TestNoIssuer(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		w := login{method: method}.to(nil)
		if w.Code != 404 || !strings.Contains(w.Body.String(), "no development issuer") {
			t.Errorf("%s: status %d, body %s", method, w.Code, w.Body)
		}
	}
}
