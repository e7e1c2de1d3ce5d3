package engineclient_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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

// All messages that are sent while the transport changes arrive, once and in order.
func TestUpgradeKeepsOrder(t *testing.T) {
	bubble(t, engineio.Options{}, func(f *fixture) {
		c, _ := f.dial(transports["upgrade"])
		const n = 300
		go func() {
			for i := range n {
				_ = c.Send(f.ctx, []byte(fmt.Sprint(i)))
			}
		}()
		for i := range n {
			if data, _, err := c.Receive(f.ctx); err != nil || string(data) != fmt.Sprint(i) {
				f.t.Fatalf("message %d: %q, %v", i, data, err)
			}
		}
		time.Sleep(time.Second)
		if !c.Upgraded() {
			f.t.Error("still polling")
		}
	})
}

// A server that offers no WebSocket, or fails in the middle, is used by polling.
func TestUpgradeThatFails(t *testing.T) {
	t.Run("not offered", func(t *testing.T) {
		bubble(t, engineio.Options{Transports: []engineio.Transport{engineio.Polling}}, func(f *fixture) {
			c, _ := f.dial(transports["upgrade"])
			time.Sleep(time.Minute)
			if c.Upgraded() {
				f.t.Error("upgraded")
			}
			exchange(f, c)
		})
	})
	for name, spoil := range map[string]http.HandlerFunc{
		"refused": func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusBadGateway) },
		"silent": func(w http.ResponseWriter, r *http.Request) {
			conn := hijack(w, r)
			defer conn.Close()
			_, _ = io.Copy(io.Discard, conn)
		},
		"a wrong answer": func(w http.ResponseWriter, r *http.Request) {
			conn := hijack(w, r)
			defer conn.Close()
			_, _ = conn.Write([]byte("\x81\x023x"))
			_, _ = io.Copy(io.Discard, conn)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opened := make(chan *recorder, 1)
				srv, err := engineio.NewServer(func(s *engineio.Session, _ *http.Request) engineio.Conn {
					c := &recorder{s: s}
					opened <- c
					return c
				}, engineio.Options{})
				if err != nil {
					t.Fatal(err)
				}
				handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Query().Get("transport") == "websocket" {
						spoil(w, r)
						return
					}
					srv.ServeHTTP(w, r)
				})
				serve(t, handler, func(f *fixture) {
					f.opened = opened
					c, _ := f.dial(transports["upgrade"])
					exchange(f, c)
					time.Sleep(time.Minute)
					if c.Upgraded() {
						t.Error("upgraded")
					}
					exchange(f, c)
					_ = c.Close()
				})
				srv.Close()
			})
		})
	}
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

// The bound holds from the open packet on, and from each ping.
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

// Close sends what is queued, also while the transport changes.
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

// A POST is not larger than the server allows.
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

// The answer of a poll is bounded as it comes, compressed or not.
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

// Send waits for room while the server does not read, and its context ends that.
func TestSendWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := make(chan struct{})
		const open = `0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000}`
		serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn := hijack(w, r)
			defer conn.Close()
			_, _ = conn.Write(append([]byte{0x81, byte(len(open))}, open...))
			<-over
		}), func(f *fixture) {
			defer close(over)
			c, err := engineclient.Dial(f.ctx, url, engineclient.Options{HTTPClient: f.http, MaxQueued: 1000})
			if err != nil {
				t.Fatal(err)
			}
			short, cancel := context.WithTimeout(f.ctx, time.Second)
			defer cancel()
			sent := 0
			for err == nil && sent < 100 {
				err = c.Send(short, make([]byte, 400))
				sent++
			}
			if !errors.Is(err, context.DeadlineExceeded) || sent > 6 {
				t.Errorf("%v after %d messages", err, sent)
			}
			start := time.Now()
			_ = c.Close()
			if took := time.Since(start); took > 7*time.Second {
				t.Errorf("Close took %s", took)
			}
		})
	})
}

func TestDialErrors(t *testing.T) {
	srv, err := engineio.NewServer(func(s *engineio.Session, _ *http.Request) engineio.Conn { return &recorder{s: s} }, engineio.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	web := httptest.NewServer(srv)
	defer web.Close()
	const secret = "opaque-secret"
	for url, want := range map[string]string{
		"ftp://x":                               "scheme",
		"://":                                   "parse",
		web.URL + "/elsewhere/?token=" + secret: "404",
		"http://127.0.0.1:1/?token=" + secret:   "refused",
		strings.Replace(web.URL, "http", "https", 1) + "?t=" + secret: "HTTP",
		"http://[?token=" + secret:                                    "parse",
	} {
		for name, opts := range transports {
			c, err := engineclient.Dial(t.Context(), url, opts)
			if err == nil || !strings.HasPrefix(err.Error(), "engineio: ") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) {
				t.Errorf("%s by %s: %v, want %q in it", url, name, err, want)
			}
			if c != nil {
				t.Errorf("%s: a connection", url)
			}
		}
	}
	for name, opts := range transports {
		opts.Header = http.Header{"Origin": {"https://evil.example"}}
		_, err := engineclient.Dial(t.Context(), web.URL, opts)
		var refused *engineclient.StatusError
		if !errors.As(err, &refused) || refused.Status != 403 || refused.Message != "Forbidden" || strings.Contains(err.Error(), refused.Message+" ") {
			t.Errorf("%s: refused: %v", name, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 0, "x": 0, "-1": 0, "0": 0, "7": 7 * time.Second, "99999999": 10 * time.Minute,
		time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat): 0,
		time.Now().Add(time.Hour).UTC().Format(http.TimeFormat):  10 * time.Minute,
	} {
		address := over(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", value)
			w.WriteHeader(http.StatusServiceUnavailable)
		}))
		_, err := engineclient.Dial(t.Context(), address, engineclient.Options{})
		var refused *engineclient.StatusError
		if !errors.As(err, &refused) || refused.Status != 503 || refused.RetryAfter != want {
			t.Errorf("Retry-After %q: %+v", value, refused)
		}
	}
}

