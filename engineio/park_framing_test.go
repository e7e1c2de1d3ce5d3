package engineio

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"syscall"
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

// framings are responses of middleware that say different things about their length.
var framings = map[string]func(w http.ResponseWriter, r *http.Request){
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
	"large with a length": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "3000000")
		for range 3 {
			w.Write(make([]byte, 1_000_000))
		}
	},
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
	"short after a flush": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "one")
		w.(http.Flusher).Flush()
	},
	"whole before a flush": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "3")
		io.WriteString(w, "one")
		w.(http.Flusher).Flush()
		if _, err := io.WriteString(w, "two"); err != http.ErrContentLength {
			panic(fmt.Sprint("want ErrContentLength: ", err))
		}
	},
	"end of keep-alives": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		io.WriteString(w, "one")
	},
	"Goexit after a flush": func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "one")
		w.(http.Flusher).Flush()
		runtime.Goexit()
	},
	"panic after a flush": func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "one")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	},
	"late header": func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.Header().Set("X-Late", "late")
		io.WriteString(w, "one")
	},
	"odd status":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(1000) },
	"zero status": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(0) },
	"own Date":    func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Date", "today") },
}

// TestFramingOfMiddleware checks that a client finds the same responses on a parked connection as on
// one of net/http, whatever middleware says about the length of its response. Only the parked connection may be
// closed before it if net/http would send only a part.
func TestFramingOfMiddleware(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		for name, handle := range framings {
			t.Run(network+" "+name, func(t *testing.T) {
				want, wantNext := readFraming(t, network, handle, false)
				got, next := readFraming(t, network, handle, true)
				if !want.complete && !got.begun {
					want = got
				}
				if next == noResponse && wantNext == noResponse {
					want.closes = got.closes // whether the end of the connection was announced
				}
				if got != want || next != wantNext {
					t.Errorf("parked\n%.1000s\n%.1000s\nwant\n%.1000s\n%.1000s", fmt.Sprint(got), fmt.Sprint(next), fmt.Sprint(want), fmt.Sprint(wantNext))
				}
			})
		}
	}
}

// readFraming returns what a client finds if handle answers its second poll, and after that.
func readFraming(t *testing.T, network string, handle http.HandlerFunc, park bool) (first, next framed) {
	t.Helper()
	f := newParked(t, Options{Logger: slog.New(slog.DiscardHandler)}, nil, handling(1, func(w http.ResponseWriter, r *http.Request, _ http.Handler) { handle(w, r) }),
		func(web *http.Server) { web.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) })
	f.srv.unparkable.Store(!park)
	query, c := f.open()
	conn := f.connect()
	if network == "unix" {
		conn = f.connectUnix()
	}
	conn.send(f.request("GET", query, ""))
	if park {
		c.expectParkedPoll(t)
	} else {
		eventually(t, "a poll", func() bool { return polls(c.s) })
	}
	c.s.Send(NewMessage([]byte("x")))
	conn.expectResponse("GET", "4x")
	conn.send(f.request("GET", query, ""))
	first = readResponse(conn.in)
	_, _ = io.WriteString(conn.Conn, "GET /elsewhere HTTP/1.1\r\nHost: pipe\r\nConnection: close\r\n\r\n") // which fails if it is closed
	return first, readResponse(conn.in)
}

// framed is what a client finds. The time and the headers that say where the body ends are left out.
type framed struct {
	begun, complete, closes bool
	status                  int
	header, body            string
}

// noResponse is what a client finds at the end of the connection.
var noResponse framed

func readResponse(in *bufio.Reader) framed {
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return noResponse
	}
	body, err := io.ReadAll(resp.Body)
	if _, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		resp.Header.Del("Date")
	}
	for _, name := range []string{"Connection", "Content-Length"} {
		resp.Header.Del(name)
	}
	return framed{true, err == nil, resp.Close, resp.StatusCode, fmt.Sprint(resp.Header), string(body)}
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
		if got := readResponse(conn.in); got.status != http.StatusAccepted || got.body != "4y" || !got.complete || got.closes {
			t.Errorf("n = %d: %v", n, got)
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
	failed := make(chan struct{}) // closed when the write of middleware has failed
	for name, handle := range map[string]func(w http.ResponseWriter, r *http.Request, next http.Handler){
		"poll": func(w http.ResponseWriter, r *http.Request, next http.Handler) { next.ServeHTTP(w, r) },
		"middleware": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Content-Length", fmt.Sprint(32<<20+5))
			w.Write(make([]byte, 32<<20))
			close(failed)
			time.Sleep(time.Second) // in which the peer reads
			w.Write([]byte("after"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newParked(t, Options{PingTimeout: 300 * time.Millisecond, PingInterval: time.Hour}, nil, handling(1, handle))
			conn, query, c := f.connectParked()
			c.s.Send(NewMessage(make([]byte, 32<<20)))
			conn.send(f.request("GET", query, ""))
			if name == "middleware" {
				<-failed
			} else {
				f.expectParked(0)
			}
			text, err := io.ReadAll(conn.in)
			if err != nil && !errors.Is(err, syscall.ECONNRESET) || len(text) == 0 || len(text) >= 32<<20 || strings.HasSuffix(string(text), "after") {
				t.Errorf("%d bytes, %v, want a part of the response and the end of the connection", len(text), err)
			}
			f.expectParked(0)
		})
	}
}
