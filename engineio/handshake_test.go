package engineio

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestOpenPacket(t *testing.T) {
	cases := []struct {
		name  string
		opts  Options
		query string
		want  string
	}{
		{"polling", Options{}, pollingQuery, `0{"sid":"SID","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`},
		{"websocket", Options{}, socketQuery, `0{"sid":"SID","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`},
		{"options", Options{PingInterval: 300 * time.Millisecond, PingTimeout: 200 * time.Millisecond, MaxPayload: 7}, pollingQuery, `0{"sid":"SID","upgrades":["websocket"],"pingInterval":300,"pingTimeout":200,"maxPayload":7}`},
		{"no upgrades", Options{NoUpgrades: true}, pollingQuery, `0{"sid":"SID","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`},
		{"polling alone", Options{Transports: []Transport{Polling}}, pollingQuery, `0{"sid":"SID","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newPipe(t, tc.opts, nil)
				var got string
				if strings.Contains(tc.query, "websocket") {
					got = f.socket(tc.query).read()
				} else {
					a := f.must("GET", tc.query, "")
					got = a.body
					for name, want := range map[string]string{"Content-Type": "text/plain; charset=UTF-8", "Cache-Control": "no-store", "Set-Cookie": "", "Access-Control-Allow-Origin": ""} {
						if value := a.header.Get(name); value != want {
							t.Errorf("%s: %q, want %q", name, value, want)
						}
					}
				}
				sid := (<-f.opened).s.ID()
				if raw, err := base64.RawURLEncoding.DecodeString(sid); err != nil || len(raw) != 16 {
					t.Errorf("sid %q is not 128 bits", sid)
				}
				if got = strings.Replace(got, sid, "SID", 1); got != tc.want {
					t.Errorf("got  %s\nwant %s", got, tc.want)
				}
			})
		})
	}
}

// TestHandshakeErrors checks that the codes and texts are those of the Node server.
func TestHandshakeErrors(t *testing.T) {
	f := newTCP(t, Options{}, nil)
	cases := []struct {
		method, query string
		upgrade       bool
		status        int
		body          string
	}{
		{"GET", "EIO=4", false, 400, `{"code":0,"message":"Transport unknown"}`},
		{"GET", "EIO=4&transport=abc", false, 400, `{"code":0,"message":"Transport unknown"}`},
		{"GET", "EIO=4&transport=webtransport", false, 400, `{"code":0,"message":"Transport unknown"}`},
		{"GET", "EIO=4&transport=abc", true, 400, "Transport unknown"},
		{"GET", "EIO=4&transport=polling&sid=__proto__", false, 400, unknownSession},
		{"POST", "EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAAAA", false, 400, unknownSession},
		{"GET", "EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAAAAAAAA", true, 400, "Session ID unknown"},
		{"POST", "EIO=4&transport=polling", false, 400, `{"code":2,"message":"Bad handshake method"}`},
		{"PUT", "EIO=4&transport=polling", false, 400, `{"code":2,"message":"Bad handshake method"}`},
		{"HEAD", "EIO=4&transport=polling", false, 400, ""},
		{"GET", "EIO=4&transport=websocket", false, 400, badRequest},
		{"GET", "EIO=4&transport=polling", true, 400, "Bad request"},
		{"GET", "transport=polling", false, 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"GET", "EIO=3&transport=polling", false, 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"GET", "EIO=abc&transport=polling", false, 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"GET", "EIO=5&transport=websocket", true, 400, "Unsupported protocol version"},
	}
	for _, tc := range cases {
		var headers []string
		if tc.upgrade {
			headers = []string{"Connection", "keep-alive, Upgrade", "Upgrade", "WebSocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}
		}
		a := f.must(tc.method, tc.query, "", headers...)
		if a.status != tc.status || a.body != tc.body {
			t.Errorf("%s %s upgrade %v: %d %q, want %d %q", tc.method, tc.query, tc.upgrade, a.status, a.body, tc.status, tc.body)
		}
		if want := map[bool]string{false: "application/json", true: "text/html"}[tc.upgrade]; a.header.Get("Content-Type") != want {
			t.Errorf("%s: Content-Type %q, want %q", tc.query, a.header.Get("Content-Type"), want)
		}
		if a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: Cache-Control %q", tc.query, a.header.Get("Cache-Control"))
		}
	}
	f.expectNoSessions()
}

func TestInvalidRequestsOfASession(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		query, c := f.open()
		f.expect("PUT", query, "", 400, badRequest)
		f.expect("DELETE", query, "", 400, badRequest)
		f.expect("GET", query, "a body", 400, badRequest)
		f.expect("GET", strings.Replace(query, "polling", "websocket", 1), "", 400, badRequest)
		f.expect("GET", strings.Replace(query, "EIO=4", "EIO=3", 1), "", 400, `{"code":5,"message":"Unsupported protocol version"}`)
		expectAlive(t, c)
	})
}

func TestWebSocketNeedsAHijacker(t *testing.T) {
	var log logBuffer
	srv, _ := newServer(t, Options{Logger: log.logger()}, nil)
	r := httptest.NewRequest("GET", "/engine.io/?"+socketQuery, nil)
	for _, pair := range [][2]string{{"Connection", "Upgrade"}, {"Upgrade", "websocket"}, {"Sec-WebSocket-Version", "13"}, {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}} {
		r.Header.Set(pair[0], pair[1])
	}
	w := httptest.NewRecorder()
	srv.ServeHTTP(w, r)
	if w.Code != 500 || !strings.Contains(log.String(), "Unwrap") || !strings.Contains(log.String(), "ResponseRecorder") {
		t.Errorf("status %d, log %q", w.Code, log.String())
	}
	if n := srv.Sessions(); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

// TestEarlyFrames checks that frames that the client sends without waiting for the response
// are not lost, although net/http may have read some of them already.
func TestEarlyFrames(t *testing.T) {
	t.Run("tcp", func(t *testing.T) { testEarlyFrames(t, newTCP) })
	t.Run("shared", func(t *testing.T) { testEarlyFrames(t, newShared) })
}

func testEarlyFrames(t *testing.T, serve serveFunc) {
	f := serve(t, Options{}, func(c *recorder, _ *http.Request) Conn { c.echo(); return c })
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url[:strings.LastIndex(f.url, "/engine.io")], "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	request := "GET /engine.io/?" + socketQuery + " HTTP/1.1\r\nHost: " + conn.RemoteAddr().String() + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	early := wire(frame{0x81, false, "4early"}, frame{0x81, false, "4bird"})
	conn.Write(append([]byte(request), early[:len(early)-2]...))
	conn.Write(early[len(early)-2:])
	c := <-f.opened
	buf := make([]byte, 4096)
	var got string
	conn.SetReadDeadline(time.Now().Add(time.Minute))
	for !strings.HasSuffix(got, "\x81\x064early\x81\x054bird") {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("%v after %q", err, got)
		}
		got += string(buf[:n])
	}
	c.s.Abort(ForcedClose)
	expectEnd(t, c, ForcedClose)
}

func TestAllow(t *testing.T) {
	asked := 0
	f := newTCP(t, Options{Allow: func(r *http.Request) error {
		asked++
		switch r.Header.Get("X-Test") {
		case "plain":
			return errors.New("a secret of the inside")
		case "own":
			return fmt.Errorf("wrapped: %w", &RefusedError{Status: 402, Message: "pay <first>"})
		case "zero":
			return &RefusedError{}
		case "broken":
			return &RefusedError{Message: "\xff"}
		}
		return nil
	}}, nil)
	for header, want := range map[string]answer{
		"plain":  {status: 403, body: `{"code":4,"message":"Forbidden"}`},
		"own":    {status: 402, body: `{"code":4,"message":"pay <first>"}`},
		"zero":   {status: 403, body: `{"code":4,"message":"Forbidden"}`},
		"broken": {status: 403, body: `{"code":4,"message":"Forbidden"}`},
	} {
		if a := f.must("GET", pollingQuery, "", "X-Test", header); a.status != want.status || a.body != want.body {
			t.Errorf("%s: %d %q, want %d %q", header, a.status, a.body, want.status, want.body)
		}
	}
	_, err := f.trySocket(socketQuery, "X-Test", "own")
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Status != 402 || refused.Message != "pay &lt;first&gt;" {
		t.Errorf("websocket: %v", err)
	}
	query, _ := f.open()
	before := asked
	f.expect("POST", query, "3", 200, "ok")
	if asked != before {
		t.Error("asked again for a request of a session")
	}
}

func TestNilConnRefuses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, func(c *recorder, _ *http.Request) Conn {
			c.s.Send(NewMessage([]byte("never seen")))
			return nil
		})
		f.expect("GET", pollingQuery, "", 503, `{"code":4,"message":"Service unavailable"}`)
		f.socket(socketQuery).expect("close", "end")
		synctest.Wait()
		if n := f.srv.Sessions(); n != 0 {
			t.Errorf("%d sessions", n)
		}
	})
}

func TestPanicInOpen(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log logBuffer
		f := newPipe(t, Options{Logger: log.logger()}, func(*recorder, *http.Request) Conn { panic("Bearer boom") })
		f.expect("GET", pollingQuery, "", 503, `{"code":4,"message":"Service unavailable"}`)
		f.socket(socketQuery).expect("close", "end")
		synctest.Wait()
		if n := f.srv.Sessions(); n != 0 || strings.Count(log.String(), "panic=string") != 1 || strings.Contains(log.String(), "boom") {
			t.Errorf("%d sessions, log %q", n, log.String())
		}
	})
}

// TestSendWhileOpening checks that messages sent while a session opens follow the open
// packet.
func TestSendWhileOpening(t *testing.T) {
	onBoth(t, func(t *testing.T, serve serveFunc) {
		f := serve(t, Options{}, func(c *recorder, _ *http.Request) Conn {
			c.s.Send(NewMessage([]byte("one")))
			c.s.Send(NewBinaryMessage([]byte{1}))
			return c
		})
		if a := f.must("GET", pollingQuery, ""); !strings.HasSuffix(a.body, "}\x1e4one\x1ebAQ==") {
			t.Errorf("polling: %q", a.body)
		}
		<-f.opened
		w, _ := f.openSocket()
		w.expect("4one", "binary:\x01")
	})
}

func TestCloseWhileOpening(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, func(c *recorder, _ *http.Request) Conn {
			c.s.Send(NewMessage([]byte("bye")))
			c.s.Close(ForcedClose)
			return c
		})
		w, c := f.openSocket()
		w.expect("4bye", "close")
		w.close()
		expectEnd(t, c, ForcedClose)
		query, c := f.open()
		f.expect("GET", query, "", 200, "1")
		expectEnd(t, c, ForcedClose)
	})
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, func(c *recorder, _ *http.Request) Conn { c.s.Abort(ForcedClose); return c })
		query, c := f.open()
		expectEnd(t, c, ForcedClose)
		f.expect("GET", query, "", 400, unknownSession)
		f.trySocket(socketQuery)
		expectEnd(t, <-f.opened, ForcedClose)
	})
}
