package webtransport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"socketiojwt/engineio"
	"socketiojwt/internal/limittest"
)

func newTable(max, maxPerAddress, maxIdle int) *connections {
	return &connections{max: max, maxPerAddress: maxPerAddress, maxIdle: maxIdle, timeout: sessionTimeout, byNetwork: make(map[netip.Prefix]*counts)}
}

// open returns the number of connections.
func (t *connections) open() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.total
}

// TestConnectionsAreBounded checks the bounds of a table, in all and per address, and that it
// forgets connections that have ended.
func TestConnectionsAreBounded(t *testing.T) {
	for _, tc := range []struct {
		name  string
		table *connections
		peers string
		want  error // of the last peer; the others are accepted
	}{
		{"in all", newTable(2, 9, 9), "192.0.2.1:1 192.0.2.2:1 192.0.2.3:1", errTooMany},
		{"of an address", newTable(9, 2, 9), "192.0.2.1:1 192.0.2.1:2 192.0.2.2:1 192.0.2.1:3", errTooManyOf},
		{"of a /64", newTable(9, 1, 9), "[2001:db8::1]:1 [2001:db8:0:1::1]:1 [2001:db8::2]:1", errTooManyOf},
		{"without a session", newTable(9, 9, 1), "192.0.2.1:1 192.0.2.2:1 192.0.2.1:2", errTooManyNew},
		{"no bound of an address", newTable(9, -1, -1), "192.0.2.1:1 192.0.2.1:2 192.0.2.1:3", nil},
		{"no bound", newTable(-1, -1, -1), "192.0.2.1:1 192.0.2.1:2 192.0.2.1:3", nil},
		{"no addresses", newTable(9, 1, 1), "/a /b /c", nil},
		{"no addresses, in all", newTable(2, 1, 1), "/a /b /c", errTooMany},
	} {
		peers := strings.Fields(tc.peers)
		var open []*connection
		for i, peer := range peers {
			c, err := tc.table.add(engineio.Network(peer))
			if last := i == len(peers)-1; last && !errors.Is(err, tc.want) || !last && err != nil {
				t.Errorf("%s: %s: %v", tc.name, peer, err)
			}
			if err == nil {
				open = append(open, c)
			}
		}
		for _, c := range open {
			c.remove()
		}
		if tc.table.total != 0 || len(tc.table.byNetwork) != 0 {
			t.Errorf("%s: %d connections of %d addresses remain", tc.name, tc.table.total, len(tc.table.byNetwork))
		}
	}
}

// TestTimeWithoutASession checks that a connection is closed only after it had no session for
// some time, and at once if its address has enough of them.
func TestTimeWithoutASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := newTable(9, 9, 1)
		network := engineio.Network("192.0.2.1:1")
		accept := func() (c *connection, closed chan struct{}) {
			c, err := table.add(network)
			if err != nil {
				t.Fatal(err)
			}
			closed = make(chan struct{})
			c.start(func() { close(closed); c.remove() })
			return c, closed
		}
		isClosed := func(closed chan struct{}) bool {
			synctest.Wait()
			select {
			case <-closed:
				return true
			default:
				return false
			}
		}
		_, closed := accept()
		time.Sleep(sessionTimeout - 1)
		if isClosed(closed) {
			t.Error("a new connection was closed early")
		}
		time.Sleep(1)
		if !isClosed(closed) {
			t.Error("a connection that made no request was not closed")
		}

		c, closed := accept()
		time.Sleep(sessionTimeout / 2)
		if !c.begin() || c.begin() {
			t.Error("a connection does not serve one request at a time")
		}
		c.end() // refused
		time.Sleep(sessionTimeout / 2)
		if !isClosed(closed) {
			t.Error("a request without a session has delayed the end")
		}

		c, closed = accept()
		c.begin()
		c.admitted()
		time.Sleep(time.Hour)
		if isClosed(closed) {
			t.Error("a connection with a session was closed")
		}
		c.end()
		time.Sleep(sessionTimeout - 1)
		if isClosed(closed) || !c.begin() {
			t.Error("another session cannot begin")
		}
		c.admitted()
		time.Sleep(time.Hour)
		_, other := accept()
		if c.end(); !isClosed(closed) || isClosed(other) {
			t.Error("a session has ended, and its address has enough connections without one, but the connection was not closed")
		}

		time.Sleep(time.Hour) // closes other
		c, _ = accept()
		c.begin()
		c.remove() // lost while it is admitted
		c.admitted()
		c.end()
		c, _ = accept()
		c.begin()
		c.admitted()
		c.remove() // lost during the session
		c.end()
		if table.total != 0 || len(table.byNetwork) != 0 {
			t.Errorf("%d connections of %d addresses remain", table.total, len(table.byNetwork))
		}
	})
}

