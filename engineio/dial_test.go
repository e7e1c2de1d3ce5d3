package engineio

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func (f *fixture) client4(t *testing.T, opts DialOptions) *ClientConn {
	t.Helper()
	opts.NetDial = f.dial
	c, err := Dial(context.Background(), f.url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestDial(t *testing.T) {
	onBoth(t, func(t *testing.T, serve serveFunc) {
		f := serve(t, Options{}, func(c *recorder, r *http.Request) Conn {
			if r.Header.Get("X-Own") != "yes" {
				t.Errorf("header %q", r.Header)
			}
			c.echo()
			return c
		})
		c := f.client4(t, DialOptions{Header: http.Header{"X-Own": {"yes"}}})
		server := <-f.opened
		if h := c.Handshake(); h.ID != server.s.ID() || h.PingInterval != 25*time.Second || h.PingTimeout != 20*time.Second || h.MaxPayload != 1_000_000 || len(h.Upgrades) != 0 {
			t.Errorf("handshake %+v", h)
		}
		ctx := context.Background()
		if err := c.Send([]byte("héllo")); err != nil {
			t.Error(err)
		}
		if err := c.SendBinary([]byte{0, 255}); err != nil {
			t.Error(err)
		}
		if data, binary, err := c.Receive(ctx); string(data) != "héllo" || binary || err != nil {
			t.Errorf("%q %v %v", data, binary, err)
		}
		if data, binary, err := c.Receive(ctx); !bytes.Equal(data, []byte{0, 255}) || !binary || err != nil {
			t.Errorf("%q %v %v", data, binary, err)
		}
		short, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		if _, _, err := c.Receive(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Receive with nothing to come: %v", err)
		}
		server.s.Send(NewMessage([]byte("last")))
		server.s.Close(ForcedClose)
		expectEnd(t, server, ForcedClose)
		if data, _, err := c.Receive(ctx); string(data) != "last" || err != nil {
			t.Errorf("%q %v", data, err)
		}
		if _, _, err := c.Receive(ctx); !errors.Is(err, ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
		if err := c.Send(nil); !errors.Is(err, ErrClosed) {
			t.Errorf("Send after the end: %v", err)
		}
	})
}

func TestClientConnAnswersPings(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		f.client4(t, DialOptions{})
		server := <-f.opened
		time.Sleep(10 * time.Minute)
		expectAlive(t, server)
	})
}

func TestClientConnGivesASilentServerUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		c := f.client4(t, DialOptions{})
		server := <-f.opened
		server.s.mu.Lock()
		server.s.timer.Stop()
		server.s.mu.Unlock()
		start := time.Now()
		if _, _, err := c.Receive(context.Background()); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v", err)
		}
		if waited := time.Since(start); waited != 45*time.Second {
			t.Errorf("given up after %s, want 45s", waited)
		}
	})
}

func TestClientConnCloses(t *testing.T) {
	onBoth(t, func(t *testing.T, serve serveFunc) {
		f := serve(t, Options{}, nil)
		c := f.client4(t, DialOptions{})
		server := <-f.opened
		c.Close()
		c.Close()
		expectEnd(t, server, TransportClose)
		if _, _, err := c.Receive(context.Background()); !errors.Is(err, ErrClosed) {
			t.Errorf("Receive: %v", err)
		}
		c = f.client4(t, DialOptions{})
		server = <-f.opened
		c.Abort()
		expectEnd(t, server, TransportClose)
	})
}

func TestClientConnIsBounded(t *testing.T) {
	onBoth(t, func(t *testing.T, serve serveFunc) {
		f := serve(t, Options{}, nil)
		c := f.client4(t, DialOptions{MaxMessage: 1000})
		server := <-f.opened
		server.s.Send(NewMessage(make([]byte, 2000)))
		if _, _, err := c.Receive(context.Background()); !errors.Is(err, error(errMessageTooBig)) {
			t.Errorf("a message too big: %v", err)
		}
		c = f.client4(t, DialOptions{MaxPending: 1000})
		server = <-f.opened
		for range 10 {
			server.s.Send(NewMessage(bytes.Repeat([]byte("x"), 300)))
		}
		expectEnd(t, server, TransportClose)
		n := 0
		var err error
		for ; err == nil; n++ {
			_, _, err = c.Receive(context.Background())
		}
		if n != 4 || !errors.Is(err, ErrSlow) {
			t.Errorf("%d messages, then %v", n-1, err)
		}
	})
}

