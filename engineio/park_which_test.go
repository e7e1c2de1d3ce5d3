package engineio

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"
)

// TestParks checks which requests may be parked.
func TestParks(t *testing.T) {
	type wrapper struct{ http.ResponseWriter }
	srv, _ := newServer(t, Options{}, nil)
	var got []bool
	parks := func(w http.ResponseWriter, r *http.Request) { got = append(got, srv.parks(w, r) != nil) }
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parks(w, r)
		parks(wrapper{w}, r)
		parks(&wrapper{w}, r)
		w.Header().Set("Content-Encoding", "gzip")
		parks(w, r)
	}))
	defer web.Close()
	resp, err := web.Client().Get(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	parks(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	if want := []bool{true, false, false, false, false}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v: net/http's own writer only", got, want)
	}
}

// TestUnsafePollsAreNotParked checks that a poll is not parked if it may have a body, if its time is
// limited, or if the http.Server would call functions with types that they do not expect.
func TestUnsafePollsAreNotParked(t *testing.T) {
	srv, _ := newServer(t, Options{}, nil)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parks := func(r *http.Request) bool { return srv.parks(w, r) != nil }
		if !parks(r) {
			t.Error("the poll itself is not parked")
		}
		limited, cancel := context.WithTimeout(r.Context(), time.Minute)
		defer cancel()
		servedBy := func(web *http.Server) *http.Request {
			return r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, web))
		}
		if !parks(servedBy(&http.Server{})) {
			t.Error("not parked by another server")
		}
		dropped, chunked := r.WithContext(r.Context()), r.WithContext(r.Context())
		dropped.ContentLength = 10
		chunked.ContentLength, chunked.TransferEncoding = -1, []string{"chunked"}
		for name, unsafe := range map[string]*http.Request{
			"dropped body": dropped,
			"chunked":      chunked,
			"deadline":     r.WithContext(limited),
			"ConnContext":  servedBy(&http.Server{ConnContext: func(ctx context.Context, _ net.Conn) context.Context { return ctx }}),
			"BaseContext":  servedBy(&http.Server{BaseContext: func(net.Listener) context.Context { return context.Background() }}),
		} {
			if parks(unsafe) {
				t.Error(name, "is parked")
			}
		}
	}))
	defer web.Close()
	resp, err := web.Client().Get(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

// hijacks counts the connections that are taken over.
func hijacks(n chan<- struct{}) func(*http.Server) {
	return func(web *http.Server) {
		web.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateHijacked {
				n <- struct{}{}
			}
		}
	}
}

// TestPostsThatAreParked checks that a connection is parked after the first POST of a session, and after others only if the
// session was quiet before.
func TestPostsThatAreParked(t *testing.T) {
	for _, tc := range []struct {
		name      string
		parkAfter time.Duration
		opts      Options
		want      int
	}{
		{"quiet", 0, Options{}, 2},
		{"in use", time.Hour, Options{}, 1},
		{"a new session that is quiet", 0, Options{MaxNewPayload: 5000}, 2},
		{"a new session in use", time.Hour, Options{MaxNewPayload: 5000}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := make(chan struct{}, 10)
			f := newParked(t, tc.opts, nil, hijacks(n))
			f.srv.parkAfter = tc.parkAfter
			query, _ := f.open()
			conn := f.connect()
			for range 2 {
				conn.send(f.postTo(query, "4x"))
				conn.expectResponse("POST", "ok")
				conn.send(f.request("GET", "EIO=4&transport=unknown", "")) // its answer comes after a possible parking
				conn.response("GET")
			}
			if len(n) != tc.want {
				t.Errorf("%d connections were parked, want %d", len(n), tc.want)
			}
		})
	}
}

// TestPostThatEndsItsConnection checks that a connection is closed after a response that says so,
// because the http.Server has been shut down.
func TestPostThatEndsItsConnection(t *testing.T) {
	onParked(t, func(t *testing.T, serve serveFunc) {
		ended, end := context.WithCancel(context.Background())
		end() // Shutdown does not wait
		for _, wasParked := range []bool{false, true} {
			f := serve(t, Options{}, nil)
			query, _ := f.open()
			eventually(t, "the end of the handshake", func() bool { return f.srv.Stats().Requests == 0 })
			conn := f.connect()
			if wasParked {
				conn.send(f.postTo(query, "4x"))
				conn.expectResponse("POST", "ok")
				f.expectParked(1)
				eventually(t, "the end of the first POST", func() bool { return f.srv.Stats().Requests == 0 })
			}
			post := f.postTo(query, "4x")
			conn.send(post[:len(post)-1])
			eventually(t, "a POST", func() bool { return f.srv.Stats().Requests == 1 })
			_ = f.web.Shutdown(ended)
			conn.send(post[len(post)-1:])
			if a := conn.expectResponse("POST", "ok"); a.header.Get("Connection") != "close" {
				t.Errorf("%v, want Connection: close", a.header)
			}
			conn.expectClosed()
		}
	})
}

// wrapping is a net.Listener whose connections are wrapped.
type wrapping struct{ net.Listener }

func (l wrapping) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return struct{ net.Conn }{conn}, err
}

// TestWrappedConnectionsAreNotParked checks that one connection is tried, and works.
func TestWrappedConnectionsAreNotParked(t *testing.T) {
	n := make(chan struct{}, 10)
	f := newParked(t, Options{}, nil, hijacks(n))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go f.web.Serve(wrapping{listener})
	f.url = "http://" + listener.Addr().String() + f.srv.opts.Path
	query, c := f.open()
	conn := f.connect()
	for i := range 3 {
		conn.send(f.request("GET", query, ""))
		if i == 0 {
			c.expectParkedPoll(t)
		} else {
			eventually(t, "a poll", func() bool { return polls(c.s) })
		}
		c.s.Send(NewMessage([]byte("polled")))
		conn.expectResponse("GET", "4polled")
		f.expectParked(0)
	}
	if len(n) != 1 {
		t.Errorf("%d connections were taken over, want 1", len(n))
	}
}