// The token must not follow a redirect to another server.
func TestDialFollowsNoRedirect(t *testing.T) {
	elsewhere := over(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	address := over(t, http.RedirectHandler(elsewhere, http.StatusTemporaryRedirect))
	for name, opts := range transports {
		_, err := engineclient.Dial(t.Context(), address, opts)
		var refused *engineclient.StatusError
		if !errors.As(err, &refused) || refused.Status != http.StatusTemporaryRedirect {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A server that accepts the connection and says nothing.
func TestDialEndsWithItsContext(t *testing.T) {
	for name, opts := range transports {
		for _, upgraded := range []bool{false, true} {
			t.Run(fmt.Sprint(name, upgraded), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if upgraded && !opts.Polling {
							conn := hijack(w, r)
							defer conn.Close()
							_, _ = conn.Read(make([]byte, 1))
							return
						}
						<-r.Context().Done()
					}), func(f *fixture) {
						cause := errors.New("too late")
						ctx, cancel := context.WithTimeoutCause(f.ctx, time.Second, cause)
						defer cancel()
						start := time.Now()
						opts.HTTPClient = f.http
						_, err := engineclient.Dial(ctx, url, opts)
						if !errors.Is(err, cause) || time.Since(start) != time.Second {
							t.Errorf("%v after %s", err, time.Since(start))
						}
					})
				})
			})
		}
	}
}

// The context and the Timeout of the http.Client bound nothing once the session is open.
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

func TestDialOverTLS(t *testing.T) {
	srv, err := engineio.NewServer(func(s *engineio.Session, _ *http.Request) engineio.Conn { return &recorder{s: s} }, engineio.Options{})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewUnstartedServer(srv)
	web.EnableHTTP2 = true
	web.StartTLS()
	defer web.Close()
	defer srv.Close()
	for name, opts := range transports {
		opts.HTTPClient = web.Client()
		c, err := engineclient.Dial(t.Context(), strings.Replace(web.URL, "https", "wss", 1), opts)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_ = c.Send(t.Context(), []byte("hello"))
		if data, _, err := c.Receive(t.Context()); string(data) != "hello" || err != nil {
			t.Errorf("%s: %q %v", name, data, err)
		}
		_ = c.Close()
	}
}

// hijack answers the handshake of a WebSocket by hand.
func hijack(w http.ResponseWriter, r *http.Request) interface {
	Read([]byte) (int, error)
	Write([]byte) (int, error)
	Close() error
} {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	return conn
}

// A server that is not an Engine.IO server makes an error, not a panic.
func TestDialStrangeServers(t *testing.T) {
	text := func(s string) string { return "\x81" + string(rune(len(s))) + s }
	for name, first := range map[string]string{
		"not a packet":        text("x"),
		"no open packet":      text("4hello"),
		"not JSON":            text("0{"),
		"no times":            text(`0{"sid":"a"}`),
		"no id":               text(`0{"pingInterval":1,"pingTimeout":1}`),
		"times out of range":  text(`0{"sid":"a","pingInterval":1e30,"pingTimeout":1}`),
		"times too long":      text(`0{"sid":"a","pingInterval":99999999999,"pingTimeout":1}`),
		"binary":              "\x82\x02{}",
		"masked":              "\x81\x82aaaa00",
		"not UTF-8":           "\x81\x02\xff\xff",
		"huge":                "\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff",
		"negative":            "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
		"close":               "\x88\x00",
		"the end, at once":    "",
		"half a frame, ended": "\x81",
	} {
		t.Run(name, func(t *testing.T) {
			address := over(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Get("transport") == "polling" {
					_, _ = w.Write([]byte(first))
					return
				}
				conn := hijack(w, r)
				_, _ = conn.Write([]byte(first))
				_ = conn.Close()
			}))
			for _, opts := range transports {
				if c, err := engineclient.Dial(t.Context(), address, opts); err == nil {
					_ = c.Close()
					t.Error("no error")
				}
			}
		})
	}
	for name, header := range map[string]string{
		"no accept":     "Upgrade: websocket\r\nConnection: Upgrade\r\n",
		"no upgrade":    "Connection: Upgrade\r\nUpgrade: other\r\nSec-WebSocket-Accept: x\r\n",
		"no connection": "Upgrade: websocket\r\nSec-WebSocket-Accept: x\r\n",
		"wrong accept":  "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n",
	} {
		address := over(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\n%s\r\n%s", header, text(`0{"sid":"a","pingInterval":99,"pingTimeout":99}`))
			_ = conn.Close()
		}))
		c, err := engineclient.Dial(t.Context(), address, engineclient.Options{})
		if err == nil {
			_ = c.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "did not complete the WebSocket handshake") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
