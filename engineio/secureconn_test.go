package engineio

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// gathered is a connection whose writes wait until flush.
type gathered struct {
	net.Conn
	mu      sync.Mutex
	holding bool
	bytes   bytes.Buffer
}

func (c *gathered) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holding {
		return c.bytes.Write(p)
	}
	return c.Conn.Write(p)
}

// take returns what was written since hold, and lets writes through again.
func (c *gathered) take() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding = false
	written := bytes.Clone(c.bytes.Bytes())
	c.bytes.Reset()
	return written
}

func (c *gathered) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding = true
}

// secureSocket is the client's end of a WebSocket over TLS, of which a test can choose how
// its records are sent.
type secureSocket struct {
	t     *testing.T
	below *gathered
	*tls.Conn
}

// dialSecure opens a TLS connection.
func (f *fixture) dialSecure(version uint16) *secureSocket {
	f.t.Helper()
	addr := strings.TrimPrefix(strings.TrimSuffix(f.url, f.srv.opts.Path), "https://")
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { conn.Close() })
	config := f.client.Transport.(*http.Transport).TLSClientConfig.Clone()
	config.ServerName, config.NextProtos, config.MaxVersion = "example.com", nil, version
	below := &gathered{Conn: conn}
	secure := tls.Client(below, config)
	if err := secure.Handshake(); err != nil {
		f.t.Fatal(err)
	}
	return &secureSocket{f.t, below, secure}
}

// records returns the TLS records of frames with these messages, one record for each.
func (c *secureSocket) records(before string, messages ...string) []byte {
	c.t.Helper()
	c.below.hold()
	if before != "" {
		c.mustWrite([]byte(before))
	}
	for _, text := range messages {
		c.mustWrite(wire(frame{0x81, false, "4" + text}))
	}
	return c.below.take()
}

func (c *secureSocket) mustWrite(b []byte) {
	c.t.Helper()
	if _, err := c.Conn.Write(b); err != nil {
		c.t.Error(err)
	}
}

// send sends bytes of records.
func (c *secureSocket) send(records []byte) {
	c.t.Helper()
	if _, err := c.below.Conn.Write(records); err != nil {
		c.t.Error(err)
	}
}

// upgradeRequest opens a WebSocket.
func (f *fixture) upgradeRequest() string {
	return f.request("GET", socketQuery, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n")
}

// openSecure opens a WebSocket over TLS. The early messages are in records behind its request.
func (f *fixture) openSecure(version uint16, early ...string) (*secureSocket, *recorder) {
	f.t.Helper()
	c := f.dialSecure(version)
	c.send(c.records(f.upgradeRequest(), early...))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		f.t.Fatal(resp, err)
	}
	return c, <-f.opened
}

// expectMessages waits until c has these messages.
func expectMessages(t *testing.T, c *recorder, want ...string) {
	t.Helper()
	eventually(t, fmt.Sprint("messages ", want), func() bool { return len(c.got()) >= len(want) })
	if got := c.got(); !slices.Equal(got, want) {
		t.Errorf("messages %q, want %q", got, want)
	}
}

// onEachTLSWatch runs test with a goroutine that waits for each WebSocket, and with one for all of them.
func onEachTLSWatch(t *testing.T, test func(t *testing.T, opts Options)) {
	for name, shared := range map[string]bool{"a goroutine each": false, "shared wait": true} {
		t.Run(name, func(t *testing.T) { test(t, Options{PingInterval: time.Hour, SharedWait: shared}) })
	}
}

var tlsVersions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// TestSecureRecords checks that no message is forgotten, however its record arrives: TLS may
// have read more from the connection than it has returned.
func TestSecureRecords(t *testing.T) { onEachTLSWatch(t, testSecureRecords) }

