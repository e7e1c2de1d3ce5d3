package engineio

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// handling returns a change of an http.Server that calls handle instead of its handler for the poll
// after n others.
func handling(n int, handle func(w http.ResponseWriter, r *http.Request, next http.Handler)) func(*http.Server) {
	return around(func(i int, w http.ResponseWriter, r *http.Request, next http.Handler) {
		if i == n {
			handle(w, r, next)
		} else {
			next.ServeHTTP(w, r)
		}
	})
}

// connectParked opens a session and returns a connection that was parked with its poll, which has been answered.
func (f *fixture) connectParked() (conn *rawConn, query string, c *recorder) {
	f.t.Helper()
	query, c = f.open()
	conn = f.connect()
	f.parkPoll(conn, c, "")
	c.s.Send(NewMessage([]byte("x")))
	conn.expectResponse("GET", "4x")
	return conn, query, c
}

// TestFramingOfMiddleware checks that a client finds the same responses on a parked connection as on
// one of net/http, whatever middleware says about the length of its response.
func TestFramingOfMiddleware(t *testing.T) {
	for name, handle := range map[string]func(w http.ResponseWriter, r *http.Request){
		"Transfer-Encoding": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Transfer-Encoding", "chunked")
			w.Header().Set("Content-Type", "text/plain")
			w.(http.Flusher).Flush()
			io.WriteString(w, "onetwo")
		},
		"Transfer-Encoding and Content-Length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Transfer-Encoding", "identity")
			w.Header().Set("Content-Length", "6")
			w.Header().Set("Content-Type", "text/plain")
			io.WriteString(w, "onetwo")
		},
		"flushed": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "one")
			w.(http.Flusher).Flush()
			io.WriteString(w, "two")
		},
		"flushed before the body": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.(http.Flusher).Flush()
			w.(http.Flusher).Flush()
		},
		"large": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("x", 2*maxHeldBody)) },
		"too short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			io.WriteString(w, "one")
		},
		"too long": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "3")
			io.WriteString(w, "one")
			if _, err := io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nanother"); err != http.ErrContentLength {
				panic(fmt.Sprint("want ErrContentLength: ", err))
			}
		},
		"odd Content-Length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "-3")
			io.WriteString(w, "one")
			w.(http.Flusher).Flush()
		},
		"no content with a length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "3")
			w.WriteHeader(http.StatusNoContent)
		},
		"not modified with a length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "3")
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(http.StatusNotModified)
			w.Write(nil)
		},
		"panic after a flush": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "one")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
		"odd status":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(1000) },
		"zero status": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(0) },
		"own Date":    func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Date", "today") },
	} {
		t.Run(name, func(t *testing.T) {
			var got [2]string
			for i := range got {
				f := newParked(t, Options{Logger: slog.New(slog.DiscardHandler)}, nil, handling(1, func(w http.ResponseWriter, r *http.Request, _ http.Handler) { handle(w, r) }))
				f.web.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
				var conn *rawConn
				var query string
				if i == 1 {
					conn, query, _ = f.connectParked()
				} else {
					f.srv.unparkable.Store(true)
					var c *recorder
					query, c = f.open()
					conn = f.connect()
					conn.send(f.request("GET", query, ""))
					eventually(t, "a poll", func() bool { return polls(c.s) })
					c.s.Send(NewMessage([]byte("x")))
					conn.expectResponse("GET", "4x")
				}
				conn.send(f.request("GET", query, ""))
				got[i] = readResponse(conn.in)
				_, _ = io.WriteString(conn.Conn, "GET /elsewhere HTTP/1.1\r\nHost: pipe\r\nConnection: close\r\n\r\n") // which fails if it is closed
				got[i] += readResponse(conn.in)
			}
			if got[0] != got[1] {
				t.Errorf("parked\n%.1000s\nwant\n%.1000s", got[1], got[0])
			}
		})
	}
}

// readResponse returns what a client finds. It leaves out the time.
func readResponse(in *bufio.Reader) string {
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return "no response\n"
	}
	body, err := io.ReadAll(resp.Body)
	if _, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		resp.Header.Del("Date")
	}
	return fmt.Sprintln(resp.StatusCode, resp.Header, resp.ContentLength, resp.TransferEncoding, resp.Close, string(body), err)
}

// TestBegunResponseIsNotParked checks that a poll whose middleware has begun the response gets one response.
func TestBegunResponseIsNotParked(t *testing.T) {
	for n := range 2 {
		f := newParked(t, Options{}, nil, handling(n, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			w.WriteHeader(http.StatusAccepted)
			next.ServeHTTP(w, r)
		}))
		var conn *rawConn
		var query string
		var c *recorder
		if n == 1 {
			conn, query, c = f.connectParked()
		} else {
			query, c = f.open()
			conn = f.connect()
		}
		conn.send(f.request("GET", query, ""))
		eventually(t, "a poll", func() bool { return polls(c.s) })
		time.Sleep(10 * time.Millisecond) // until it has probably been parked
		c.s.Send(NewMessage([]byte("y")))
		if got := readResponse(conn.in); !strings.HasPrefix(got, "202 ") || !strings.Contains(got, " 4y ") {
			t.Errorf("n = %d: %s", n, got)
		}
		conn.send(f.request("GET", query, ""))
		eventually(t, "a poll", func() bool { return polls(c.s) })
		c.s.Send(NewMessage([]byte("z")))
		conn.expectResponse("GET", "4z")
	}
}

