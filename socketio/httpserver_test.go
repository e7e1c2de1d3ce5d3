package socketio_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/internal/memnet"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// onHTTPServer runs test against NewHTTPServer, in a bubble.
func onHTTPServer(t *testing.T, engine engineio.Options, test func(t *testing.T, in *memnet.Listener, sockets *socketio.Server)) {
	synctest.Test(t, func(t *testing.T) {
		sockets, err := socketio.NewServer(socketio.Options{Engine: engine})
		if err != nil {
			t.Fatal(err)
		}
		sockets.Open()
		sockets.Handle("echo", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error { return e.Ack(e.Args()...) })
		handler, err := sockets.Handler()
		if err != nil {
			t.Fatal(err)
		}
		mux := http.NewServeMux()
		mux.Handle("/socket.io/", handler)
		mux.HandleFunc("/other", func(http.ResponseWriter, *http.Request) {}) // does not read the body
		web, in := socketio.NewHTTPServer("localhost:0", mux), memnet.Listen()
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = web.Serve(in)
		}()
		defer func() {
			_ = sockets.Close()
			_ = web.Close()
			<-served
			time.Sleep(time.Minute) // the server keeps connections for a while after aborting them
		}()
		test(t, in, sockets)
	})
}

// Serve stops when its context ends: first the sockets and then web, which waits for requests.
func TestServeStopsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sockets, err := socketio.NewServer(socketio.Options{})
		if err != nil {
			t.Fatal(err)
		}
		sockets.Open()
		ended := make(chan socketio.Reason, 1)
		sockets.OnDisconnect(func(_ context.Context, _ *socketio.Socket, reason socketio.Reason) { ended <- reason })
		handler, err := sockets.Handler()
		if err != nil {
			t.Fatal(err)
		}
		in := memnet.Listen()
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- sockets.Serve(ctx, socketio.NewHTTPServer("", handler), in) }()
		peer, err := sockettest.Dial(t.Context(), "http://pipe", sockettest.Options{NetDial: in.Dial})
		if err != nil {
			t.Fatal(err)
		}
		stop()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if reason := <-ended; reason != socketio.ReasonShutdown {
			t.Errorf("the socket ended with %q", reason)
		}
		if err := peer.Ended(t.Context()); !errors.Is(err, sockettest.ErrClosed) {
			t.Errorf("the peer saw %v", err)
		}
	})
}

// If the listener cannot be opened, or fails, Serve returns an error.
func TestServeFails(t *testing.T) {
	sockets, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := sockets.ListenAndServe(t.Context(), socketio.NewHTTPServer("localhost:-1", nil)); err == nil {
		t.Error("ListenAndServe: no error for an address that cannot be")
	}
	in := memnet.Listen()
	_ = in.Close()
	if err := sockets.Serve(t.Context(), socketio.NewHTTPServer("", nil), in); err == nil || errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Serve on a closed listener: %v", err)
	}
}

// Connections that peers hold without using them are closed.
func TestHTTPServerCutsConnectionsThatDoNothing(t *testing.T) {
	const next = "GET /none HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, tc := range map[string]struct {
		send  string
		after time.Duration
	}{
		"nothing sent":                                   {"", 10 * time.Second},
		"half of the first line":                         {"GET /socket.io/?EIO=4", 10 * time.Second},
		"half of the headers":                            {"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nX-A: ", 10 * time.Second},
		"idle after a response":                          {next, 3 * time.Minute}, // longer than Caddy keeps its connections,
		"half of the next headers":                       {next + "GET / HTTP/1.1\r\nHo", 10 * time.Second},
		"a body that does not come":                      {"POST /other HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", time.Minute},
		"a POST to the sockets whose body does not come": {"POST /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			onHTTPServer(t, engineio.Options{}, func(t *testing.T, in *memnet.Listener, _ *socketio.Server) {
				conn := dialRaw(t, in)
				start := time.Now()
				go io.WriteString(conn, tc.send)
				if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, io.ErrClosedPipe) {
					t.Fatal(err)
				}
				held := time.Since(start)
				if held > tc.after+time.Second || strings.HasPrefix(name, "idle") && held < tc.after {
					t.Errorf("held for %v, want %v", held, tc.after)
				}
			})
		})
	}
}

func dialRaw(t *testing.T, in *memnet.Listener) net.Conn {
	t.Helper()
	conn, err := in.Dial(t.Context(), "tcp", "server:80")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Endless headers are refused when they are too long.
func TestHTTPServerBoundsHeaders(t *testing.T) {
	onHTTPServer(t, engineio.Options{}, func(t *testing.T, in *memnet.Listener, _ *socketio.Server) {
		for size, want := range map[int]string{40 << 10: "HTTP/1.1 200", 80 << 10: "HTTP/1.1 431"} {
			conn := dialRaw(t, in)
			go io.WriteString(conn, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-A: "+strings.Repeat("x", size)+"\r\n\r\n")
			got := make([]byte, len(want))
			if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
				t.Errorf("%d bytes: %q %v, want %q", size, got, err, want)
			}
			_ = conn.Close()
		}
	})
}

// Polls and WebSockets outlive each of the limits.
func TestHTTPServerDoesNotLimitSockets(t *testing.T) {
	const wait = 5 * time.Minute
	engine := engineio.Options{PingInterval: 2 * wait} // so that a poll outlives every limit
	t.Run("polling", func(t *testing.T) {
		onHTTPServer(t, engine, func(t *testing.T, in *memnet.Listener, sockets *socketio.Server) {
			client := &http.Client{Transport: &http.Transport{DialContext: in.Dial}}
			defer client.CloseIdleConnections()
			ask := func(method, query, body string) string {
				r, err := http.NewRequestWithContext(t.Context(), method, "http://server/socket.io/?EIO=4&transport=polling"+query, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				response, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = response.Body.Close() }()
				text, err := io.ReadAll(response.Body)
				if err != nil {
					t.Fatal(err)
				}
				return string(text)
			}
			sid := "&sid=" + strings.Split(ask("GET", "", ""), `"`)[3]
			ask("POST", sid, "40")
			ask("GET", sid, "")
			time.AfterFunc(wait, func() { _ = sockets.Emit("late") })
			if got := ask("GET", sid, ""); got != `42["late"]` {
				t.Errorf("got %q", got)
			}
		})
	})
	t.Run("websocket", func(t *testing.T) {
		onHTTPServer(t, engine, func(t *testing.T, in *memnet.Listener, sockets *socketio.Server) {
			p, err := sockettest.Dial(t.Context(), "http://server", sockettest.Options{NetDial: in.Dial})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = p.Close() }()
			time.Sleep(wait)
			if _, err := p.EmitWithAck(t.Context(), "echo", "still here"); err != nil {
				t.Error(err)
			}
		})
	})
}
