package engineclient_test

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/internal/engineclient"
)

// All messages that are sent while the transport changes arrive, once and in order.
// A server that offers no WebSocket, or fails in the middle, is used by polling.
// The bound holds from the open packet on, and from each ping.
// Close sends what is queued, also while the transport changes.
// A POST is not larger than the server allows.
// The answer of a poll is bounded as it comes, compressed or not.
// Send waits for room while the server does not read, and its context ends that.
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