func TestDialErrors(t *testing.T) {
	f := newTCP(t, Options{}, nil)
	ctx := context.Background()
	for url, want := range map[string]string{
		"ftp://x":                                  "scheme",
		"://":                                      "parse",
		strings.TrimSuffix(f.url, "io/") + "oi/":   "404",
		f.url + "?sid=AAAAAAAAAAAAAAAAAAAAAA":      "Session ID unknown",
		"http://127.0.0.1:1/":                      "refused",
		strings.Replace(f.url, "http", "https", 1): "tls",
	} {
		c, err := Dial(ctx, url, DialOptions{})
		if err == nil || !strings.HasPrefix(err.Error(), "engineio: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", url, err, want)
		}
		if c != nil {
			t.Errorf("%s: a connection", url)
		}
	}
	if _, err := Dial(ctx, "http://[?token=secret", DialOptions{}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a URL with a token: %v", err)
	}
	_, err := Dial(ctx, f.url, DialOptions{Header: http.Header{"Origin": {"https://evil.example"}}})
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Status != 403 || refused.Message != "Forbidden" {
		t.Errorf("refused: %v", err)
	}
}

// A server that takes the connection and says nothing.
func TestDialEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		silent := make(chan struct{})
		f := newPipe(t, Options{}, func(c *recorder, _ *http.Request) Conn { <-silent; return c })
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := Dial(ctx, f.url, DialOptions{NetDial: f.dial})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		close(silent)
		synctest.Wait()
	})
}

func TestDialOverTLS(t *testing.T) {
	srv, opened := newServer(t, Options{}, func(c *recorder, _ *http.Request) Conn { c.echo(); return c })
	web := httptest.NewTLSServer(srv)
	defer web.Close()
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	c, err := Dial(context.Background(), web.URL, DialOptions{TLS: &tls.Config{RootCAs: roots}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	<-opened
	c.Send([]byte("hello"))
	if data, _, err := c.Receive(context.Background()); string(data) != "hello" || err != nil {
		t.Errorf("%q %v", data, err)
	}
}

// What is no Engine.IO server must make an error, not a panic.
func TestDialStrangeServers(t *testing.T) {
	for name, first := range map[string][]byte{
		"no packet":           appendFrame(nil, serverSide, textFrame, "", []byte("x")),
		"no open packet":      appendFrame(nil, serverSide, textFrame, "", []byte("4hello")),
		"no JSON":             appendFrame(nil, serverSide, textFrame, "", []byte("0{")),
		"no times":            appendFrame(nil, serverSide, textFrame, "", []byte(`0{"sid":"a"}`)),
		"times out of range":  appendFrame(nil, serverSide, textFrame, "", []byte(`0{"sid":"a","pingInterval":1e30,"pingTimeout":1}`)),
		"masked":              appendFrame(nil, clientSide, textFrame, "", []byte(`0{}`)),
		"close":               appendFrame(nil, serverSide, closeFrame, "", nil),
		"the end, at once":    nil,
		"half a frame, ended": {0x81},
	} {
		t.Run(name, func(t *testing.T) {
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				a, err := acceptWebSocket(w, r, nil, "")
				if err != nil {
					t.Error(err)
					return
				}
				a.conn.Write(append(a.response, first...))
				a.conn.Close()
			}))
			defer web.Close()
			if c, err := Dial(context.Background(), web.URL, DialOptions{}); err == nil {
				c.Close()
				t.Error("no error")
			}
		})
	}
}
