package engineio

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"socketiojwt/internal/limittest"
)

// around returns a change of an http.Server that calls handle before its handler, with the number of
// polls before this one.
func around(handle func(n int, w http.ResponseWriter, r *http.Request, next http.Handler)) func(*http.Server) {
	var polls atomic.Int64
	return func(web *http.Server) {
		next := web.Handler
		web.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || !strings.Contains(r.URL.RawQuery, "sid=") {
				next.ServeHTTP(w, r)
				return
			}
			handle(int(polls.Add(1))-1, w, r, next)
		})
	}
}

// TestPollsThatFollow checks that the polls after a parked one are served without net/http, but by
// its handler and with what net/http would tell the handler.
func TestPollsThatFollow(t *testing.T) {
	n, seen := make(chan struct{}, 10), make(chan string, 10)
	show := around(func(_ int, w http.ResponseWriter, r *http.Request, next http.Handler) {
		web, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
		local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		seen <- fmt.Sprint(r.Method, r.RequestURI, r.Proto, r.Host, r.Header, r.RemoteAddr, r.Body == http.NoBody, r.TLS != nil, web.Handler != nil, local)
		next.ServeHTTP(w, r)
	})
	f := newParked(t, Options{}, nil, show, hijacks(n))
	query, c := f.open()
	conn := f.connect()
	var first string
	for i := range 5 {
		f.parkPoll(conn, c, "X-Header: value\r\nConnection: keep-alive\r\n")
		if got := <-seen; i == 0 {
			first = got
		} else if got != first {
			t.Errorf("poll %d: the handler got\n%s\nwant\n%s", i, got, first)
		}
		text := fmt.Sprint("message ", i)
		c.s.Send(NewMessage([]byte(text)))
		conn.expectResponse("GET", "4"+text)
	}
	c.s.Send(NewMessage([]byte("queued")))
	conn.send(f.request("GET", query, ""))
	conn.expectResponse("GET", "4queued")
	if len(n) != 1 {
		t.Errorf("%d connections were taken over, want 1", len(n))
	}
	conn.send(f.postTo(query, "4x"))
	conn.expectResponse("POST", "ok")
	expectAlive(t, c)
}

// TestPollsThatDoNotWait checks that what is wrong with a poll on a parked connection is answered.
func TestPollsThatDoNotWait(t *testing.T) {
	f := newParked(t, Options{}, nil)
	query, c := f.open()
	conn := f.connect()
	f.parkPoll(conn, c, "")
	c.s.Send(NewMessage([]byte("x")))
	conn.expectResponse("GET", "4x")
	conn.send(f.request("GET", query+"x", ""))
	if a := conn.response("GET"); a.status != 400 || a.body != unknownSession || a.header.Get("Connection") != "" {
		t.Errorf("%v, want 400 %s", a, unknownSession)
	}
	f.expectParked(1)
	f.parkPoll(conn, c, "")
	c.s.Abort(ForcedClose)
	conn.expectResponse("GET", "1")
	f.expectParked(1)
}

