package engineio

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newParkedTLS is newParked over TLS.
func newParkedTLS(t *testing.T, opts Options, hook onOpen, _ ...func(*http.Server)) *fixture {
	t.Helper()
	f := newTLS(t, opts, hook)
	f.srv.parkAfter = 0
	return f
}

// onParked runs test over TCP and TLS, with connections that are parked at once.
func onParked(t *testing.T, test func(t *testing.T, serve serveFunc)) {
	t.Helper()
	t.Run("tcp", func(t *testing.T) { test(t, newParked) })
	t.Run("tls", func(t *testing.T) { test(t, newParkedTLS) })
}

// connect opens a connection to the fixture's server, by TLS if that uses TLS.
func (f *fixture) connect() *rawConn {
	f.t.Helper()
	addr, secure := strings.CutPrefix(strings.TrimSuffix(f.url, f.srv.opts.Path), "https://")
	addr = strings.TrimPrefix(addr, "http://")
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		f.t.Fatal(err)
	}
	if secure {
		config := f.client.Transport.(*http.Transport).TLSClientConfig.Clone()
		config.ServerName, config.NextProtos = "example.com", nil
		conn = tls.Client(conn, config)
	}
	f.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	return &rawConn{f.t, conn, bufio.NewReader(conn)}
}

// connectUnix lets the fixture's http.Server listen on a Unix socket too, and opens a connection to that.
func (f *fixture) connectUnix() *rawConn {
	f.t.Helper()
	listener, err := net.Listen("unix", filepath.Join(f.t.TempDir(), "s"))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { listener.Close() })
	go f.web.Serve(listener)
	conn, err := net.Dial("unix", listener.Addr().String())
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	return &rawConn{f.t, conn, bufio.NewReader(conn)}
}

// eventually waits until ok returns true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// expectParked waits until n connections are parked.
func (f *fixture) expectParked(n int) {
	f.t.Helper()
	eventually(f.t, fmt.Sprintf("%d parked connections", n), func() bool {
		f.srv.mu.Lock()
		defer f.srv.mu.Unlock()
		return len(f.srv.parked) == n
	})
}

// parkPoll sends a poll of c on conn, and waits until it is parked.
func (f *fixture) parkPoll(conn *rawConn, c *recorder, header string) {
	f.t.Helper()
	conn.send(f.request("GET", pollingQuery+"&sid="+c.s.ID(), header))
	c.expectParkedPoll(f.t)
}

// expectParkedPoll waits until a poll of c is parked.
func (c *recorder) expectParkedPoll(t *testing.T) {
	t.Helper()
	eventually(t, "a parked poll", func() bool {
		c.s.mu.Lock()
		defer c.s.mu.Unlock()
		p := c.s.polling
		return p.waiting != nil && p.waiting.parked != nil
	})
}

// postTo returns a POST.
func (f *fixture) postTo(query, body string) string {
	return f.request("POST", query, fmt.Sprintf("Content-Length: %d\r\n", len(body))) + body
}

// expectResponse compares the next response on conn.
func (c *rawConn) expectResponse(method, body string) answer {
	c.t.Helper()
	a := c.response(method)
	if a.status != 200 || a.body != body {
		c.t.Errorf("%s: %d %q, want 200 %q", method, a.status, a.body, body)
	}
	return a
}

// expectClosed checks that the server has closed conn, without another response.
func (c *rawConn) expectClosed() {
	c.t.Helper()
	if text, err := io.ReadAll(c.in); err != nil || len(text) > 0 {
		c.t.Errorf("read %q %v, want the end of the connection", text, err)
	}
}
