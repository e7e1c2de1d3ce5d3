package jwks_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"socketiojwt/internal/leaktest"
	"socketiojwt/internal/memnet"
	"socketiojwt/token"
	"socketiojwt/token/jwks"
	"socketiojwt/token/mint"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

const home = "http://localhost"

// issuer publishes keys, in a bubble.
type issuer struct {
	t      *testing.T
	client *http.Client

	mu       sync.Mutex
	keys     []mint.SigningKey
	requests []string                                 // paths, and the time since the beginning
	answer   func(http.ResponseWriter, *http.Request) // in place of the usual
	header   map[string]string
	begun    time.Time
}

// bubble runs a test against an issuer with one key, "1".
func bubble(t *testing.T, test func(i *issuer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{t: t, begun: time.Now(), header: map[string]string{}}
		i.publish("1")
		listener := memnet.Listen()
		var conns sync.WaitGroup // Close does not wait for what answers on them
		web := &http.Server{Handler: i, ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				conns.Add(1)
			case http.StateClosed:
				conns.Done()
			}
		}}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = web.Serve(listener)
		}()
		transport := &http.Transport{DialContext: listener.Dial}
		i.client = &http.Client{Transport: transport}
		defer func() {
			transport.CloseIdleConnections()
			_ = web.Close()
			<-served
			conns.Wait()
		}()
		test(i)
	})
}

// publish makes the issuer publish keys with exactly these IDs, and keeps existing ones.
func (i *issuer) publish(ids ...string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	var keys []mint.SigningKey
	for _, id := range ids {
		key, err := mint.Generate(token.EdDSA)
		if err != nil {
			i.t.Error(err)
			return
		}
		key = key.WithID(id)
		for _, old := range i.keys {
			if old.Key().ID() == id {
				key = old
			}
		}
		keys = append(keys, key)
	}
	i.keys = keys
}

// answers sets the handler of requests; nil restores the usual one.
func (i *issuer) answers(f func(http.ResponseWriter, *http.Request)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = f
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.requests = append(i.requests, fmt.Sprint(r.URL.Path, " at ", time.Since(i.begun).Truncate(time.Second)))
	answer := i.answer
	for name, value := range i.header {
		w.Header().Set(name, value)
	}
	set := i.set()
	i.mu.Unlock()
	switch {
	case answer != nil:
		answer(w, r)
	case r.URL.Path == "/.well-known/openid-configuration":
		fmt.Fprintf(w, `{"issuer":"%s/","jwks_uri":"%s/keys","response_types_supported":[]}`, home, home)
	case r.URL.Path != "/keys":
		http.NotFound(w, r)
	case r.Header.Get("If-None-Match") == w.Header().Get("ETag") && w.Header().Get("ETag") != "":
		w.WriteHeader(http.StatusNotModified)
	default:
		fmt.Fprint(w, set)
	}
}

// set returns the JWK Set. i.mu must be held.
func (i *issuer) set() string {
	var texts []string
	for _, key := range i.keys {
		texts = append(texts, publicJWK(i.t, key))
	}
	return `{"keys":[` + strings.Join(texts, ",") + `]}`
}

func (i *issuer) asked() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string{}, i.requests...)
}

// sign makes a token that is good for a long time. Any goroutine may call it.
func (i *issuer) sign(id string) string {
	i.t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, key := range i.keys {
		if key.Key().ID() == id {
			return sign(i.t, key)
		}
	}
	i.t.Errorf("no key %q", id)
	return ""
}

func sign(t *testing.T, key mint.SigningKey) string {
	t.Helper()
	claims := map[string]any{"iss": home + "/", "aud": "chat", "sub": "ada", "exp": time.Now().Add(10_000 * time.Hour).Unix()}
	compact, err := mint.Sign(key, claims, mint.Header{})
	if err != nil {
		t.Error(err)
	}
	return compact
}

// junk returns a token of a key that is not published. Any goroutine may call it.
func junk(t *testing.T, id string) string {
	t.Helper()
	key, err := mint.Generate(token.EdDSA)
	if err != nil {
		t.Error(err)
	}
	return sign(t, key.WithID(id))
}

// nameless returns a token without a key ID, of an algorithm that the issuer has no key
// for.
func nameless(t *testing.T) string {
	t.Helper()
	key, err := mint.Generate(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	return sign(t, key)
}

var rules = token.Options{Issuers: []string{home + "/"}, Audiences: []string{"chat"}}

// verifier returns a verifier for the keys at /keys.
func (i *issuer) verifier(opts jwks.Options) (*token.Verifier, *jwks.Set) {
	i.t.Helper()
	opts.Client = i.client
	set, err := jwks.New(home+"/keys", opts)
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { _ = set.Close() })
	v, err := token.NewVerifier(set, rules)
	if err != nil {
		i.t.Fatal(err)
	}
	return v, set
}