// TestOtherRequestsOnParkedConnections checks that they reach net/http as they were sent, whole or
// in parts.
func TestOtherRequestsOnParkedConnections(t *testing.T) {
	f := newParked(t, Options{}, nil, func(web *http.Server) { web.MaxHeaderBytes = 1000 })
	for name, send := range map[string]func(conn *rawConn, poll string) (status int){
		"in parts": func(conn *rawConn, poll string) int {
			conn.send(poll[:len(poll)/2])
			time.Sleep(10 * time.Millisecond) // until it has probably been read
			conn.send(poll[len(poll)/2:])
			return 200
		},
		"Connection: close": func(conn *rawConn, poll string) int {
			conn.send(strings.Replace(poll, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1))
			return 200
		},
		"body": func(conn *rawConn, poll string) int {
			conn.send(strings.Replace(poll, "\r\n\r\n", "\r\nContent-Length: 3\r\n\r\nabc", 1))
			return 400
		},
		"large header": func(conn *rawConn, poll string) int {
			conn.send(strings.Replace(poll, "\r\n\r\n", "\r\nX: "+strings.Repeat("x", 7000)+"\r\n\r\n", 1))
			return 431
		},
		"pipelined": func(conn *rawConn, poll string) int {
			conn.send(poll + "GET /elsewhere HTTP/1.1\r\nHost: pipe\r\n\r\n")
			conn.expectResponse("GET", "4next")
			return 404
		},
		"Expect": func(conn *rawConn, poll string) int {
			conn.send(strings.Replace(poll, "\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n", 1))
			return 200
		},
		"Transfer-Encoding and Content-Length": func(conn *rawConn, poll string) int {
			conn.send(strings.Replace(poll, "\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\nContent-Length: 100\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 1))
			return 400
		},
		"HTTP/1.0": func(conn *rawConn, poll string) int {
			conn.send(strings.Replace(poll, "HTTP/1.1", "HTTP/1.0", 1))
			return 200
		},
		"Upgrade": func(conn *rawConn, poll string) int {
			conn.send(strings.Replace(poll, "\r\n\r\n", "\r\n"+upgradeLines+"\r\n", 1))
			return 400
		},
		"another route": func(conn *rawConn, poll string) int {
			conn.send(strings.Replace(poll, "engine.io", "files", 1))
			return 404
		},
		"not HTTP": func(conn *rawConn, _ string) int { conn.send("hello\r\n\r\n"); return 400 },
	} {
		t.Run(name, func(t *testing.T) {
			query, c := f.open()
			conn := f.connect()
			f.parkPoll(conn, c, "")
			c.s.Send(NewMessage([]byte("x")))
			conn.expectResponse("GET", "4x")
			c.s.Send(NewMessage([]byte("next")))
			want := send(conn, f.request("GET", query, ""))
			if a := conn.response("GET"); a.status != want || want == 200 && a.body != "4next" {
				t.Errorf("%v, want %d", a, want)
			}
		})
	}
}

// TestPeerLeavesPollOfWrappedWriter checks that a poll that cannot be parked, on a connection that is
// parked, ends with its peer.
func TestPeerLeavesPollOfWrappedWriter(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		f := newParked(t, Options{PingInterval: time.Hour}, nil, around(func(n int, w http.ResponseWriter, r *http.Request, next http.Handler) {
			if n > 0 {
				w = struct{ http.ResponseWriter }{w}
			}
			next.ServeHTTP(w, r)
		}))
		query, c := f.open()
		conn := f.connect()
		f.parkPoll(conn, c, "")
		c.s.Send(NewMessage([]byte("x")))
		conn.expectResponse("GET", "4x")
		conn.send(f.request("GET", query, ""))
		eventually(t, "a poll", func() bool { return polls(c.s) })
		if leaves {
			conn.Close()
			expectEnd(t, c, TransportError)
			f.expectParked(0)
		} else {
			c.s.Send(NewMessage([]byte("y")))
			conn.expectResponse("GET", "4y")
			f.expectParked(1)
		}
	}
}

// TestEndOfTheHTTPServer checks that the response to a parked poll says that the connection ends if
// the http.Server has been shut down.
func TestEndOfTheHTTPServer(t *testing.T) {
	ended, end := context.WithCancel(context.Background())
	end()
	onParked(t, func(t *testing.T, serve serveFunc) {
		for name, end := range map[string]func(*http.Server){
			"Shutdown": func(web *http.Server) { _ = web.Shutdown(ended) },
			"Close":    func(web *http.Server) { _ = web.Close() },
		} {
			for _, polls := range []int{1, 2} {
				f := serve(t, Options{}, nil)
				_, c := f.open()
				conn := f.connect()
				for i := range polls {
					f.parkPoll(conn, c, "")
					if i == polls-1 {
						end(f.web)
					}
					c.s.Send(NewMessage([]byte("x")))
					a := conn.expectResponse("GET", "4x")
					if want := i == polls-1; want != (a.header.Get("Connection") == "close") {
						t.Errorf("%s: %v, want Connection: close: %t", name, a.header, want)
					}
				}
				conn.expectClosed()
			}
		}
	})
}

// TestSlowPeerOfAParkedPoll checks that the answers to other polls do not wait for a peer that does
// not read.
func TestSlowPeerOfAParkedPoll(t *testing.T) {
	f := newParked(t, Options{}, nil)
	m := NewMessage([]byte(strings.Repeat("x", 32<<20)))
	var conns []*rawConn
	var all []*recorder
	for range runtime.GOMAXPROCS(0) {
		_, c := f.open()
		conn := f.connect()
		f.parkPoll(conn, c, "")
		conns, all = append(conns, conn), append(all, c)
	}
	for i, c := range all {
		c.s.Send(m)
		if _, err := conns[i].in.Peek(1); err != nil { // so that no goroutine takes two of them in one turn
			t.Fatal(err)
		}
	}
	_, c := f.open()
	conn := f.connect()
	f.parkPoll(conn, c, "")
	c.s.Send(NewMessage([]byte("fast")))
	conn.expectResponse("GET", "4fast")
	for _, conn := range conns {
		if a := conn.response("GET"); len(a.body) != 1+32<<20 {
			t.Errorf("%d bytes", len(a.body))
		}
	}
}

// TestDeadlineOfALargeResponse checks that the deadline of a response that waited for its peer
// does not affect the next response on the connection.
func TestDeadlineOfALargeResponse(t *testing.T) {
	limittest.Run(t, 100*time.Millisecond, func(d time.Duration) error {
		f := newParked(t, Options{PingTimeout: d, PingInterval: time.Hour}, nil)
		_, c, err := f.tryOpen()
		if err != nil {
			return err
		}
		conn := f.connect()
		f.parkPoll(conn, c, "")
		c.s.Send(NewMessage(make([]byte, 8<<20)))
		if got := readResponse(conn.in); !got.complete || len(got.body) != 1+8<<20 {
			return fmt.Errorf("%d bytes of the large response", len(got.body))
		}
		f.parkPoll(conn, c, "")
		time.Sleep(d + d/5)
		c.s.Send(NewMessage([]byte("later")))
		if got := readResponse(conn.in); got.body != "4later" {
			return fmt.Errorf("the next response: %q", got.body)
		}
		return nil
	})
}