// TestUnreadResponseOnParkedConnection checks that nothing follows a response of which a part could not be written,
// because the peer would take that for the rest.
func TestUnreadResponseOnParkedConnection(t *testing.T) {
	for name, handle := range map[string]func(w http.ResponseWriter, r *http.Request, next http.Handler){
		"poll": func(w http.ResponseWriter, r *http.Request, next http.Handler) { next.ServeHTTP(w, r) },
		"middleware": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Content-Length", fmt.Sprint(32<<20+5))
			w.Write(make([]byte, 32<<20))
			time.Sleep(time.Second) // in which the peer reads
			w.Write([]byte("after"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newParked(t, Options{PingTimeout: 300 * time.Millisecond, PingInterval: time.Hour}, nil, handling(1, handle))
			conn, query, c := f.connectParked()
			c.s.Send(NewMessage(make([]byte, 32<<20)))
			conn.send(f.request("GET", query, ""))
			time.Sleep(600 * time.Millisecond)
			text, err := io.ReadAll(conn.in)
			if err != nil || len(text) == 0 || len(text) >= 32<<20 || strings.HasSuffix(string(text), "after") {
				t.Errorf("%d bytes, %v, want a part of the response and the end of the connection", len(text), err)
			}
			f.expectParked(0)
		})
	}
}

// TestHalfARequestOnAParkedConnection checks that http.Server's limits bound a request of which only a part comes.
func TestHalfARequestOnAParkedConnection(t *testing.T) {
	f := newParked(t, Options{}, nil, func(web *http.Server) { web.ReadHeaderTimeout = 50 * time.Millisecond })
	conn, query, c := f.connectParked()
	conn.send(f.request("GET", query, "")[:40])
	if text, err := io.ReadAll(conn.in); err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 400 ") {
		t.Errorf("%q %v, want 400 and the end of the connection", text, err)
	}
	f.expectParked(0)
	expectAlive(t, c)
}

// TestEndOfServerWhileAHandlerRuns checks that a handler on a parked connection may complete its response
// after closeParked and during Shutdown, and that Shutdown cancels it when it waits no longer.
func TestEndOfServerWhileAHandlerRuns(t *testing.T) {
	for _, abort := range []bool{false, true} {
		began, goOn, result := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		f := newParked(t, Options{PingInterval: time.Hour}, nil, handling(1, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			close(began)
			select {
			case <-r.Context().Done():
				result <- r.Context().Err()
			case <-goOn:
				io.WriteString(w, "done")
				result <- nil
			}
		}))
		conn, query, _ := f.connectParked()
		conn.send(f.request("GET", query, ""))
		<-began
		shut := make(chan error, 1)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		go func() { shut <- f.srv.Shutdown(ctx) }()
		if !abort {
			eventually(t, "the shutdown", func() bool { return f.srv.Sessions() == 0 })
			time.Sleep(100 * time.Millisecond) // in which the handler would be cancelled
			close(goOn)
			if a := conn.expectResponse("GET", "done"); a.header.Get("Connection") != "close" {
				t.Errorf("%v, want Connection: close", a.header)
			}
		}
		if err := <-result; abort != errors.Is(err, context.Canceled) {
			t.Errorf("abort %t: %v", abort, err)
		}
		if err := <-shut; err != nil {
			t.Error(err)
		}
		cancel()
		_, _ = io.ReadAll(conn.in)
		f.expectParked(0)
	}
}

// TestCloseBetweenReadingAndServing checks that a poll that has been read is answered if the connection is
// closed in order before its handler runs.
func TestCloseBetweenReadingAndServing(t *testing.T) {
	f := newParked(t, Options{}, nil, handling(0, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		time.Sleep(10 * time.Millisecond) // in which it would be cancelled
		fmt.Fprint(w, r.Context().Err())
	}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	f.url = "http://" + listener.Addr().String() + f.srv.opts.Path
	peer := f.connect()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	k := &parked{srv: f.srv, web: f.web, conn: conn, woken: true, early: []byte(f.request("GET", pollingQuery+"&sid=any", ""))}
	k.watch = newWatch(k)
	f.srv.list(k)
	r := k.readPoll()
	k.close(false)
	if k.serve(r) {
		k.next()
	}
	if a := peer.expectResponse("GET", "<nil>"); a.header.Get("Connection") != "close" {
		t.Errorf("%v, want Connection: close", a.header)
	}
	peer.expectClosed()
	f.expectParked(0)
}

// TestGoexitBehindAParkedPoll checks that the connection is left once if a handler whose poll is parked ends its goroutine
// while the poll is answered and another request is there.
func TestGoexitBehindAParkedPoll(t *testing.T) {
	for range 50 {
		goOn := make(chan struct{})
		f := newParked(t, Options{}, nil, handling(1, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			next.ServeHTTP(w, r)
			<-goOn
			runtime.Goexit()
		}))
		conn, query, c := f.connectParked()
		f.parkPoll(conn, c, "")
		conn.send(f.request("GET", query, ""))
		eventually(t, "the next request", func() bool {
			f.srv.mu.Lock()
			defer f.srv.mu.Unlock()
			for k := range f.srv.parked {
				k.mu.Lock()
				defer k.mu.Unlock()
				return k.woken
			}
			return false
		})
		go c.s.Send(NewMessage([]byte("y")))
		close(goOn)
		_, _ = io.ReadAll(conn.in)
		f.expectParked(0)
		f.srv.Close()
		eventually(t, "the end of all tasks", func() bool {
			f.srv.mu.Lock()
			defer f.srv.mu.Unlock()
			if f.srv.tasks < 0 {
				t.Fatalf("%d tasks", f.srv.tasks)
			}
			return f.srv.tasks == 0
		})
		f.srv.hands.mu.Lock()
		if n := f.srv.hands.sockets; n < 0 {
			t.Fatalf("%d connections", n)
		}
		f.srv.hands.mu.Unlock()
	}
}
