package engineio

import (
	"io"
	"log/slog"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"testing"
)

// TestResponsesOfMiddleware checks that middleware may answer a poll on a parked connection itself,
// and that the peer gets what net/http would send. "closes" says that the connection ends, and
// "aborts" that there is no response.
func TestResponsesOfMiddleware(t *testing.T) {
	for _, tc := range []struct {
		name           string
		handle         func(w http.ResponseWriter, r *http.Request)
		closes, aborts bool
	}{
		{name: "nothing", handle: func(http.ResponseWriter, *http.Request) {}},
		{name: "error", handle: func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "go away", http.StatusUnauthorized) }},
		{name: "redirect", handle: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}},
		{name: "sniffed", handle: func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html><body>hello") }},
		{name: "two headers", handle: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Add("Set-Cookie", "a=b")
			w.Header().Add("Set-Cookie", "c=d\r\nX-Injected: yes")
			w.WriteHeader(http.StatusAccepted)
			w.WriteHeader(http.StatusTeapot)
			io.WriteString(w, "one")
			io.WriteString(w, "two")
		}},
		{name: "no content", handle: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNoContent)
			if _, err := io.WriteString(w, "body"); err != http.ErrBodyNotAllowed {
				panic(err)
			}
		}},
		{name: "close", closes: true, handle: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			io.WriteString(w, "bye")
		}},
		{name: "panic", aborts: true, handle: func(http.ResponseWriter, *http.Request) { panic("secret") }},
		{name: "abort", aborts: true, handle: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{name: "Goexit", aborts: true, handle: func(http.ResponseWriter, *http.Request) { runtime.Goexit() }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got [2]answer
			for i := range got {
				n := make(chan struct{}, 10)
				f := newParked(t, Options{Logger: slog.New(slog.DiscardHandler)}, nil, hijacks(n), around(func(n int, w http.ResponseWriter, r *http.Request, next http.Handler) {
					if n == 1 {
						tc.handle(w, r)
					} else {
						next.ServeHTTP(w, r)
					}
				}))
				f.web.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
				query, c := f.open()
				conn := f.connect()
				if i == 1 {
					f.parkPoll(conn, c, "")
				} else {
					f.srv.unparkable.Store(true)
					conn.send(f.request("GET", query, ""))
					eventually(t, "a poll", func() bool { return polls(c.s) })
				}
				c.s.Send(NewMessage([]byte("x")))
				conn.expectResponse("GET", "4x")
				conn.send(f.request("GET", query, ""))
				if tc.aborts {
					conn.expectClosed()
				} else {
					got[i] = conn.response("GET")
					got[i].header.Del("Date")
				}
				if !tc.aborts && !tc.closes {
					c.s.Send(NewMessage([]byte("y")))
					conn.send(f.request("GET", query, ""))
					conn.expectResponse("GET", "4y")
				} else if !tc.aborts {
					conn.expectClosed()
				}
				expectAlive(t, c)
				if len(n) != i {
					t.Errorf("%d connections were taken over, want %d", len(n), i)
				}
			}
			if got[0].status != got[1].status || got[0].body != got[1].body || !maps.EqualFunc(got[0].header, got[1].header, slices.Equal) {
				t.Errorf("parked %d %v %.100q\nwant %d %v %.100q", got[1].status, got[1].header, got[1].body, got[0].status, got[0].header, got[0].body)
			}
		})
	}
}
