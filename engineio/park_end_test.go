package engineio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestHalfARequestOnAParkedConnection checks that http.Server's limits bound a request of which only a part comes.
func TestHalfARequestOnAParkedConnection(t *testing.T) {
	f := newParked(t, Options{}, nil)
	conn, query, c := f.connectParked()
	f.web.ReadHeaderTimeout = 50 * time.Millisecond // not before, because opening the session may take longer
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

// TestShutdownWaitsForHandlersOnParkedConnections checks that Shutdown waits for a handler that ignores its
// context, as http.Server.Shutdown does, because http.Server.Shutdown does not know of it. Its context bounds that.
func TestShutdownWaitsForHandlersOnParkedConnections(t *testing.T) {
	began, goOn := make(chan struct{}), make(chan struct{})
	f := newParked(t, Options{PingInterval: time.Hour}, nil, handling(1, func(http.ResponseWriter, *http.Request, http.Handler) {
		close(began)
		<-goOn
	}))
	conn, query, _ := f.connectParked()
	conn.send(f.request("GET", query, ""))
	<-began
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := f.srv.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want that Shutdown has not waited", err)
	}
	shut := make(chan error, 1)
	go func() { shut <- f.srv.Shutdown(context.Background()) }()
	select {
	case err := <-shut:
		t.Error("Shutdown has not waited for the handler:", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(goOn)
	if err := <-shut; err != nil {
		t.Error(err)
	}
	f.expectParked(0)
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
	k := &parked{srv: f.srv, home: f.srv.homeOf(f.web), conn: conn, woken: true, early: []byte(f.request("GET", pollingQuery+"&sid=any", ""))}
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

// TestWriteAfterAbortOfAParkedConnection checks that a write that begins just after an abort does not wait for the peer.
func TestWriteAfterAbortOfAParkedConnection(t *testing.T) {
	f := newParked(t, Options{PingInterval: time.Hour, PingTimeout: time.Hour}, nil)
	conn, _, c := f.connectParked()
	f.parkPoll(conn, c, "")
	c.s.mu.Lock()
	k := c.s.polling.waiting.parked
	c.s.mu.Unlock()
	k.close(true)
	written := make(chan error, 1)
	go func() { written <- k.write(make([]byte, 64<<20)) }()
	select {
	case err := <-written:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v, want the end of a deadline", err)
		}
	case <-time.After(time.Minute):
		t.Error("the write waits for the peer")
	}
}

// TestHomesOfHTTPServersEnd checks that an engine forgets an http.Server that has ended.
func TestHomesOfHTTPServersEnd(t *testing.T) {
	f := newParked(t, Options{}, nil)
	homes := func() int {
		f.srv.mu.Lock()
		defer f.srv.mu.Unlock()
		return len(f.srv.homes)
	}
	before := homes()
	web := &http.Server{Handler: f.srv}
	if f.srv.homeOf(web) == nil || homes() != before+1 {
		t.Fatalf("%d homes, want %d", homes(), before+1)
	}
	_ = web.Close()
	eventually(t, "no home of the http.Server", func() bool { return homes() == before })
	if f.srv.homeOf(web) != nil {
		t.Error("an http.Server that has ended has a home")
	}
	eventually(t, "no home of the http.Server", func() bool { return homes() == before })
}

// TestEndOfTheHTTPServerClosesIdleConnections checks that a connection that waits for its next request is closed, so that
// the peer does not send that to an http.Server that would drop it.
func TestEndOfTheHTTPServerClosesIdleConnections(t *testing.T) {
	onParked(t, func(t *testing.T, serve serveFunc) {
		f := serve(t, Options{}, nil)
		query, c := f.open()
		conn := f.connect()
		conn.send(f.postTo(query, "4x"))
		conn.expectResponse("POST", "ok")
		f.expectParked(1)
		if err := f.web.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		conn.expectClosed()
		f.expectParked(0)
		expectAlive(t, c)
	})
}

// TestParkedWhileItsHTTPServerEnds checks that a connection is closed that is taken over just before its http.Server ends,
// and listed after that.
func TestParkedWhileItsHTTPServerEnds(t *testing.T) {
	f := newParked(t, Options{}, nil)
	web := &http.Server{Handler: f.srv}
	home := f.srv.homeOf(web)
	_ = web.Close()
	eventually(t, "the end of the home", home.hasEnded)
	conn, peer := net.Pipe()
	defer peer.Close()
	k := &parked{srv: f.srv, home: home, conn: conn}
	f.srv.list(k)
	if !k.isLost() {
		t.Error("the connection waits for the next request")
	}
	k.leave()
	f.expectParked(0)
}
