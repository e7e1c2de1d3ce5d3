package engineio

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// headRecorder is a recorder that accepts heads of messages.
type headRecorder struct {
	*recorder
	takes bool
}

func (c headRecorder) MessageHead(head []byte, binary bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages = append(c.messages, fmt.Sprintf("head of %d: %s, binary %t", len(head), head[:min(4, len(head))], binary))
	return c.takes
}

func takingHeads(takes bool) onOpen {
	return func(c *recorder, _ *http.Request) Conn { return headRecorder{c, takes} }
}

// fragments returns a message in frames of size bytes, with a ping between them.
func fragments(kind frameKind, message string, size int) (frames []byte) {
	for i := 0; i < len(message); i += size {
		piece := appendFrame(nil, clientSide, kind, "", []byte(message[i:min(len(message), i+size)]))
		if i > 0 {
			piece[0] &^= 0x0f // a continuation
		}
		if i+size < len(message) {
			piece[0] &^= 0x80 // another one follows
			piece = appendFrame(piece, clientSide, pingFrame, "", nil)
		}
		frames = append(frames, piece...)
	}
	return frames
}

// TestLongMessagesOfNewSessions checks that a new session delivers only the head of a
// message that is too long, however it is sent, and the messages after it. Once the session
// is accepted, the whole message is delivered.
func TestLongMessagesOfNewSessions(t *testing.T) {
	long := "4long" + strings.Repeat("é", 50_000)
	opts := Options{MaxNewPayload: 10_000, MaxPayload: 200_000, AllowEIO3: true, Bind: func(*http.Request) string { return "one" }}
	const head = "head of %d: long, binary false" // it never ends inside a character
	for name, c := range map[string]struct {
		query string // of a session by polling; else it is by WebSocket
		frame []byte
		post  string
		head  string
		kind  string // of the POST
	}{
		"a frame":               {frame: appendFrame(nil, clientSide, textFrame, "", []byte(long)), head: fmt.Sprintf(head, maxHead-2)},
		"fragments":             {frame: fragments(textFrame, long, 3000), head: fmt.Sprintf(head, maxHead-2)},
		"small fragments":       {frame: fragments(textFrame, long, 130), head: fmt.Sprintf(head, maxHead-2)},
		"a binary frame":        {frame: appendFrame(nil, clientSide, binaryFrame, "", []byte(long[1:])), head: fmt.Sprintf("head of %d: long, binary true", maxHead)},
		"a POST":                {query: pollingQuery, post: "4first\x1e" + long + "\x1e4after", head: fmt.Sprintf(head, maxHead-2)},
		"a POST of base64":      {query: pollingQuery, post: "4first\x1eb" + strings.Repeat("QUJD", 10_000) + "\x1e4after", head: "head of 0: , binary true"},
		"a POST of revision 3":  {query: "EIO=3&transport=polling&b64=1", post: "6:4first50005:" + long, head: fmt.Sprintf(head, maxHead-2)},
		"bytes of revision 3":   {query: "EIO=3&transport=polling", post: "\x00\x06\xff4first\x00\x01\x00\x00\x00\x00\x05\xff" + long, head: fmt.Sprintf(head, maxHead-2), kind: "application/octet-stream"},
		"a script's POST":       {query: "EIO=3&transport=polling&j=0", post: "d=" + url.QueryEscape("6:4first50005:"+long), head: "long"},
		"an escape that is cut": {query: "EIO=3&transport=polling&j=0", post: "d=" + url.QueryEscape("6:4first50005:4"+long[1:]) + "%", head: "long"},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, serve serveFunc) {
				f := serve(t, opts, takingHeads(true))
				if c.query == "" {
					w, conn := f.openSocket()
					go func() { // the pongs
						for w.read() != "end" {
						}
					}()
					w.raw(c.frame)
					w.write("4after")
					wantMessages(t, conn, c.head, "after")
					conn.s.Accept()
					w.raw(c.frame)
					w.write("4after")
					waitFor(t, func() bool { return len(conn.got()) == 4 })
					if got := conn.got()[2]; !strings.Contains(got, "long") || len(got) < len(long)-1 {
						t.Errorf("accepted, it got %d bytes", len(got))
					}
					return
				}
				a := f.must("GET", c.query, "")
				conn := <-f.opened
				if a.status != http.StatusOK {
					t.Fatalf("handshake: %d", a.status)
				}
				query := c.query + "&sid=" + conn.s.ID()
				f.expectPost(query, c.post, c.kind, http.StatusOK)
				got := conn.got()
				want := []string{"first", c.head}
				if strings.HasSuffix(c.post, "4after") {
					want = append(want, "after")
				}
				if c.head == "long" { // how much of a form is cut depends on its escapes
					if len(got) != 2 || got[0] != "first" || !strings.HasPrefix(got[1], "head of ") || !strings.HasSuffix(got[1], ": long, binary false") {
						t.Errorf("got %q", got)
					}
					return
				}
				if !slices.Equal(got, want) {
					t.Errorf("got %.100q, want %q", got, want)
				}
			})
		})
	}
}

