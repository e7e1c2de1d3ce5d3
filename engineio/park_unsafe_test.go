package engineio

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A middleware that bounds bodies with io.LimitReader makes a body seem to end early. The rest of
// it must not be taken for a request.
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

// A poll is not parked if it may have a body, if middleware limits its time, or if the server would call
// functions of the program with types that they do not expect.
func TestUnsafePollsAreNotParked(t *testing.T) {
	srv, _ := newServer(t, Options{}, nil)
	for name, change := range map[string]func(r *http.Request){
		"dropped body": func(r *http.Request) { r.ContentLength = 10 },
		"chunked":      func(r *http.Request) { r.TransferEncoding = []string{"chunked"}; r.ContentLength = -1 },
		"deadline": func(r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
			t.Cleanup(cancel)
			*r = *r.WithContext(ctx)
		},
		"ConnContext": servedBy(&http.Server{ConnContext: func(ctx context.Context, _ net.Conn) context.Context { return ctx }}),
		"BaseContext": servedBy(&http.Server{BaseContext: func(net.Listener) context.Context { return context.Background() }}),
	} {
		served := make(chan bool, 2)
		for _, changed := range []bool{false, true} {
			web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if changed {
					change(r)
				}
				served <- srv.parks(w, r) != nil
			})}
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			go web.Serve(listener)
			if response, err := http.Get("http://" + listener.Addr().String()); err == nil {
				response.Body.Close()
			}
			if got := <-served; got == changed {
				t.Errorf("%s: parks: %v, want %v", name, got, !changed)
			}
			web.Close()
		}
	}
}

// servedBy returns a function that makes a request seem to be served by web.
func servedBy(web *http.Server) func(r *http.Request) {
	return func(r *http.Request) { *r = *r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, web)) }
}

// closeParked has listed a connection that is handed back before its turn comes. The request that
// http.Server handles on it meanwhile, of another route, must not be cut off.
func TestLateCloseOfAParkedConnection(t *testing.T) {
	began, go_, result := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	f := newParked(t, Options{}, nil, func(web *http.Server) {
		next := web.Handler
		web.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api" {
				next.ServeHTTP(w, r)
				return
			}
			close(began)
			<-go_
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
	for k = range f.srv.parked { // as closeParked does
	}
	f.srv.mu.Unlock()
	conn.send("GET /api HTTP/1.1\r\nHost: x\r\n\r\n")
	<-began
	k.close(false) // closeParked goes on
	close(go_)
	if err := <-result; err != nil {
		t.Error("the request of another route was cut off:", err)
	}
}
