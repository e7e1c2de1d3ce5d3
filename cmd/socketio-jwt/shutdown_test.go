package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// deadPeer is a client that the test drives step by step. It reads as little as possible.
type deadPeer struct {
	t       *testing.T
	s       *served
	addr    string
	compact string // a valid token
	sid     string // of a polling session
}

var sidPattern = regexp.MustCompile(`"sid":"([^"]+)"`)

func (p *deadPeer) open() {
	p.sid = sidPattern.FindStringSubmatch(get(p.t, p.s.url+"/socket.io/?EIO=4&transport=polling"))[1]
}

func (p *deadPeer) post(body string) {
	p.t.Helper()
	response, err := http.Post(p.s.url+"/socket.io/?EIO=4&transport=polling&sid="+p.sid, "text/plain", strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	_ = response.Body.Close()
}

// raw sends a text on a new connection with a small receive window.
func (p *deadPeer) raw(text string) net.Conn {
	p.t.Helper()
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	p.t.Cleanup(func() { _ = conn.Close() })
	if _, err := conn.Write([]byte(text)); err != nil {
		p.t.Fatal(err)
	}
	return conn
}

func (p *deadPeer) upgrade(query string) net.Conn {
	p.t.Helper()
	conn := p.raw("GET /socket.io/?EIO=4&transport=websocket" + query + " HTTP/1.1\r\nHost: " + p.addr +
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	buf := make([]byte, 1) // wait for the response: the session must exist before the packets
	if _, err := conn.Read(buf); err != nil {
		p.t.Fatal(err)
	}
	return conn
}

// send sends packets as WebSocket frames, masked with zeros.
func (p *deadPeer) send(conn net.Conn, packets ...string) {
	p.t.Helper()
	for _, packet := range packets {
		frame := []byte{0x81, 0x80 | 126}
		frame = binary.BigEndian.AppendUint16(frame, uint16(len(packet)))
		if len(packet) < 126 {
			frame = []byte{0x81, 0x80 | byte(len(packet))}
		}
		frame = append(append(frame, 0, 0, 0, 0), packet...)
		if _, err := conn.Write(frame); err != nil {
			p.t.Fatal(err)
		}
	}
}

// flooded returns a connection with more echoes on the way than the peer can receive.
func (p *deadPeer) flooded() net.Conn {
	conn := p.upgrade("")
	p.send(conn, `40{"token":"`+p.compact+`"}`)
	buf := make([]byte, 512)
	for read := ""; !strings.Contains(read, "40{"); { // an event before the answer to CONNECT would be an error
		n, err := conn.Read(buf)
		if err != nil {
			p.t.Fatal(err)
		}
		read += string(buf[:n])
	}
	for id := range 60 {
		p.send(conn, fmt.Sprintf(`42%d["echo","%s"]`, id, strings.Repeat("x", 50_000)))
	}
	return conn
}

// TestServeEndsInTimeWithDeadPeers checks that serve returns a few seconds after SIGTERM,
// whatever the state of its peers.
func TestServeEndsInTimeWithDeadPeers(t *testing.T) {
	kinds := []func(p *deadPeer){
		func(p *deadPeer) { p.open(); p.post(`40{"token":"` + p.compact + `"}`) },
		func(p *deadPeer) { p.open(); p.post("40/admin,") },                      // held
		func(p *deadPeer) { p.open(); p.post(`40{"token":"bad"}`); p.post("4") }, // refused, and closing
		func(p *deadPeer) { p.open(); p.post("40/admin,"); p.post(`42/admin,["authenticate",{"token":"bad"}]`) },
		func(p *deadPeer) {
			p.open()
			p.raw("POST /socket.io/?EIO=4&transport=polling&sid=" + p.sid + " HTTP/1.1\r\nHost: " + p.addr + "\r\nContent-Length: 100\r\n\r\n4half")
		},
		func(p *deadPeer) { p.flooded() },
		func(p *deadPeer) { p.send(p.flooded(), "4") }, // closing
		func(p *deadPeer) { p.open(); p.send(p.upgrade("&sid="+p.sid), "2probe") },
	}
	s := start(t, "--shutdown-timeout", "1m")
	compact := s.login("ada")
	for range 3 {
		for _, kind := range kinds {
			kind(&deadPeer{t: t, s: s, addr: strings.TrimPrefix(s.url, "http://"), compact: compact})
		}
	}
	time.Sleep(200 * time.Millisecond)
	begun := time.Now()
	s.stop()
	code := <-s.ended
	s.ended <- code
	took := time.Since(begun)
	t.Logf("serve returned after %v", took)
	if took > 15*time.Second { // it takes about 2.5 s on an idle machine
		t.Errorf("serve returned after %v: %s", took, s.log)
	}
}

// TestServeStops checks that a signal closes the transports of the peers in order. The
// JavaScript client reconnects after that.
func TestServeStops(t *testing.T) {
	s := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	peer := s.enter(ctx, "/", s.login("ada"))
	s.stop()
	if err := peer.Ended(ctx); !errors.Is(err, sockettest.ErrClosed) {
		t.Errorf("ended by %v, want a closed transport", err)
	}
	code := <-s.ended
	s.ended <- code
	if _, log, _ := strings.Cut(s.log.String(), "shutting down"); code != exitGood || !strings.Contains(log, "msg=stopped after=") {
		t.Errorf("exit code %d: %s", code, s.log)
	}
	if _, err := http.Get(s.url); err == nil {
		t.Error("the port is still open")
	}
}

// TestServeStopsInBoundedTime checks that a peer that polled and is gone does not prevent the
// shutdown.
func TestServeStopsInBoundedTime(t *testing.T) {
	s := start(t, "--shutdown-timeout", "50ms")
	(&deadPeer{t: t, s: s}).keepWaiting()
	s.stop()
	code := <-s.ended
	s.ended <- code
	if code != exitGood || !strings.Contains(s.log.String(), "shutdown timed out") {
		t.Errorf("exit code %d: %s", code, s.log)
	}
}

// TestServeBoundsStalledConnections checks that the server closes the connection of a peer that
// announces a body and sends none, or does not read the response.
func TestServeBoundsStalledConnections(t *testing.T) {
	long := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 64<<10)) })
	for name, peer := range map[string]func(net.Conn){
		"a body that is not sent": func(conn net.Conn) {
			_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n")
			_, _ = io.Copy(io.Discard, conn)
		},
		"a response that is not read": func(conn net.Conn) {
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
			time.Sleep(time.Minute)
			if _, err := conn.Write([]byte("GET")); err == nil {
				t.Error("the connection is kept although the response is not read")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sockets, err := socketio.NewServer(socketio.Options{})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				here, there := net.Pipe()
				ended := make(chan error)
				go func() {
					a := newAssembly(&serveCommand{stopping: stopping{ShutdownTimeout: time.Second}}, terminal{err: io.Discard})
					a.listeners, a.server = []net.Listener{&oneConnection{conn: there, closed: make(chan struct{})}}, sockets
					a.routes.Handle("/", long)
					ended <- a.serve(ctx)
				}()
				begun := time.Now()
				_ = here.SetDeadline(begun.Add(time.Hour))
				peer(here)
				if took := time.Since(begun); took > 2*time.Minute {
					t.Errorf("the connection lasted %v", took)
				}
				_ = here.Close()
				cancel()
				if err := <-ended; err != nil && !errors.Is(err, http.ErrServerClosed) {
					t.Error(err)
				}
			})
		})
	}
}

// oneConnection is a listener for one connection.
type oneConnection struct {
	conn   net.Conn
	closed chan struct{}
}

func (l *oneConnection) Accept() (net.Conn, error) {
	if conn := l.conn; conn != nil {
		l.conn = nil
		return conn, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *oneConnection) Close() error {
	close(l.closed)
	return nil
}

func (l *oneConnection) Addr() net.Addr { return new(net.TCPAddr) }
