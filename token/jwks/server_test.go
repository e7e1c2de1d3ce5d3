package jwks_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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

// The timeout and the redirect policy of the program's own Client are not used, and the
// Client is not changed.
func TestClientOfTheProgram(t *testing.T) {
	bubble(t, func(i *issuer) {
		follow := func(*http.Request, []*http.Request) error { return nil }
		i.client.Timeout, i.client.CheckRedirect = time.Second, follow
		v, set := i.verifier(jwks.Options{})
		i.answers(func(w http.ResponseWriter, _ *http.Request) {
			i.mu.Lock()
			set := i.set()
			i.mu.Unlock()
			time.Sleep(2 * time.Second)
			fmt.Fprint(w, set)
		})
		want(t, "in two seconds", verify(v, i.sign("1")), nil)
		i.answers(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1/keys", http.StatusFound)
		})
		want(t, "redirected", set.Refresh(i.t.Context()), token.ErrKeysUnavailable)
		if i.client.Timeout != time.Second || i.client.CheckRedirect == nil {
			t.Error("the Client was changed")
		}
	})
}

// A redirect to the same host by plain http, or with a user, goes to another origin.
func TestRedirectsThatLeave(t *testing.T) {
	for _, to := range []string{"http://login.example.com/moved", "https://joe:secret@login.example.com/moved", "https://login.example.com:8443/moved"} {
		bubble(t, func(i *issuer) {
			secure := i.client.Transport.(*http.Transport)
			secure.DialTLSContext = secure.DialContext // counts as encrypted
			i.answers(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/moved" {
					t.Errorf("%s was asked", to)
				}
				http.Redirect(w, r, to, http.StatusFound)
			})
			set, err := jwks.New("https://login.example.com/keys", jwks.Options{Client: i.client})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = set.Close() }()
			err = set.Refresh(i.t.Context())
			want(t, to, err, token.ErrKeysUnavailable)
			if strings.Contains(err.Error(), "secret") {
				t.Error(err)
			}
		})
	}
}

// Headers are bounded, like bodies.
func TestLongHeaders(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 100<<10))
		fmt.Fprint(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`)
	}))
	defer server.Close()
	set, err := jwks.New(server.URL, jwks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = set.Close() }()
	want(t, "100 KiB", set.Refresh(t.Context()), token.ErrKeysUnavailable)
}

// The bound of a body applies to its decompressed size.
func TestCompressedBody(t *testing.T) {
	bubble(t, func(i *issuer) {
		v, set := i.verifier(jwks.Options{})
		tail := 1 << 20
		i.answers(func(w http.ResponseWriter, _ *http.Request) {
			i.mu.Lock()
			defer i.mu.Unlock()
			w.Header().Set("Content-Encoding", "gzip")
			packed := gzip.NewWriter(w)
			fmt.Fprint(packed, i.set(), strings.Repeat(" ", tail))
			_ = packed.Close()
		})
		err := set.Refresh(i.t.Context())
		want(t, "too much", err, token.ErrKeysUnavailable)
		if !strings.Contains(err.Error(), "more than") {
			t.Error(err)
		}
		tail = 1000
		want(t, "Refresh", set.Refresh(i.t.Context()), nil)
		want(t, "a token", verify(v, i.sign("1")), nil)
	})
}

// A page that a web server returns for every path is not the metadata. The second location
// may still have the metadata.
func TestDiscoveryBehindAPage(t *testing.T) {
	for name, page := range map[string]string{
		"a page": "<html>", "another issuer": `{"issuer":"http://localhost/","jwks_uri":"http://localhost/wrong"}`,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(i *issuer) {
				i.answers(func(w http.ResponseWriter, r *http.Request) {
					switch r.URL.EscapedPath() {
					case "/.well-known/oauth-authorization-server/a%2Fb":
						fmt.Fprint(w, `{"issuer":"http://localhost/a%2Fb","jwks_uri":"http://localhost/keys"}`)
					case "/keys":
						i.mu.Lock()
						defer i.mu.Unlock()
						fmt.Fprint(w, i.set())
					default:
						fmt.Fprint(w, page)
					}
				})
				set, err := jwks.Discover(home+"/a%2Fb", jwks.Options{Client: i.client})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = set.Close() }()
				want(t, "Refresh", set.Refresh(i.t.Context()), nil)
			})
		})
	}
}

// An issuer that is down fails at both locations of its metadata, and the log says so once.
// A different error at the second location is logged too.
func TestDiscoveryFailsInOneLine(t *testing.T) {
	for other, text := range map[int]string{
		http.StatusBadGateway: "token: keys not available now: localhost answered with status 502",
		http.StatusNotFound:   "token: keys not available now: localhost answered with status 502; localhost answered with status 404",
	} {
		bubble(t, func(i *issuer) {
			i.answers(func(w http.ResponseWriter, r *http.Request) {
				status := http.StatusBadGateway
				if strings.Contains(r.URL.Path, "oauth") {
					status = other
				}
				w.WriteHeader(status)
			})
			set, err := jwks.Discover(home, jwks.Options{Client: i.client})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = set.Close() }()
			if err := set.Refresh(i.t.Context()); err == nil || err.Error() != text {
				t.Errorf("it says %q, want %q", err, text)
			}
		})
	}
}

// The metadata of an issuer elsewhere must not cause plain http requests to this machine.
func TestKeysOnThisMachineAreNotAnothers(t *testing.T) {
	bubble(t, func(i *issuer) {
		const elsewhere = "https://login.example.com"
		secure := i.client.Transport.(*http.Transport)
		secure.DialTLSContext = secure.DialContext // counts as encrypted
		i.answers(func(w http.ResponseWriter, r *http.Request) {
			if r.Host == "localhost" {
				t.Error("this machine was asked")
			}
			fmt.Fprintf(w, `{"issuer":"%s","jwks_uri":"http://localhost/keys"}`, elsewhere)
		})
		set, err := jwks.Discover(elsewhere, jwks.Options{Client: i.client})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = set.Close() }()
		want(t, "Refresh", set.Refresh(i.t.Context()), token.ErrKeysUnavailable)
	})
}

// A closed Set leaves no connection, neither an idle one nor one that is being opened.
func TestCloseLeavesNoConnection(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	states := make(chan http.ConnState, 10)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) { states <- state }
	server.Start()
	defer server.Close()
	set, err := jwks.New(server.URL, jwks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want(t, "Refresh", set.Refresh(ctx), nil)
	_ = set.Close()
	for state := http.StateNew; state != http.StateClosed; {
		select {
		case state = <-states:
		case <-ctx.Done():
			t.Fatal("the connection stays")
		}
	}

	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	set, err = jwks.New("https://"+silent.Addr().String(), jwks.Options{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	refreshed := make(chan error, 1)
	go func() { refreshed <- set.Refresh(ctx) }()
	conn, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = set.Close()
	want(t, "Refresh", <-refreshed, token.ErrKeysUnavailable)
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	for buffer := make([]byte, 1000); ; { // what is sent of a handshake, then the end
		if _, err := conn.Read(buffer); err != nil {
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				t.Error("the connection that was being made stays")
			}
			return
		}
	}
}