// verify verifies within the five seconds that a gate allows.
func verify(v *token.Verifier, compact string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err := v.Verify(ctx, compact)
	return err
}

func want(t *testing.T, what string, err, wanted error) {
	t.Helper()
	if !errors.Is(err, wanted) {
		t.Errorf("%s: %v, want %v", what, err, wanted)
	}
}

func (i *issuer) wantAsked(n int, when string) {
	i.t.Helper()
	synctest.Wait()
	if got := i.asked(); len(got) != n {
		i.t.Errorf("%s: %d requests, want %d: %q", when, len(got), n, got)
	}
}

// Nothing is fetched until a token arrives, and then once for all waiting tokens.
func TestFirstFetch(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, _ := i.verifier(jwks.Options{})
		time.Sleep(time.Hour)
		i.wantAsked(0, "before any token")
		compact := i.sign("1")
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if err := verify(v, compact); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		i.wantAsked(1, "after a hundred tokens")
		want(t, "another algorithm", verify(v, hs256(t)), token.ErrAlgorithm)
		i.wantAsked(1, "after an algorithm that no public key is for")
	})
}

// hs256 returns a token that no public key can have signed.
func hs256(t *testing.T) string {
	t.Helper()
	key, err := mint.Generate(token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	return sign(t, key)
}

// Keys are fetched again before they get old, at the issuer's interval within bounds. A set
// that has not changed is not sent again.
func TestRefresh(t *testing.T) {
	for cacheControl, c := range map[string]struct{ least, most time.Duration }{
		"":                            {54 * time.Minute, time.Hour},
		"public, max-age=600":         {9 * time.Minute, 10 * time.Minute},
		"max-age=600, no-cache":       {54 * time.Second, time.Minute},
		"max-age=1":                   {54 * time.Second, time.Minute},
		"max-age=99999999":            {21*time.Hour + 36*time.Minute, 24 * time.Hour},
		"max-age=nonsense":            {54 * time.Minute, time.Hour},
		"max-age=-5, must-revalidate": {54 * time.Minute, time.Hour},
	} {
		t.Run(cacheControl, func(t *testing.T) {
			bubble(t, func(i *issuer) {
				i.header = map[string]string{"Cache-Control": cacheControl, "ETag": `"one"`}
				v, set := i.verifier(jwks.Options{})
				want(t, "the first", verify(v, i.sign("1")), nil)
				time.Sleep(c.least - time.Second)
				i.wantAsked(1, "before its time")
				time.Sleep(c.most - c.least + time.Second)
				i.wantAsked(2, "in its time")
				time.Sleep(c.most)
				if n := len(i.asked()); n < 3 {
					t.Errorf("%d requests, want more after a set that had not changed", n)
				}
				want(t, "after that", verify(v, i.sign("1")), nil)
				_ = set.Close()
				n := len(i.asked())
				time.Sleep(48 * time.Hour)
				i.wantAsked(n, "after Close")
			})
		})
	}
}

// A key that is no longer published is not accepted after the next fetch.
func TestRetiredKey(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, _ := i.verifier(jwks.Options{})
		compact := i.sign("1")
		want(t, "while it is published", verify(v, compact), nil)
		i.publish("2")
		time.Sleep(time.Hour)
		want(t, "afterwards", verify(v, compact), token.ErrKeyNotFound)
		want(t, "the new one", verify(v, i.sign("2")), nil)
	})
}

// While the issuer is down its keys are used, up to a bound. It is asked again at growing
// intervals. When it is available again, its keys are confirmed.
func TestOutage(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, _ := i.verifier(jwks.Options{Stale: 2 * time.Hour})
		compact := i.sign("1")
		want(t, "before", verify(v, compact), nil)
		i.answers(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusBadGateway) })
		time.Sleep(3*time.Hour - time.Minute)
		want(t, "in the outage", verify(v, compact), nil)
		want(t, "an unknown key", verify(v, junk(t, "x")), token.ErrKeysUnavailable)
		if n := len(i.asked()); n < 60 || n > 200 {
			t.Errorf("%d requests in two hours", n)
		}
		time.Sleep(2 * time.Minute)
		want(t, "after the bound", verify(v, compact), token.ErrKeysUnavailable)
		i.answers(nil)
		time.Sleep(2 * time.Minute)
		want(t, "when it is back", verify(v, compact), nil)
	})
}

