package jwks_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"socketiojwt/token"
	"socketiojwt/token/jwks"
)

// logTo returns a logger for the lines that an operator reads.
func logTo(b *bytes.Buffer) *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

// The query of a URL may be a secret, and so may the query of a redirect.
func TestErrorsHoldNoQuery(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"no answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"half an answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9")
			fmt.Fprint(w, "{")
		},
		"a status": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/?key=s3cret", http.StatusFound)
		},
		"no set": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "s3cret") },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(i *issuer) {
				i.answers(answer)
				var log bytes.Buffer
				set, err := jwks.New(home+"/keys?key=s3cret", jwks.Options{Client: i.client, Logger: logTo(&log)})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = set.Close() }()
				err = set.Refresh(i.t.Context())
				want(t, name, err, token.ErrKeysUnavailable)
				if strings.Contains(err.Error()+log.String(), "s3cret") {
					t.Errorf("%v\n%s", err, &log)
				}
				if !strings.Contains(log.String(), "localhost") && name != "no set" {
					t.Errorf("it does not say where: %s", &log)
				}
			})
		})
	}
}

// The log has a line when keys change, when they cannot be fetched, and when they can
// again. It has no line for each fetch, because peers can cause many, and none for the end.
func TestLog(t *testing.T) {
	bubble(t, func(i *issuer) {
		var log bytes.Buffer
		v, set := i.verifier(jwks.Options{Logger: logTo(&log)})
		lines := func(what string, n int) {
			t.Helper()
			if got := strings.Count(log.String(), "\n"); got != n || got != strings.Count(log.String(), "from=") {
				t.Errorf("%s: %d lines, want %d that say whose keys:\n%s", what, got, n, &log)
			}
			log.Reset()
		}
		for n := range 10 {
			want(t, "junk", verify(v, junk(t, fmt.Sprint("x", n))), token.ErrKeyNotFound)
		}
		i.wantAsked(10, "for ten junk tokens")
		lines("for the same keys", 1)
		i.publish("1", "2")
		want(t, "Refresh", set.Refresh(i.t.Context()), nil)
		lines("for a new key", 1)
		i.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		_ = set.Refresh(i.t.Context())
		lines("for a failure", 1)
		i.answers(nil)
		want(t, "Refresh", set.Refresh(i.t.Context()), nil)
		lines("for the same keys after a failure", 1)
		i.answers(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		refreshed := make(chan error, 1)
		go func() { refreshed <- set.Refresh(i.t.Context()) }()
		synctest.Wait()
		_ = set.Close()
		want(t, "Refresh", <-refreshed, token.ErrKeysUnavailable)
		lines("for Close", 0)
	})
}
