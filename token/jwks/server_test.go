package jwks_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/jwks"
)

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
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
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
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	for buffer := make([]byte, 1000); ; { // the bytes of a handshake, then the end
		if _, err := conn.Read(buffer); err != nil {
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				t.Error("the connection that was being made stays")
			}
			return
		}
	}
}
