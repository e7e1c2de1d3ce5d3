package jwks_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/jwks"
)

// Each figure changes with the events that it counts, and only with those.
func TestStats(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, set := i.verifier(jwks.Options{Refresh: time.Hour, Stale: time.Hour})
		var was jwks.Stats
		moved := func(what string, change func(*jwks.Stats)) {
			t.Helper()
			synctest.Wait()
			got := set.Stats()
			if change(&was); got != was {
				t.Errorf("%s:\ngot  %+v\nwant %+v", what, got, was)
			}
			was = got
		}
		moved("before any token", func(*jwks.Stats) {})
		want(t, "a token", verify(v, i.sign("1")), nil)
		moved("a fetch", func(s *jwks.Stats) {
			s.Keys, s.Fetches, s.Fetched, s.Expire = 1, 1, time.Now().Round(0), time.Now().Round(0).Add(2*time.Hour)
		})
		i.publish("1", "2")
		time.Sleep(10 * time.Second)
		want(t, "a new key", verify(v, i.sign("2")), nil)
		moved("a fetch for it", func(s *jwks.Stats) {
			s.Keys, s.Fetches, s.Fetched, s.Expire = 2, 2, time.Now().Round(0), time.Now().Round(0).Add(2*time.Hour)
		})
		want(t, "a token of another issuer", verify(v, junk(t, "x")), token.ErrKeyNotFound)
		moved("a key that is missing", func(s *jwks.Stats) {
			s.Fetches, s.Missing, s.Fetched, s.Expire = 3, 1, set.Stats().Fetched, set.Stats().Expire
		})
		want(t, "the same again", verify(v, junk(t, "x")), token.ErrKeyNotFound)
		moved("one that is known to be missing", func(s *jwks.Stats) { s.Missing = 2 })

		i.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
		time.Sleep(time.Second)
		want(t, "Refresh", set.Refresh(i.t.Context()), token.ErrKeysUnavailable)
		moved("a failure", func(s *jwks.Stats) { s.Fetches, s.Failures, s.Failing, s.Failure = 4, 1, 1, jwks.FailureStatus })
		i.answers(nil)
		want(t, "Refresh", set.Refresh(i.t.Context()), nil)
		moved("a success", func(s *jwks.Stats) {
			s.Fetches, s.Failing, s.Failure, s.Fetched, s.Expire = 5, 0, "", set.Stats().Fetched, set.Stats().Expire
		})
		if age := time.Since(was.Fetched); age < 0 || age > time.Second {
			t.Errorf("the keys are %v old", age)
		}
		i.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
		time.Sleep(3 * time.Hour)
		if got := set.Stats(); got.Keys != 0 || !got.Fetched.IsZero() || !got.Expire.IsZero() || got.Failing < 2 || got.Failures < 3 {
			t.Errorf("keys that are too old: %+v", got)
		}
	})
}

// The kind of a failure follows from its cause.
func TestStatsGiveTheKindOfFailure(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   jwks.FailureKind
	}{
		"a status":          {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, jwks.FailureStatus},
		"a lost connection": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, jwks.FailureUnreachable},
		"half a response": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9")
			fmt.Fprint(w, "{")
		}, jwks.FailureUnreachable},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/", http.StatusFound)
		}, jwks.FailureUnreachable},
		"no response":        {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, jwks.FailureTimeout},
		"an empty set":       {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"keys":[]}`) }, jwks.FailureNoKeys},
		"no set":             {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }, jwks.FailureInvalid},
		"too large response": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat(" ", 2<<20)) }, jwks.FailureInvalid},
	} {
		for _, discovers := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", by metadata ", discovers), func(t *testing.T) {
				bubble(t, func(i *issuer) {
					i.answers(func(w http.ResponseWriter, r *http.Request) {
						if discovers && r.URL.Path == "/.well-known/openid-configuration" {
							fmt.Fprintf(w, `{"issuer":"%s/","jwks_uri":"%s/keys"}`, home, home)
							return
						}
						c.answer(w, r)
					})
					make, url := jwks.New, home+"/keys"
					if discovers {
						make, url = jwks.Discover, home+"/"
					}
					set, err := make(url, jwks.Options{Client: i.client})
					if err != nil {
						t.Fatal(err)
					}
					defer func() { _ = set.Close() }()
					want(t, "Refresh", set.Refresh(i.t.Context()), token.ErrKeysUnavailable)
					if got := set.Stats(); got.Failure != c.want || got.Failures != 1 || got.Failing != 1 {
						t.Errorf("%+v, want %q", got, c.want)
					}
				})
			})
		}
	}
}