func testSecureRecords(t *testing.T, opts Options) {
	for name, version := range tlsVersions {
		t.Run(name, func(t *testing.T) {
			f := newTLS(t, opts, nil)
			w, c := f.openSecure(version, "behind", "the request")
			expectMessages(t, c, "behind", "the request")
			w.send(w.records("", "three", "records", "at once"))
			expectMessages(t, c, "behind", "the request", "three", "records", "at once")

			half := w.records("", "in two parts")
			w.send(half[:3])
			time.Sleep(10 * time.Millisecond)
			w.send(half[3:20])
			time.Sleep(10 * time.Millisecond)
			w.send(half[20:])
			whole := append(w.records("", "and"), w.records("", "one and a half")...)
			w.send(whole[:len(whole)-5])
			expectMessages(t, c, "behind", "the request", "three", "records", "at once", "in two parts", "and")
			w.send(whole[len(whole)-5:])
			expectMessages(t, c, "behind", "the request", "three", "records", "at once", "in two parts", "and", "one and a half")

			long := strings.Repeat("x", 50_000) // more than a record and a buffer
			w.send(w.records("", long, "last"))
			eventually(t, "the last message", func() bool { return len(c.got()) == 10 })
			if got := c.got(); got[8] != long || got[9] != "last" {
				t.Error("the long message or the last one is wrong")
			}
			expectAlive(t, c)
		})
	}
}

// TestEndOfSecureConnection checks that the session ends when its peer does.
func TestEndOfSecureConnection(t *testing.T) { onEachTLSWatch(t, testEndOfSecureConnection) }

func testEndOfSecureConnection(t *testing.T, opts Options) {
	ways := map[string]func(*secureSocket){
		"alert": func(c *secureSocket) { c.CloseWrite() },
		"alert behind a message": func(c *secureSocket) {
			records := c.records("", "last")
			c.below.hold()
			c.CloseWrite()
			c.below.SetWriteDeadline(time.Time{}) // CloseWrite sets one
			c.send(append(records, c.below.take()...))
		},
		"end of TCP": func(c *secureSocket) { c.below.Conn.Close() },
	}
	for version, number := range tlsVersions {
		for name, end := range ways {
			t.Run(version+" "+name, func(t *testing.T) {
				f := newTLS(t, opts, nil)
				w, c := f.openSecure(number)
				w.send(w.records("", "first"))
				expectMessages(t, c, "first")
				end(w)
				expectEnd(t, c, TransportClose)
			})
		}
	}
}

// TestAbortOfSecureConnection checks that an abort is never lost to the deadlines that
// reading sets.
func TestAbortOfSecureConnection(t *testing.T) { onEachTLSWatch(t, testAbortOfSecureConnection) }

func testAbortOfSecureConnection(t *testing.T, opts Options) {
	f := newTLS(t, opts, nil)
	for i := range 100 {
		w, c := f.openSecure(tls.VersionTLS13)
		records := w.records("", "at", "the", "same", "time")
		go w.below.Conn.Write(records) // fails if the abort comes first
		for range i {
			runtime.Gosched()
		}
		c.s.Abort(ForcedClose)
		expectEnd(t, c, ForcedClose)
		w.below.Conn.Close()
	}
	if err := f.srv.Shutdown(context.Background()); err != nil { // waits for the readers
		t.Error(err)
	}
}

// TestAfterMessagesOfSecureRecords checks that a function of AfterMessages does not wait for messages
// that TLS has read already, because a peer that never pauses would put it off.
func TestAfterMessagesOfSecureRecords(t *testing.T) {
	onEachTLSWatch(t, testAfterMessagesOfSecureRecords)
}

func testAfterMessagesOfSecureRecords(t *testing.T, opts Options) {
	f := newTLS(t, opts, nil)
	w, c := f.openSecure(tls.VersionTLS13)
	ran := make(chan struct{})
	c.onMessage = func(data []byte, _ bool) {
		if string(data) == "first" {
			c.s.afterMessages(func() { close(ran) })
			return
		}
		select {
		case <-ran:
		case <-time.After(time.Minute):
			t.Error("the function waits for the next message")
		}
	}
	w.send(w.records("", "first", "second"))
	expectMessages(t, c, "first", "second")
	w.send(w.records("", "third")) // received after the second has returned
	expectMessages(t, c, "first", "second", "third")
}

// TestSecureReaderWaits checks that the goroutine that waits is not the one that reads, whose
// stack has grown.
func TestSecureReaderWaits(t *testing.T) {
	f := newTLS(t, Options{PingInterval: time.Hour}, nil)
	w, c := f.openSecure(tls.VersionTLS13)
	w.send(w.records("", "one"))
	expectMessages(t, c, "one")
	eventually(t, "the reader", func() bool {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		return bytes.Contains(stacks, []byte("(*secureConn).wait")) && !bytes.Contains(stacks, []byte("(*webSocket).read("))
	})
}
