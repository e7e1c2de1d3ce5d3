package engineio

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestParkedConnection checks that one connection serves polls and POSTs in turn while it is
// parked between and during them.
func TestParkedConnection(t *testing.T) {
	onParked(t, func(t *testing.T, serve serveFunc) {
		f := serve(t, Options{}, nil)
		query, c := f.open()
		conn := f.connect()
		for i := range 5 {
			f.parkPoll(conn, c, "")
			text := fmt.Sprint("message ", i)
			c.s.Send(NewMessage([]byte(text)))
			conn.expectResponse("GET", "4"+text)
			f.expectParked(1)
			conn.send(f.postTo(query, "4"+text))
			conn.expectResponse("POST", "ok")
			f.expectParked(1)
		}
		expectAlive(t, c)
		if got := c.got(); len(got) != 5 {
			t.Errorf("messages %q", got)
		}
	})
}

// TestResponseToParkedPoll checks that the response is the one that net/http writes.
func TestResponseToParkedPoll(t *testing.T) {
	setHeader := func(web *http.Server) {
		next := web.Handler
		web.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Middleware", "was here")
			next.ServeHTTP(w, r)
		})
	}
	opts := Options{Origins: []string{"https://app.example"}, CORS: CORS{Credentials: true}, CompressFrom: 10,
		AllowEIO3: true, Bind: func(*http.Request) string { return "bound" }}
	for _, tc := range []struct{ name, query, header, message string }{
		{"plain", pollingQuery, "", "hello"},
		{"CORS", pollingQuery, "Origin: https://app.example\r\n", "hello"},
		{"gzip", pollingQuery, "Accept-Encoding: gzip\r\n", strings.Repeat("long", 100)},
		{"EIO3", "EIO=3&transport=polling", "", "hello"},
		{"JSONP", "EIO=3&transport=polling&j=3", "", "hello"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got [2]answer
			for i, serve := range []serveFunc{newTCP, newParked} {
				f := serve(t, opts, nil, setHeader)
				c := f.openBy(tc.query)
				conn := f.connect()
				conn.send(f.request("GET", tc.query+"&sid="+c.s.ID(), tc.header))
				if i == 1 {
					c.expectParkedPoll(t)
				} else {
					eventually(t, "a poll", func() bool { return polls(c.s) })
				}
				c.s.Send(NewMessage([]byte(tc.message)))
				got[i] = conn.response("GET")
				if _, err := http.ParseTime(got[i].header.Get("Date")); err != nil {
					t.Error(err)
				}
				got[i].header.Del("Date")
			}
			if got[0].status != got[1].status || got[0].body != got[1].body || !maps.EqualFunc(got[0].header, got[1].header, slices.Equal) {
				t.Errorf("parked %v\nwant %v", got[1], got[0])
			}
		})
	}
}

// openBy starts a session by polling with that query.
func (f *fixture) openBy(query string) *recorder {
	f.t.Helper()
	if a := f.must("GET", query, ""); a.status != 200 {
		f.t.Fatalf("handshake: %d %s", a.status, a.body)
	}
	return <-f.opened
}

// TestPeerLeavesParkedPoll checks that the session ends at once when the peer closes the
// connection of its poll.
func TestPeerLeavesParkedPoll(t *testing.T) {
	onParked(t, func(t *testing.T, serve serveFunc) {
		ways := map[string]func(net.Conn){
			"closes":      func(c net.Conn) { c.Close() },
			"stops sends": func(c net.Conn) { c.(interface{ CloseWrite() error }).CloseWrite() },
			"resets": func(c net.Conn) {
				if secure, ok := c.(*tls.Conn); ok {
					c = secure.NetConn()
				}
				c.(*net.TCPConn).SetLinger(0)
				c.Close()
			},
		}
		for name, leave := range ways {
			t.Run(name, func(t *testing.T) {
				f := serve(t, Options{PingInterval: time.Hour}, nil)
				_, c := f.open()
				conn := f.connect()
				f.parkPoll(conn, c, "")
				leave(conn.Conn)
				expectEnd(t, c, TransportError)
				f.expectParked(0)
			})
		}
	})
}

// TestRequestBehindParkedPoll checks that a request that the peer sends before it has the
// response to its poll is answered after it, and that both have the same Request.TLS.
func TestRequestBehindParkedPoll(t *testing.T) {
	onParked(t, func(t *testing.T, serve serveFunc) {
		bind := func(r *http.Request) string { return fmt.Sprint("TLS: ", r.TLS != nil) }
		for _, wait := range []bool{false, true} {
			f := serve(t, Options{Bind: bind}, nil)
			query, c := f.open()
			conn := f.connect()
			poll, post := f.request("GET", query, ""), f.postTo(query, "4posted")
			if wait {
				conn.send(poll)
				c.expectParkedPoll(t)
				conn.send(post)
				time.Sleep(10 * time.Millisecond) // until it has probably been seen
			} else {
				conn.send(poll + post)
				c.expectParkedPoll(t)
			}
			c.s.Send(NewMessage([]byte("polled")))
			conn.expectResponse("GET", "4polled")
			conn.expectResponse("POST", "ok")
			if got := strings.Join(c.got(), " "); got != "posted" {
				t.Errorf("messages %q", got)
			}
		}
	})
}

// TestShutdownOfParkedConnections checks that polls are answered, and all connections closed.
func TestShutdownOfParkedConnections(t *testing.T) {
	onParked(t, func(t *testing.T, serve serveFunc) {
		f := serve(t, Options{}, nil)
		query, c := f.open()
		poll, idle := f.connect(), f.connect()
		f.parkPoll(poll, c, "")
		idle.send(f.postTo(query, "4x"))
		idle.expectResponse("POST", "ok")
		f.expectParked(2)
		if err := f.srv.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		f.expectParked(0)
		if a := poll.response("GET"); a.status != 200 || a.header.Get("Connection") != "close" {
			t.Errorf("%d %v, want 200 and Connection: close", a.status, a.header)
		}
		poll.expectClosed()
		idle.expectClosed()
	})
}