// Before there are keys, tokens are refused temporarily, and an issuer that is down does
// not get a request for each of them.
func TestNoKeysYet(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, set := i.verifier(jwks.Options{})
		i.answers(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusInternalServerError) })
		compact := i.sign("1")
		for range 600 {
			want(t, "down", verify(v, compact), token.ErrKeysUnavailable)
			time.Sleep(100 * time.Millisecond)
		}
		if n := len(i.asked()); n < 4 || n > 8 {
			t.Errorf("%d requests in a minute: %q", n, i.asked())
		}
		want(t, "Refresh", set.Refresh(i.t.Context()), token.ErrKeysUnavailable)
		i.answers(nil)
		want(t, "Refresh when it is back", set.Refresh(i.t.Context()), nil)
		want(t, "back", verify(v, compact), nil)
	})
}

// After a rotation a good token is accepted at once, also during a flood, and the key
// server gets one request per interval.
func TestRotationUnderAFlood(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, _ := i.verifier(jwks.Options{})
		want(t, "before", verify(v, i.sign("1")), nil)
		ctx, stop := context.WithCancel(i.t.Context())
		bad := junk(t, "PLACEHOLDER")
		_, rest, _ := strings.Cut(bad, ".")
		var flood sync.WaitGroup
		flood.Go(func() { // 10,000 a second, each with a key ID of its own
			for n := 0; ctx.Err() == nil; n++ {
				head := encode(fmt.Sprintf(`{"alg":"EdDSA","kid":"junk-%d"}`, n))
				flood.Go(func() {
					if err := verify(v, head+"."+rest); err == nil {
						t.Error("junk was accepted")
					}
				})
				time.Sleep(100 * time.Microsecond)
			}
		})
		time.Sleep(2500 * time.Millisecond)
		i.publish("1", "2")
		begun := time.Now()
		want(t, "after the rotation", verify(v, i.sign("2")), nil)
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it took %s", took)
		}
		want(t, "the key before", verify(v, i.sign("1")), nil)
		stop()
		flood.Wait()
		if n := len(i.asked()); n > 6 {
			t.Errorf("%d requests: %q", n, i.asked())
		}
	})
}

// A key ID that is known to be missing costs nothing for a while, because tokens of a
// retired key arrive repeatedly.
func TestMissesAreRemembered(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, _ := i.verifier(jwks.Options{})
		want(t, "known", verify(v, i.sign("1")), nil)
		retired := junk(t, "retired")
		for range 100 {
			want(t, "retired", verify(v, retired), token.ErrKeyNotFound)
			time.Sleep(50 * time.Millisecond)
		}
		i.wantAsked(2, "for five seconds of the same miss")
		nameless := nameless(t)
		for range 100 {
			want(t, "of no key", verify(v, nameless), token.ErrKeyNotFound)
			time.Sleep(50 * time.Millisecond)
		}
		i.wantAsked(3, "for tokens that name no key")
		// But only for a short time, because a new key may have that ID.
		i.publish("1", "retired")
		time.Sleep(10 * time.Second)
		want(t, "published at last", verify(v, i.sign("retired")), nil)
	})
}

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

// A running fetch may have begun before a rotation. A token of the new key waits for the
// next one, whether there were keys before or not.
func TestRotationDuringAFetch(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, _ := i.verifier(jwks.Options{})
		i.answers(func(w http.ResponseWriter, _ *http.Request) {
			i.mu.Lock()
			set := i.set()
			i.mu.Unlock()
			time.Sleep(700 * time.Millisecond)
			fmt.Fprint(w, set)
		})
		for n := range 3 {
			young := fmt.Sprint("young-", n)
			unknown := junk(t, "junk-"+young)
			var asking sync.WaitGroup
			asking.Go(func() { want(t, "what begins a fetch", verify(v, unknown), token.ErrKeyNotFound) })
			time.Sleep(400 * time.Millisecond)
			i.publish("1", young)
			begun := time.Now()
			want(t, "the new key", verify(v, i.sign(young)), nil)
			if took := time.Since(begun); took > 2*time.Second {
				t.Errorf("it took %s", took)
			}
			asking.Wait()
			time.Sleep(time.Minute)
		}
	})
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

