package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestHealthCommand(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/good", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{\"ok\":true}\x1b")) })
	mux.HandleFunc("/bad", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"ok":false,"reasons":["keys"]}`, http.StatusServiceUnavailable)
	})
	mux.Handle("/moved", http.RedirectHandler("/good", http.StatusFound))
	mux.HandleFunc("/hangs", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	server := httptest.NewServer(mux)
	defer server.Close()

	runWith(t, "", "health", server.URL+"/good").want(t, exitGood, `healthy: {"ok":true}\u001b`, "")
	runWith(t, "", "health", server.URL+"/bad").want(t, exitRefused, "", `"keys"`)
	runWith(t, "", "health", server.URL+"/moved").want(t, exitRefused, "", "not healthy: 302")
	runWith(t, "", "health", server.URL+"/hangs", "--timeout", "20ms").want(t, exitRefused, "", "not healthy")
	runWith(t, "", "health", "localhost").want(t, exitFailed, "", "is not a URL")
	runWith(t, "", "health", server.URL+"/good", "--timeout", "0s").want(t, exitFailed, "", "--timeout must be positive")
	server.Close()
	runWith(t, "", "health", server.URL+"/good").want(t, exitRefused, "", "not healthy")
}

// TestURLsArePrintedWithoutSecrets checks the commands that print the URL that they were given.
func TestURLsArePrintedWithoutSecrets(t *testing.T) {
	for _, args := range [][]string{
		{"health", "http://127.0.0.1:1/health?key=sesame"}, {"health", "://127.0.0.1:1/?key=sesame"}, {"health", "http://:sesame@127.0.0.1:1/%zz"},
		{"probe", "http://127.0.0.1:1?token=sesame"}, {"probe", "http:///?token=sesame"},
		{"leases", "--server", "http://127.0.0.1:1/?key=sesame", "--admin-token", "x"},
		{"config", "check", "--issuer", "https://a.example?key=sesame", "--issuer", "https://a.example?key=sesame", "--audience", "a"},
	} {
		if o := runWith(t, "", args...); o.code == exitGood || strings.Contains(o.out+o.err, "sesame") {
			t.Errorf("%q: %d %s%s", args, o.code, o.out, o.err)
		}
	}
}

// A server behind a proxy of the environment would say nothing about the local one.
func TestHealthCommandUsesNoProxy(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	t.Setenv("HTTP_PROXY", "http://localhost:1")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if code := run(ctx, []string{"health", server.URL}, nil, new(output), new(output)); code != exitGood {
		t.Errorf("exit code %d", code)
	}
}