// expectPost sends a POST and compares the status.
func (f *fixture) expectPost(query, body, kind string, status int) {
	f.t.Helper()
	if kind == "" {
		kind = "text/plain"
	}
	if a := f.must("POST", query, body, "Content-Type", kind); a.status != status {
		f.t.Errorf("POST: %d %s, want %d", a.status, a.body, status)
	}
}

func wantMessages(t *testing.T, c *recorder, want ...string) {
	t.Helper()
	waitFor(t, func() bool { return len(c.got()) >= len(want) || len(c.reasons()) > 0 })
	if got := c.got(); !slices.Equal(got, want) {
		t.Errorf("got %.100q, want %q", got, want)
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not in time")
		}
	}
}

// TestLongMessagesThatAreNotTaken checks that a message that is too long is refused if the
// Conn is not a HeadConn, or refuses the head.
func TestLongMessagesThatAreNotTaken(t *testing.T) {
	long := "4" + strings.Repeat("x", 20_000)
	for name, hook := range map[string]onOpen{"no HeadConn": nil, "not taken": takingHeads(false)} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, serve serveFunc) {
				f := serve(t, Options{MaxNewPayload: 10_000, MaxPayload: 200_000}, hook)
				w, c := f.openSocket()
				go w.r.in.conn.Write(appendFrame(nil, clientSide, textFrame, "", []byte(long))) // fails when it is refused
				w.expect("close 1009")
				w.close()
				expectEnd(t, c, TransportError)

				query, c := f.open()
				if a := f.must("POST", query, long); a.status != http.StatusRequestEntityTooLarge {
					t.Errorf("POST: %d", a.status)
				}
				f.expect("POST", query, "4still here", 200, "ok")
				expectAlive(t, c)
				c.s.Accept()
				f.expect("POST", query, long, 200, "ok")
			})
		})
	}
}

// TestDiscardedBytesAreBounded checks the bound of discarded bytes, in one message and in
// all.
func TestDiscardedBytesAreBounded(t *testing.T) {
	onBoth(t, func(t *testing.T, serve serveFunc) {
		const payload = 20_000
		f := serve(t, Options{MaxNewPayload: 5000, MaxPayload: payload}, takingHeads(true))
		w, c := f.openSocket()
		frame := appendFrame(nil, clientSide, textFrame, "", []byte("4"+strings.Repeat("x", payload-1)))
		go func() {
			for range 5 {
				w.r.in.conn.Write(frame) // the last fails
			}
		}()
		w.expect("close 1009")
		if n := len(c.got()); n != discardFactor {
			t.Errorf("%d messages were taken, want %d", n, discardFactor)
		}
		w.close()
		expectEnd(t, c, TransportError)

		query, _ := f.open()
		f.expectPost(query, "4"+strings.Repeat("x", discardFactor*payload), "", http.StatusRequestEntityTooLarge)
	})
}

// TestSetMaxMessage checks that SetMaxMessage is effective while the session is new, between
// 4 KiB and MaxNewPayload.
func TestSetMaxMessage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{MaxNewPayload: 10_000}, nil)
		_, c := f.open()
		for n, want := range map[int]int{0: maxHead, 5000: 5000, 20_000: 10_000, -1: maxHead} {
			if c.s.SetMaxMessage(n); c.s.room() != want {
				t.Errorf("SetMaxMessage(%d): %d, want %d", n, c.s.room(), want)
			}
		}
	})
}

// fromHeader makes a server read the peer's address from a header.
func fromHeader(web *http.Server) {
	next := web.Handler
	web.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = r.Header.Get("Peer")
		next.ServeHTTP(w, r)
	})
}