func TestDiscovery(t *testing.T) {
	discover := func(i *issuer, name string) (*token.Verifier, *jwks.Set) {
		set, err := jwks.Discover(name, jwks.Options{Client: i.client})
		if err != nil {
			t.Fatal(err)
		}
		i.t.Cleanup(func() { _ = set.Close() })
		v, err := token.NewVerifier(set, rules)
		if err != nil {
			t.Fatal(err)
		}
		return v, set
	}
	bubble(t, func(i *issuer) {
		v, set := discover(i, home+"/")
		want(t, "by OpenID Connect", verify(v, i.sign("1")), nil)
		if got := strings.Join(i.asked(), ", "); got != "/.well-known/openid-configuration at 0s, /keys at 0s" {
			t.Errorf("asked for %s", got)
		}
		// The metadata is fetched again only when the keys are not at their URL.
		want(t, "again", set.Refresh(i.t.Context()), nil)
		i.wantAsked(3, "the keys alone")
		i.answers(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/.well-known/openid-configuration":
				fmt.Fprintf(w, `{"issuer":"%s/","jwks_uri":"%s/moved"}`, home, home)
			case "/moved":
				i.mu.Lock()
				defer i.mu.Unlock()
				fmt.Fprint(w, i.set())
			default:
				http.NotFound(w, r)
			}
		})
		if set.Refresh(i.t.Context()) == nil {
			t.Error("keys that have moved were found at once")
		}
		want(t, "when they have moved", set.Refresh(i.t.Context()), nil)
	})
	// RFC 8414, section 3.1, puts the well-known part before the issuer's path.
	bubble(t, func(i *issuer) {
		i.answers(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/.well-known/oauth-authorization-server/tenant":
				fmt.Fprintf(w, `{"issuer":"%s/tenant","jwks_uri":"%s/keys"}`, home, home)
			case "/keys":
				i.mu.Lock()
				defer i.mu.Unlock()
				fmt.Fprint(w, i.set())
			default:
				http.NotFound(w, r)
			}
		})
		_, set := discover(i, home+"/tenant")
		want(t, "by RFC 8414", set.Refresh(i.t.Context()), nil)
	})
	for name, metadata := range map[string]string{
		"another issuer":   `{"issuer":"http://localhost","jwks_uri":"http://localhost/keys"}`,
		"other capitals":   `{"issuer":"http://LOCALHOST/","jwks_uri":"http://localhost/keys"}`,
		"no issuer":        `{"jwks_uri":"http://localhost/keys"}`,
		"issuer twice":     `{"issuer":"http://evil.example/","issuer":"http://localhost/","jwks_uri":"http://localhost/keys"}`,
		"another spelling": `{"Issuer":"http://localhost/","jwks_uri":"http://localhost/keys"}`,
		"keys in clear":    `{"issuer":"http://localhost/","jwks_uri":"http://keys.example/keys"}`,
		"keys in a file":   `{"issuer":"http://localhost/","jwks_uri":"file:///etc/passwd"}`,
		"no keys":          `{"issuer":"http://localhost/"}`,
		"not JSON":         `<html>`,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(i *issuer) {
				i.answers(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/keys" {
						t.Error("the keys were asked for")
					}
					fmt.Fprint(w, metadata)
				})
				v, _ := discover(i, home+"/")
				want(t, name, verify(v, i.sign("1")), token.ErrKeysUnavailable)
			})
		})
	}
}

// Close ends a running fetch, also for waiting callers.
func TestClose(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, set := i.verifier(jwks.Options{})
		compact := i.sign("1")
		want(t, "before", verify(v, compact), nil)
		i.answers(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		time.Sleep(time.Minute)
		var waiting sync.WaitGroup
		for n := range 3 { // the first two wait for a fetch that hangs, the last for the one after it
			waiting.Go(func() { want(t, "waiting", verify(v, junk(t, fmt.Sprint("x", n))), token.ErrKeysUnavailable) })
			time.Sleep(time.Duration(n) * 700 * time.Millisecond)
		}
		begun := time.Now()
		_ = set.Close()
		_ = set.Close()
		waiting.Wait()
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it took %s", took)
		}
		want(t, "a key that is there", verify(v, compact), nil)
		want(t, "a key that is not", verify(v, junk(t, "x")), token.ErrKeysUnavailable)
		want(t, "Refresh", set.Refresh(i.t.Context()), token.ErrKeysUnavailable)
		time.Sleep(26 * time.Hour)
		want(t, "keys that got old", verify(v, compact), token.ErrKeysUnavailable)
	})
	bubble(t, func(i *issuer) {
		_, set := i.verifier(jwks.Options{})
		_ = set.Close() // before anything was fetched
	})
}