// connect opens a QUIC connection from the address from.
func (f *fixture) connect(from string, config quic.Config) (*quic.Conn, error) {
	f.t.Helper()
	udp, err := net.ListenPacket("udp", from+":0")
	if err != nil {
		f.t.Fatal(err)
	}
	transport := &quic.Transport{Conn: udp}
	f.t.Cleanup(func() { _ = transport.Close(); _ = udp.Close() })
	server, err := net.ResolveUDPAddr("udp", strings.TrimSuffix(strings.TrimPrefix(f.url, "https://"), "/engine.io/"))
	if err != nil {
		f.t.Fatal(err)
	}
	config.EnableDatagrams, config.EnableStreamResetPartialDelivery = true, true
	config.KeepAlivePeriod, config.HandshakeIdleTimeout = 50*time.Millisecond, time.Minute
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	return transport.Dial(ctx, server, &tls.Config{RootCAs: f.roots, ServerName: "127.0.0.1", NextProtos: []string{http3.NextProtoH3}}, &config)
}

// TestConnectionsWithoutASession checks that a connection ends that makes no request, or half
// of one, although it sends pings.
func TestConnectionsWithoutASession(t *testing.T) {
	for _, request := range []string{"", "\x01", "\x01\x40\x20half"} {
		limittest.Run(t, 300*time.Millisecond, func(d time.Duration) error {
			f := newFixture(t, engineio.Options{}, func(s *Server) { s.conns.timeout = d })
			conn, err := f.connect("127.0.0.1", quic.Config{})
			if err != nil {
				return err
			}
			if request != "" {
				stream, err := conn.OpenStream()
				if err != nil {
					return err
				}
				if _, err := stream.Write([]byte(request)); err != nil {
					return err
				}
			}
			<-conn.Context().Done()
			if end, ok := errors.AsType[*quic.ApplicationError](context.Cause(conn.Context())); !ok || !end.Remote || end.ErrorMessage != "no session" {
				return fmt.Errorf("%q: %w", request, context.Cause(conn.Context()))
			}
			return nil
		})
	}
}

// TestConnectionWithASession checks that a session may last longer than a connection without one.
func TestConnectionWithASession(t *testing.T) {
	limittest.Run(t, 300*time.Millisecond, func(d time.Duration) error {
		f := newFixture(t, engineio.Options{PingInterval: d / 3, PingTimeout: time.Minute}, func(s *Server) { s.conns.timeout = d })
		p, err := f.tryDial(packet(false, "0"), nil)
		if err != nil {
			return err
		}
		p.read()
		for range 5 {
			if got := p.read(); got != "2" {
				return fmt.Errorf("got %q, want a ping", got)
			}
			if _, err := p.stream.Write(packet(false, "3")); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestConnectionsOfOneAddress checks that an address that opens connections, or requests
// without a first packet, does not shut out others.
func TestConnectionsOfOneAddress(t *testing.T) {
	f := newFixture(t, engineio.Options{}, func(s *Server) {
		s.conns.maxIdle, s.conns.timeout, s.opening = 3, time.Hour, make(chan struct{}, 4)
	})
	for range 2 {
		f.dial(nil, nil)
	}
	if _, err := f.connect("127.0.0.1", quic.Config{}); err != nil {
		t.Fatal(err)
	}
	_, err := f.connect("127.0.0.1", quic.Config{})
	if end, ok := errors.AsType[*quic.TransportError](err); !ok || end.ErrorCode != quic.ConnectionRefused {
		t.Errorf("the fourth connection: %v", err)
	}
	dialer := f.dialer()
	dialer.DialAddr = func(context.Context, string, *tls.Config, *quic.Config) (*quic.Conn, error) {
		return f.connect("127.0.0.2", quic.Config{})
	}
	_, session, err := dialer.Dial(t.Context(), f.url, nil)
	if err != nil {
		t.Fatalf("another address: %v", err)
	}
	_ = session.CloseWithError(0, "")
}

// TestOneSessionOfAConnection checks that a connection has one session at a time, and may have
// another one afterwards.
func TestOneSessionOfAConnection(t *testing.T) {
	f := newFixture(t, engineio.Options{})
	conn, err := f.connect("127.0.0.1", quic.Config{})
	if err != nil {
		t.Fatal(err)
	}
	client, err := f.dialer().NewClientConn(conn)
	if err != nil {
		t.Fatal(err)
	}
	_, first, err := client.Dial(t.Context(), f.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if response, _, err := client.Dial(t.Context(), f.url, nil); response == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the second session: %v, %v", response, err)
	}
	_ = first.CloseWithError(0, "")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for { // until the server and the library have noticed the end
		_, second, err := client.Dial(ctx, f.url, nil)
		if err == nil {
			_ = second.CloseWithError(0, "")
			return
		}
		if ctx.Err() != nil || conn.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}
