package jwks_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/jwks"
)

// These sets would be valid if they were not too large or at another location.
func TestGoodResponsesThatAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(w http.ResponseWriter, r *http.Request, set string){
		"too large": func(w http.ResponseWriter, _ *http.Request, set string) {
			fmt.Fprint(w, set, strings.Repeat(" ", 1<<20))
		},
		"a part": func(w http.ResponseWriter, _ *http.Request, set string) {
			w.WriteHeader(http.StatusPartialContent)
			fmt.Fprint(w, set)
		},
		"an error": func(w http.ResponseWriter, _ *http.Request, set string) {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, set)
		},
		"too many keys": func(w http.ResponseWriter, _ *http.Request, set string) {
			fmt.Fprint(w, strings.Replace(set, "[", "["+strings.Repeat(`{},`, 100), 1))
		},
		"another origin": func(w http.ResponseWriter, r *http.Request, set string) {
			if r.Host == "localhost" {
				http.Redirect(w, r, "http://127.0.0.1/keys", http.StatusFound)
				return
			}
			fmt.Fprint(w, set)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(i *issuer) {
				v, set := i.verifier(jwks.Options{})
				i.answers(func(w http.ResponseWriter, r *http.Request) {
					i.mu.Lock()
					defer i.mu.Unlock()
					spoil(w, r, i.set())
				})
				want(t, name, set.Refresh(i.t.Context()), token.ErrKeysUnavailable)
				want(t, name, verify(v, i.sign("1")), token.ErrKeysUnavailable)
				i.wantAsked(1, name)
			})
		})
	}
}

// If the program's own Client panics, keys are unavailable, and nothing else is affected.
func TestPanicWhileFetching(t *testing.T) {
	bubble(t, func(i *issuer) {
		i.client = &http.Client{Transport: panicking{}}
		var log bytes.Buffer
		v, set := i.verifier(jwks.Options{Logger: logTo(&log)})
		want(t, "a token", verify(v, i.sign("1")), token.ErrKeysUnavailable)
		set.Close()
		if !strings.Contains(log.String(), "panic=string") || strings.Contains(log.String(), "s3cret") {
			t.Errorf("log %q, want the type of the value and not the value", &log)
		}
	})
}

type panicking struct{}

func (panicking) RoundTrip(*http.Request) (*http.Response, error) { panic("Bearer s3cret") }

// When a fetch fails, callers that wait for the next one get the error at once.
func TestFailureReachesAllCallers(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, _ := i.verifier(jwks.Options{})
		want(t, "before", verify(v, i.sign("1")), nil)
		time.Sleep(time.Minute)
		i.answers(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Second)
			http.Error(w, "down", http.StatusBadGateway)
		})
		var asking sync.WaitGroup
		asking.Go(func() { want(t, "the first", verify(v, junk(t, "a")), token.ErrKeysUnavailable) })
		time.Sleep(500 * time.Millisecond)
		begun := time.Now()
		want(t, "the second", verify(v, junk(t, "b")), token.ErrKeysUnavailable)
		if took := time.Since(begun); took > 600*time.Millisecond {
			t.Errorf("it took %s", took)
		}
		asking.Wait()
	})
}

// A response that is not a key set does not change the current keys.
func TestBadAnswers(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"not JSON":        func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"no set":          func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) },
		"no list":         func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"keys":null}`) },
		"two sets":        func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"keys":[],"keys":[]}`) },
		"round and round": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/keys", http.StatusFound) },
		"never":           func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"304 unasked":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(i *issuer) {
				v, set := i.verifier(jwks.Options{})
				i.answers(answer)
				want(t, "without keys", verify(v, i.sign("1")), token.ErrKeysUnavailable)
				i.answers(nil)
				time.Sleep(time.Minute)
				want(t, "with keys", verify(v, i.sign("1")), nil)
				i.answers(answer)
				if err := set.Refresh(i.t.Context()); err == nil {
					t.Error("no error")
				}
				want(t, "with keys that could not be fetched again", verify(v, i.sign("1")), nil)
			})
		})
	}
}

func TestRedirectWithinTheOrigin(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, _ := i.verifier(jwks.Options{})
		i.answers(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/keys" {
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
				return
			}
			i.mu.Lock()
			defer i.mu.Unlock()
			fmt.Fprint(w, i.set())
		})
		want(t, "redirected", verify(v, i.sign("1")), nil)
	})
}
