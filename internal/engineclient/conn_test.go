package engineclient_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/internal/engineclient"
)

func TestConn(t *testing.T) {
	onEach(t, engineio.Options{}, func(f *fixture, opts engineclient.Options) {
		t := f.t
		opts.Header = http.Header{"X-Own": {"yes"}}
		c, server := f.dial(opts)
		h := c.Handshake()
		if h.ID != server.s.ID() || h.PingInterval != 25*time.Second || h.PingTimeout != 20*time.Second || h.MaxPayload != 1_000_000 {
			t.Errorf("handshake %+v", h)
		}
		for _, text := range []string{"héllo", "", strings.Repeat("x", 100_000)} {
			if err := c.Send(f.ctx, []byte(text), []byte{0, 255}); err != nil {
				t.Fatal(err)
			}
			if data, binary, err := c.Receive(f.ctx); string(data) != text || binary || err != nil {
				t.Errorf("%.20q %v %v", data, binary, err)
			}
			if data, binary, err := c.Receive(f.ctx); !bytes.Equal(data, []byte{0, 255}) || !binary || err != nil {
				t.Errorf("%q %v %v", data, binary, err)
			}
		}
		time.Sleep(time.Second) // a poll may wait for 100 ms before the server ends it
		if got := c.Upgraded(); got != (!opts.Polling || opts.Upgrade) {
			t.Errorf("the transport is a WebSocket: %v", got)
		}
		short, cancel := context.WithTimeout(f.ctx, time.Millisecond)
		defer cancel()
		if _, _, err := c.Receive(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Receive with nothing to come: %v", err)
		}
		_ = server.s.Send(engineio.NewMessage([]byte("last")))
		server.s.Close(engineio.ForcedClose)
		if data, _, err := c.Receive(f.ctx); string(data) != "last" || err != nil {
			t.Errorf("%q %v", data, err)
		}
		if _, _, err := c.Receive(f.ctx); !errors.Is(err, engineclient.ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
		if err := c.Send(f.ctx, nil); !errors.Is(err, engineclient.ErrClosed) {
			t.Errorf("Send after the end: %v", err)
		}
	})
}

func exchange(f *fixture, c *engineclient.Conn) {
	f.t.Helper()
	if err := c.Send(f.ctx, []byte("hello")); err != nil {
		f.t.Error(err)
	}
	if data, _, err := c.Receive(f.ctx); string(data) != "hello" || err != nil {
		f.t.Errorf("%q, %v", data, err)
	}
}

func TestConnAnswersPings(t *testing.T) {
	onEach(t, engineio.Options{}, func(f *fixture, opts engineclient.Options) {
		c, server := f.dial(opts)
		time.Sleep(10 * time.Minute)
		if got := server.reasons(); len(got) != 0 {
			f.t.Errorf("ended with %q", got)
		}
		exchange(f, c)
	})
}

func TestConnEndsWithASilentServer(t *testing.T) {
	for name, opts := range map[string]engineclient.Options{"websocket": {}, "polling": {Polling: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const open = `0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}`
				serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if !opts.Polling {
						conn := hijack(w, r)
						defer conn.Close()
						_, _ = conn.Write(append([]byte{0x81, byte(len(open))}, open...))
						_, _ = conn.Read(make([]byte, 1))
						return
					}
					if !r.URL.Query().Has("sid") {
						_, _ = w.Write([]byte(open))
						return
					}
					<-r.Context().Done()
				}), func(f *fixture) {
					opts.HTTPClient = f.http
					c, err := engineclient.Dial(f.ctx, url, opts)
					if err != nil {
						t.Fatal(err)
					}
					start := time.Now()
					if _, _, err := c.Receive(f.ctx); !errors.Is(err, engineclient.ErrSilent) {
						t.Errorf("got %v", err)
					}
					if waited := time.Since(start); waited != 45*time.Second {
						t.Errorf("ended after %s, want 45s", waited)
					}
					_ = c.Close()
				})
			})
		})
	}
}

