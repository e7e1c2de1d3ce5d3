package socketio_test

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"socketiojwt/engineio"
	"socketiojwt/observe"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

func TestHandshake(t *testing.T) {
	var during, after *socketio.Handshake
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.OnConnect(func(_ context.Context, s *socketio.Socket) error { during = s.Handshake(); return nil })
		srv.Of("/later").Open().OnConnect(func(_ context.Context, s *socketio.Socket) error { after = s.Handshake(); return nil })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{
			Auth:   map[string]string{"k": "v"},
			Header: map[string][]string{"Authorization": {"Bearer x"}, "X-Other": {"y"}},
			Query:  map[string][]string{"a": {"1", "2"}},
		})
		synctest.Wait()
		if string(during.Auth) != `{"k":"v"}` || during.Header.Get("X-Other") != "y" || !slices.Equal(during.Query()["a"], []string{"1", "2"}) {
			t.Errorf("first: %s %v %v", during.Auth, during.Header, during.Query())
		}
		if _, err := p.Join(f.ctx, "/later", nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if after.Auth != nil || after.Header.Get("Authorization") != "Bearer x" || after.Header.Get("X-Other") != "" {
			t.Errorf("later: %s %v", after.Auth, after.Header)
		}
		synctest.Wait()
		if h := f.srv.Sockets()[0].Handshake(); h.Auth != nil || h.Header != nil || len(h.Query()) > 0 {
			t.Errorf("kept after OnConnect: %s %v %v", h.Auth, h.Header, h.Query())
		}
	})
}

// A socket has a handshake until its end, also if OnConnect has failed.
func TestHandshakeAfterOnConnectFailed(t *testing.T) {
	var after *socketio.Handshake
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.OnConnect(func(context.Context, *socketio.Socket) error { return errors.New("failed") })
		srv.OnDisconnect(func(_ context.Context, s *socketio.Socket, _ socketio.Reason) { after = s.Handshake() })
	}, func(f *fixture) {
		f.ended(f.dial(sockettest.Options{}), sockettest.ErrDisconnected)
		synctest.Wait()
		if after == nil || after.Path != "/socket.io/" {
			t.Errorf("handshake %+v", after)
		}
	})
}

// admitted is an Observer that calls itself when a socket of "/" has been admitted.
type admitted func()

func (f admitted) Start(ctx context.Context, op observe.Operation) (context.Context, func(observe.Outcome)) {
	return ctx, func(o observe.Outcome) {
		if op.Kind == observe.Connect && op.Namespace == "/" && o.Result == observe.OK {
			f()
		}
	}
}

// Later namespaces see only the kept headers, also if their CONNECT is handled before the server
// has finished with the first.
func TestKeepHeader(t *testing.T) {
	var seen record
	look := func(_ context.Context, s *socketio.Socket) error {
		seen.add(s.Handshake().Header.Get("Cookie") + s.Handshake().Header.Get("X-Kept") + s.Handshake().Header.Get("X-Other"))
		return nil
	}
	for _, hold := range []bool{false, true} {
		seen = record{}
		var looked chan struct{} // belongs to the bubble
		// The first CONNECT is answered then, and its worker goes on after that of /2.
		answered := admitted(func() { <-looked })
		bubble(t, socketio.Options{KeepHeaders: []string{"x-kept"}, Observer: answered}, func(srv *socketio.Server) {
			looked = make(chan struct{})
			srv.Use(func(_ context.Context, s *socketio.Socket) error {
				s.KeepHeader("cookie")
				if hold {
					return s.Hold(socketio.HoldOptions{})
				}
				return nil
			})
			srv.Of("/2").Use(look, func(_ context.Context, s *socketio.Socket) error { s.KeepHeader("X-Other"); close(looked); return nil })
			srv.Of("/3").Use(look)
		}, func(f *fixture) {
			p := f.dial(sockettest.Options{Header: map[string][]string{"Cookie": {"c"}, "X-Kept": {"k"}, "X-Other": {"o"}}})
			for _, name := range []string{"/2", "/3"} {
				if _, err := p.Join(f.ctx, name, nil); err != nil {
					t.Fatal(err)
				}
			}
			if got, want := seen.all(), []string{"ck", "ck"}; !slices.Equal(got, want) {
				t.Errorf("hold %t: later namespaces see %q, want %q", hold, got, want)
			}
		})
	}
}

// Handshake.Host is the host that the client asked for, and never one from another header.
func TestHandshakeHost(t *testing.T) {
	var seen record
	opts := socketio.Options{Engine: engineio.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}, TrustUnixSocket: true}}
	setup := func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			seen.add(s.Handshake().Host)
			return nil
		})
		srv.Handle("later", func(_ context.Context, s *socketio.Socket, _ *socketio.Event) error {
			seen.add(s.Handshake().Host)
			return nil
		})
	}
	bubble(t, opts, setup, func(f *fixture) {
		p := f.dial(sockettest.Options{Header: http.Header{"Host": {"Acme.Example:8443"}, "X-Forwarded-Host": {"evil.example"}, "Forwarded": {"host=evil.example"}}})
		if err := p.Emit("later"); err != nil {
			t.Fatal(err)
		}
		if got := seen.all(); !slices.Equal(got, []string{"Acme.Example:8443", "Acme.Example:8443"}) {
			t.Errorf("got %q", got)
		}
	})
}

// A host that is too long is left out, and middleware can detect that.
func TestLongHostIsTooLarge(t *testing.T) {
	for _, length := range []int{1 << 10, 1<<10 + 1} {
		var h socketio.Handshake
		setup := func(srv *socketio.Server) {
			srv.Use(func(_ context.Context, s *socketio.Socket) error {
				h = *s.Handshake()
				return nil
			})
		}
		bubble(t, socketio.Options{}, setup, func(f *fixture) {
			host := strings.Repeat("h", length)
			f.dial(sockettest.Options{Header: http.Header{"Host": {host}}})
			if large := length > 1<<10; h.TooLarge != large || (h.Host == host) == large {
				t.Errorf("%d bytes: TooLarge %t, %d bytes kept", length, h.TooLarge, len(h.Host))
			}
		})
	}
}