func TestMaxNewPerAddress(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log logBuffer
		f := newPipe(t, Options{MaxNewPerAddress: 3, Logger: log.logger()}, nil, fromHeader)
		try := func(peer string, want int) *recorder {
			t.Helper()
			a := f.must("GET", pollingQuery, "", "Peer", peer)
			if a.status != want {
				t.Errorf("%s: %d, want %d", peer, a.status, want)
			}
			if a.status != 200 {
				if a.header.Get("Retry-After") == "" {
					t.Errorf("%s: no Retry-After", peer)
				}
				return nil
			}
			return <-f.opened
		}
		one, two := try("192.0.2.1:1", 200), try("192.0.2.1:2", 200)
		try("[::ffff:192.0.2.1]:3", 200)
		try("192.0.2.1:4", 503)
		if _, err := f.trySocket(socketQuery, "Peer", "192.0.2.1:5"); err == nil || !strings.Contains(err.Error(), "503") {
			t.Errorf("by WebSocket: %v", err)
		}
		if n := strings.Count(log.String(), "MaxNewPerAddress"); n != 1 {
			t.Errorf("logged %d times, want once in a minute", n)
		}
		try("192.0.2.2:1", 200)
		// A session that is accepted makes room, as does one that ends.
		one.s.Accept()
		one.s.Accept()
		try("192.0.2.1:6", 200)
		try("192.0.2.1:7", 503)
		two.s.Abort(ForcedClose)
		synctest.Wait()
		try("192.0.2.1:8", 200)
		try("192.0.2.1:9", 503)
		one.s.Abort(ForcedClose) // it counted no longer
		synctest.Wait()
		try("192.0.2.1:9", 503)
		// A /64 is one address.
		for i := range 3 {
			try(fmt.Sprintf("[2001:db8::%d]:1", i+1), 200)
		}
		try("[2001:db8::ffff]:1", 503)
		try("[2001:db8:0:1::1]:1", 200)
		// A peer without an IP address is not limited.
		for range 10 {
			try("@", 200)
		}
		if n := strings.Count(log.String(), "not an IP address"); n != 1 {
			t.Errorf("logged %d times, want once", n)
		}
	})
}

// TestFailuresOfAnAddress checks that failures count, and are forgotten at a steady rate.
func TestFailuresOfAnAddress(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{MaxNewPerAddress: 6}, func(c *recorder, _ *http.Request) Conn { c.s.Accept(); return c }, fromHeader)
		try := func(want int) (c *recorder, retry string) {
			t.Helper()
			a := f.must("GET", pollingQuery, "", "Peer", "192.0.2.1:1")
			if a.status != want {
				t.Errorf("after %v: %d, want %d", f.srv.now(), a.status, want)
			}
			if a.status == 200 {
				c = <-f.opened
			}
			return c, a.header.Get("Retry-After")
		}
		c, _ := try(200)
		for range 100 { // no more than six count
			c.s.CountFailure()
		}
		if _, retry := try(503); retry != "10" {
			t.Errorf("Retry-After %q, want a sixth of a minute", retry)
		}
		time.Sleep(9 * time.Second)
		try(503)
		time.Sleep(2 * time.Second)
		try(200)
	})
}

// TestAddressesAreForgotten checks that the table contains the addresses with sessions and a
// bounded number of others.
func TestAddressesAreForgotten(t *testing.T) {
	table := newAddresses(10)
	network := func(i int) netip.Prefix {
		return Network(fmt.Sprintf("2001:db8:%x:%x::1", i>>16, i&0xffff))
	}
	stays, _, _ := table.count(network(1<<20), 0)
	for i := range 4 * maxIdle {
		table.fail(network(i), 0)
	}
	if n := len(table.byNetwork); n > 2*maxIdle+2 {
		t.Errorf("%d entries at once", n)
	}
	if table.byNetwork[network(1<<20)] != stays {
		t.Error("the address of a session was forgotten")
	}
	for i := range 4 * maxIdle {
		a, _, ok := table.count(network(i), time.Hour)
		if !ok {
			t.Fatal("failures stay")
		}
		table.uncount(a)
	}
	table.uncount(stays)
	if n := len(table.byNetwork); n > minSweep {
		t.Errorf("%d entries are left", n)
	}
}

func TestNetwork(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1/32", "192.0.2.1": "192.0.2.1/32", "[::ffff:192.0.2.1]:80": "192.0.2.1/32",
		"[2001:db8::1]:80": "2001:db8::/64", "2001:db8:0:0:1::1": "2001:db8::/64", "[fe80::1%eth0]:80": "fe80::/64",
		"@": "invalid Prefix", "": "invalid Prefix", "/run/web.sock": "invalid Prefix", "pipe": "invalid Prefix",
	} {
		if got := Network(addr).String(); got != want {
			t.Errorf("Network(%q) = %s, want %s", addr, got, want)
		}
	}
}

// TestLargeRequestsDoNotWait checks that a poll with a large header does not wait while the
// session is new, because net/http would keep the header, and that the body of such a POST
// has a short timeout.
func TestLargeRequestsDoNotWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{MaxNewPayload: 10_000}, nil)
		query, c := f.open()
		large := strings.Repeat("x", 2*largeRequest)
		began := time.Now()
		if a := f.must("GET", query, "", "Large", large); a.body != "6" || time.Since(began) > 0 {
			t.Errorf("%q after %v", a.body, time.Since(began))
		}
		c.s.Accept()
		poll := f.background("GET", query, "", "Large", large)
		synctest.Wait()
		c.s.Send(NewMessage([]byte("hello")))
		if a := <-poll; a.body != "4hello" {
			t.Errorf("accepted: %q", a.body)
		}
	})
}