func TestClose(t *testing.T) {
	onEach(t, engineio.Options{}, func(f *fixture, opts engineclient.Options) {
		c, server := f.dialURL(url+"?mute=1", opts)
		for i := range 100 {
			_ = c.Send(f.ctx, []byte(fmt.Sprint(i)))
		}
		start := time.Now()
		_ = c.Close()
		_ = c.Close()
		if took := time.Since(start); took > time.Second {
			f.t.Errorf("Close took %s", took)
		}
		time.Sleep(time.Second)
		if n := len(server.messages()); n != 100 {
			f.t.Errorf("%d messages came", n)
		}
		if got := server.reasons(); !slices.Equal(got, []engineio.Reason{engineio.TransportClose}) {
			f.t.Errorf("Closed with %q", got)
		}
		if _, _, err := c.Receive(f.ctx); !errors.Is(err, engineclient.ErrClosed) {
			f.t.Errorf("Receive: %v", err)
		}
	})
}

func TestPostsAreBounded(t *testing.T) {
	bubble(t, engineio.Options{MaxPayload: 1000}, func(f *fixture) {
		c, _ := f.dial(engineclient.Options{Polling: true})
		const n = 100
		for i := range n {
			if err := c.Send(f.ctx, bytes.Repeat([]byte{byte('a' + i%26)}, 90), make([]byte, 60)); err != nil {
				f.t.Fatal(err)
			}
		}
		for i := range 2 * n {
			if _, binary, err := c.Receive(f.ctx); err != nil || binary != (i%2 == 1) {
				f.t.Fatalf("message %d: %v, %v", i, binary, err)
			}
		}
	})
}

func TestAbort(t *testing.T) {
	bubble(t, engineio.Options{}, func(f *fixture) {
		c, server := f.dial(engineclient.Options{})
		c.Abort()
		c.Abort()
		synctest.Wait()
		if got := server.reasons(); !slices.Equal(got, []engineio.Reason{engineio.TransportClose}) {
			f.t.Errorf("Closed with %q", got)
		}
	})
}

func TestConnIsBounded(t *testing.T) {
	for name, opts := range map[string]engineclient.Options{"websocket": {}, "polling": {Polling: true}} {
		t.Run("message, "+name, func(t *testing.T) {
			bubble(t, engineio.Options{}, func(f *fixture) {
				opts.MaxMessage = 1000
				c, server := f.dial(opts)
				_ = server.s.Send(engineio.NewMessage(make([]byte, 2000)))
				if _, _, err := c.Receive(f.ctx); !errors.Is(err, engineclient.ErrTooLarge) {
					f.t.Errorf("got %v", err)
				}
			})
		})
		t.Run("pending, "+name, func(t *testing.T) {
			bubble(t, engineio.Options{}, func(f *fixture) {
				opts.MaxPending = 4000
				c, server := f.dial(opts)
				for range 20 {
					_ = server.s.Send(engineio.NewMessage(bytes.Repeat([]byte("x"), 936)))
					synctest.Wait()
				}
				n := 0
				var err error
				for ; err == nil; n++ {
					_, _, err = c.Receive(f.ctx)
				}
				if n != 5 || !errors.Is(err, engineclient.ErrSlow) {
					f.t.Errorf("%d messages, then %v", n-1, err)
				}
			})
		})
	}
}

func TestPollIsBounded(t *testing.T) {
	address := over(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		piece := bytes.Repeat([]byte("4x\x1e"), 10_000)
		for range 1000 {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	}))
	_, err := engineclient.Dial(t.Context(), address, engineclient.Options{Polling: true, MaxPending: 1000, MaxMessage: 1000})
	if !errors.Is(err, engineclient.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestConnOutlivesTheContextOfDial(t *testing.T) {
	onEach(t, engineio.Options{}, func(f *fixture, opts engineclient.Options) {
		ctx, cancel := context.WithCancel(f.ctx)
		f.http.Timeout = 2 * time.Second
		opts.HTTPClient = f.http
		c, err := engineclient.Dial(ctx, url, opts)
		if err != nil {
			f.t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		cancel()
		time.Sleep(time.Minute)
		exchange(f, c)
	})
}
