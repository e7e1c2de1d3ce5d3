package engineio

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestRestOfABoundedBodyIsNotARequest checks that the rest of a body is not taken for a request if
// middleware makes the body seem to end early, by io.LimitReader.
func TestRestOfABoundedBodyIsNotARequest(t *testing.T) {
	const bound = 1000
	smuggled := make(chan string, 1)
	limit := func(web *http.Server) {
		next := web.Handler
		web.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/admin") {
				smuggled <- r.URL.Path
				return
			}
			r.Body = struct {
				io.Reader
				io.Closer
			}{io.LimitReader(r.Body, bound), r.Body}
			next.ServeHTTP(w, r)
		})
	}
	for name, chunked := range map[string]bool{"Content-Length": false, "chunked": true} {
		t.Run(name, func(t *testing.T) {
			f := newParked(t, Options{}, nil, limit)
			query, _ := f.open()
			conn := f.connect()
			const discarded = 256<<10 + 1 // what net/http reads of a body that the handler has left
			rest := strings.Repeat("y", discarded) + "GET /admin/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
			first := "4" + strings.Repeat("x", bound-1)
			if chunked {
				conn.send(f.request("POST", query, "Transfer-Encoding: chunked\r\n") +
					fmt.Sprintf("%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", len(first), first, len(rest), rest))
			} else {
				conn.send(f.postTo(query, first+rest))
			}
			conn.expectResponse("POST", "ok")
			conn.expectClosed()
			select {
			case path := <-smuggled:
				t.Error("the rest of the body was served as a request for", path)
			default:
			}
		})
	}
}

// TestLateCloseOfAParkedConnection checks that closeParked does not cut off a request of another
// route, if the connection has been handed back since closeParked listed it.
func TestLateCloseOfAParkedConnection(t *testing.T) {
	began, closed, result := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	f := newParked(t, Options{}, nil, func(web *http.Server) {
		next := web.Handler
		web.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api" {
				next.ServeHTTP(w, r)
				return
			}
			close(began)
			<-closed
			select {
			case <-r.Context().Done():
				result <- context.Cause(r.Context())
			case <-time.After(time.Second):
				result <- nil
			}
		})
	})
	query, _ := f.open()
	conn := f.connect()
	conn.send(f.postTo(query, "4x"))
	conn.expectResponse("POST", "ok")
	f.expectParked(1)
	f.srv.mu.Lock()
	var k *parked
	for k = range f.srv.parked { // the only one
	}
	f.srv.mu.Unlock()
	conn.send("GET /api HTTP/1.1\r\nHost: x\r\n\r\n")
	<-began
	k.close(false) // closeParked goes on
	close(closed)
	if err := <-result; err != nil {
		t.Error("the request of another route was cut off:", err)
	}
}