func TestConstructors(t *testing.T) {
	for _, url := range []string{
		"", "keys", "http://login.example.com/keys", "ftp://localhost/keys", "https://user:secret@login.example.com/keys",
		"https:///keys", "https://login.example.com/keys#x", "http://127.0.0.1.example.com/", "http://localhost.example.com/", "http://0.0.0.0/",
		"https://:443/keys",
	} {
		if _, err := jwks.New(url, jwks.Options{}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("New(%q): %v", url, err)
		}
		if _, err := jwks.Discover(url, jwks.Options{}); err == nil {
			t.Errorf("Discover(%q): no error", url)
		}
	}
	for _, issuer := range []string{"https://login.example.com/?tenant=1", "https://login.example.com/?", "https://login.example.com/#"} {
		if _, err := jwks.Discover(issuer, jwks.Options{}); err == nil {
			t.Errorf("Discover(%q): no error", issuer)
		}
	}
	for _, url := range []string{"https://login.example.com/keys?tenant=1", "http://localhost:8080/keys", "http://127.0.0.1/keys", "http://[::1]/keys"} {
		set, err := jwks.New(url, jwks.Options{})
		if err != nil {
			t.Errorf("New(%q): %v", url, err)
			continue
		}
		_ = set.Close()
	}
	for name, opts := range map[string]jwks.Options{
		"a secret's algorithm": {Algorithms: []token.Algorithm{token.HS256}},
		"none":                 {Algorithms: []token.Algorithm{"none"}},
		"no algorithm":         {Algorithms: []token.Algorithm{}},
		"an algorithm twice":   {Algorithms: []token.Algorithm{token.RS256, token.RS256}},
		"bounds the wrong way": {RefreshLeast: time.Hour, RefreshMost: time.Minute},
		"negative Timeout":     {Timeout: -1},
		"negative Refresh":     {Refresh: -1},
		"negative least":       {RefreshLeast: -1},
		"negative interval":    {MissInterval: -1},
		"negative body":        {MaxBody: -1},
		"negative keys":        {MaxKeys: -1},
	} {
		if _, err := jwks.New("https://login.example.com/keys", opts); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	// The options for public keys are checked when the verifier is made.
	set, err := jwks.New("https://login.example.com/keys", jwks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = set.Close() }()
	if _, err := token.NewVerifier(set, token.Options{Issuers: []string{"i"}}); !errors.Is(err, token.ErrOptions) {
		t.Errorf("without an audience: %v", err)
	}
}

// publicJWK encodes the public key of an Ed25519 key.
func publicJWK(t *testing.T, key mint.SigningKey) string {
	t.Helper()
	text, err := key.PublicPEM()
	if err != nil {
		t.Error(err)
		return ""
	}
	block, _ := pem.Decode(text)
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Error(err)
		return ""
	}
	return fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":%q,"x":"%s"}`, key.Key().ID(), encode(string(public.(ed25519.PublicKey))))
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// ecJWK encodes the public key of a P-256 key.
func ecJWK(t *testing.T, key mint.SigningKey) string {
	t.Helper()
	text, err := key.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := (&jose.JSONWebKey{Key: public, KeyID: key.Key().ID()}).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(jwk)
}

// A Set without keys is unavailable after its fetch has failed. Asking for keys fetches
// them again soon, however long the outage was.
func TestAvailable(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, set := i.verifier(jwks.Options{Stale: time.Hour})
		available := func(when string, is bool) {
			t.Helper()
			if set.Available() != is || v.Available() != is {
				t.Errorf("%s: available %v, %v by the verifier", when, set.Available(), v.Available())
			}
		}
		available("before anybody has asked", true)
		i.answers(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusInternalServerError) })
		compact := i.sign("1")
		want(t, "down", verify(v, compact), token.ErrKeysUnavailable)
		for range 600 {
			available("in the outage", false)
			time.Sleep(100 * time.Millisecond)
		}
		if n := len(i.asked()); n < 15 || n > 25 {
			t.Errorf("%d requests in a minute", n)
		}
		i.answers(nil)
		set.Available()
		time.Sleep(3 * time.Second)
		available("afterwards", true)

		i.answers(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusInternalServerError) })
		time.Sleep(90 * time.Minute)
		want(t, "while the old keys are used", verify(v, compact), nil)
		want(t, "an unknown key meanwhile", verify(v, junk(t, "x")), token.ErrKeysUnavailable)
		available("while the old keys are used", true)
		time.Sleep(time.Hour)
		available("when they are too old", false)
		_ = set.Close()
		available("closed", false)
	})
}