// TestParkedConnectionOfClosedServer checks that no request is served after the end of
// the http.Server.
func TestParkedConnectionOfClosedServer(t *testing.T) {
	onParked(t, func(t *testing.T, serve serveFunc) {
		f := serve(t, Options{}, nil)
		query, c := f.open()
		conn := f.connect()
		f.parkPoll(conn, c, "")
		f.web.Close()
		c.s.Send(NewMessage([]byte("polled")))
		conn.expectResponse("GET", "4polled")
		conn.send(f.postTo(query, "4x"))
		if _, err := io.ReadAll(conn.in); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Error(err)
		}
		f.expectParked(0)
		if got := c.got(); len(got) > 0 {
			t.Errorf("messages %q", got)
		}
	})
}

// TestPollAfterTheEndOfTheHTTPServer checks that a poll on a parked connection does not reach a handler.
func TestPollAfterTheEndOfTheHTTPServer(t *testing.T) {
	f := newParked(t, Options{}, nil)
	conn, query, c := f.connectParked()
	f.web.Close()
	c.s.Send(NewMessage([]byte("next")))
	conn.send(f.request("GET", query, ""))
	if text, err := io.ReadAll(conn.in); len(text) > 0 || err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("%q %v, want the end of the connection", text, err)
	}
	f.expectParked(0)
	expectAlive(t, c)
}

// TestLastParkedPoll checks that the connection is closed after the response if the peer
// sends no other request.
func TestLastParkedPoll(t *testing.T) {
	onParked(t, func(t *testing.T, serve serveFunc) {
		for _, tc := range []struct{ proto, header, status string }{
			{"1.1", "Connection: close\r\n", "HTTP/1.1 200 OK\r\n"},
			{"1.0", "", "HTTP/1.0 200 OK\r\n"},
		} {
			f := serve(t, Options{}, nil)
			query, c := f.open()
			conn := f.connect()
			conn.send(strings.Replace(f.request("GET", query, tc.header), "HTTP/1.1", "HTTP/"+tc.proto, 1))
			c.expectParkedPoll(t)
			c.s.Send(NewMessage([]byte("polled")))
			text, err := io.ReadAll(conn.in)
			if got := string(text); err != nil || !strings.HasPrefix(got, tc.status) || !strings.Contains(got, "\r\nConnection: close\r\n") || !strings.HasSuffix(got, "\r\n\r\n4polled") {
				t.Errorf("%q %v", got, err)
			}
			f.expectParked(0)
			expectAlive(t, c)
		}
	})
}

// TestSecondPollWhileParked checks that the parked poll is answered.
func TestSecondPollWhileParked(t *testing.T) {
	onParked(t, func(t *testing.T, serve serveFunc) {
		f := serve(t, Options{}, nil)
		query, c := f.open()
		conn := f.connect()
		f.parkPoll(conn, c, "")
		f.expect("GET", query, "", 400, badRequest)
		conn.expectResponse("GET", "1")
		expectEnd(t, c, TransportError)
		conn.send(f.request("GET", query, ""))
		if a := conn.response("GET"); a.status != 400 || a.body != unknownSession {
			t.Errorf("after the session's end: %d %q", a.status, a.body)
		}
	})
}

// TestUnreadParkedPoll checks that the session ends if the peer does not read the response.
func TestUnreadParkedPoll(t *testing.T) {
	f := newParked(t, Options{PingTimeout: 100 * time.Millisecond, PingInterval: time.Hour}, nil)
	_, c := f.open()
	conn := f.connect()
	f.parkPoll(conn, c, "")
	c.s.Send(NewMessage(make([]byte, 32<<20)))
	expectEnd(t, c, TransportError)
	f.expectParked(0)
}

// TestIdleTimeoutOfParkedConnection checks that http.Server.IdleTimeout holds, but not while
// a poll waits.
func TestIdleTimeoutOfParkedConnection(t *testing.T) {
	f := newParked(t, Options{}, nil, func(web *http.Server) { web.IdleTimeout = 50 * time.Millisecond })
	query, c := f.open()
	poll, post := f.connect(), f.connect()
	f.parkPoll(poll, c, "")
	post.send(f.postTo(query, "4x"))
	post.expectResponse("POST", "ok")
	post.expectClosed()
	time.Sleep(60 * time.Millisecond)
	c.s.Send(NewMessage([]byte("late")))
	poll.expectResponse("GET", "4late")
	poll.expectClosed()
	expectAlive(t, c)
}

// TestDeadlinesDoNotOutliveTheParking checks that a deadline of a parked connection does not
// affect its next request.
func TestDeadlinesDoNotOutliveTheParking(t *testing.T) {
	onParked(t, func(t *testing.T, serve serveFunc) {
		f := serve(t, Options{PingTimeout: 50 * time.Millisecond, PingInterval: time.Hour}, nil)
		_, c := f.open()
		conn := f.connect()
		f.parkPoll(conn, c, "")
		c.s.Send(NewMessage([]byte("polled")))
		conn.expectResponse("GET", "4polled")
		time.Sleep(60 * time.Millisecond)
		conn.send("GET /elsewhere HTTP/1.1\r\nHost: pipe\r\n\r\n") // which net/http answers, without a deadline
		if a := conn.response("GET"); a.status != 404 {
			t.Errorf("status %d", a.status)
		}
	})
}
