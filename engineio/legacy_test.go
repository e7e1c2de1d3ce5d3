package engineio

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The transcripts testdata/legacy-*.wire are the plain cases of revision 3.

// withLegacy returns options that allow peers of revision 3, and bind their sessions to a
// header.
func withLegacy() Options {
	return Options{AllowEIO3: true, Bind: func(r *http.Request) string { return r.Header.Get("X-Peer") }}
}

const (
	legacyQuery       = "EIO=3&transport=polling"
	legacySocketQuery = "EIO=3&transport=websocket"
)

// openLegacy starts a session of revision 3 by polling, which shows "me" as X-Peer.
func (f *fixture) openLegacy(more string, headers ...string) (query string, c *recorder) {
	f.t.Helper()
	if a := f.must("GET", legacyQuery+more, "", append(headers, "X-Peer", "me")...); a.status != 200 {
		f.t.Fatalf("handshake: %d %s", a.status, a.body)
	}
	c = <-f.opened
	return legacyQuery + "&sid=" + c.s.ID(), c
}

func TestLegacyIsOffByDefault(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		f.expect("GET", legacyQuery, "", 400, `{"code":5,"message":"Unsupported protocol version"}`)
		if _, err := f.trySocket(legacySocketQuery); err == nil {
			t.Error("a WebSocket of revision 3 was opened")
		}
		query, _ := f.open()
		f.expect("GET", strings.Replace(query, "EIO=4", "EIO=3", 1), "", 400, `{"code":5,"message":"Unsupported protocol version"}`)
	})
}

// TestLegacyNeedsABond checks that the ID of a session of revision 3, which others know, is
// not enough for a request of the session.
func TestLegacyNeedsABond(t *testing.T) {
	open := func(*Session, *http.Request) Conn { return nil }
	if _, err := NewServer(open, Options{AllowEIO3: true}); err == nil {
		t.Error("polling without Bind was accepted")
	}
	if _, err := NewServer(open, Options{AllowEIO3: true, Transports: []Transport{WebSocket}}); err != nil {
		t.Error(err)
	}
	bubble(t, func(t *testing.T) {
		log := &logBuffer{}
		opts := withLegacy()
		opts.Logger = log.logger()
		f := newPipe(t, opts, nil)
		for range 3 {
			f.expect("GET", legacyQuery, "", 403, `{"code":4,"message":"Forbidden"}`)
		}
		if n := strings.Count(log.String(), "Options.Bind"); n != 1 {
			t.Errorf("%d lines in the log, want one:\n%s", n, log)
		}
		query, c := f.openLegacy("&b64=1")
		asSocket := strings.Replace(query, "polling", "websocket", 1)
		for _, headers := range [][]string{nil, {"X-Peer", "you"}} {
			for _, method := range []string{"GET", "POST"} {
				body := ""
				if method == "POST" {
					body = "6:4hello"
				}
				if a := f.must(method, query, body, headers...); a.status != 400 || a.body != unknownSession {
					t.Errorf("%s with %q: %d %s", method, headers, a.status, a.body)
				}
			}
			if _, err := f.trySocket(asSocket, headers...); err == nil {
				t.Errorf("an upgrade with %q began", headers)
			}
		}
		if a := f.must("POST", query, "6:4hello", "X-Peer", "me"); a.status != 200 {
			t.Errorf("its own peer: %d %s", a.status, a.body)
		}
		expectAlive(t, c)
		if got := c.got(); len(got) != 1 || got[0] != "hello" {
			t.Errorf("messages %q", got)
		}
		// By WebSocket the ID is of no use, and a browser cannot set headers there.
		w := f.socket(legacySocketQuery)
		w.read()
		if got := (<-f.opened).s.Protocol(); got != 3 {
			t.Errorf("Protocol() = %d", got)
		}
	})
}

// TestBondOutlivesPolling checks that a peer that knows only an ID cannot find out whether
// there is such a session, whatever transport it has or had.
func TestBondOutlivesPolling(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, withLegacy(), nil)
		strangers := func(query string) {
			t.Helper()
			for _, headers := range [][]string{nil, {"X-Peer", "you"}} {
				for method, body := range map[string]string{"GET": "", "POST": "6:4hello"} {
					if a := f.must(method, query, body, headers...); a.status != 400 || a.body != unknownSession {
						t.Errorf("%s with %q: %d %s", method, headers, a.status, a.body)
					}
				}
				if _, err := f.trySocket(strings.Replace(query, "polling", "websocket", 1), headers...); err == nil {
					t.Errorf("a WebSocket with %q was opened", headers)
				}
			}
		}
		query, c := f.openLegacy("")
		w := f.socket(strings.Replace(query, "polling", "websocket", 1), "X-Peer", "me")
		w.write("2probe")
		w.expect("3probe")
		w.write("5")
		w.write("2")
		w.expect("3")
		strangers(query)
		expectAlive(t, c)
		if a := f.must("GET", query, "", "X-Peer", "me"); a.body != badRequest {
			t.Errorf("its own peer: %d %s", a.status, a.body)
		}

		w = f.socket(legacySocketQuery)
		w.read()
		c = <-f.opened
		strangers(legacyQuery + "&sid=" + c.s.ID())
		expectAlive(t, c)

		// The poll in progress when the client closes the session is answered.
		query, c = f.openLegacy("")
		f.must("POST", query, "1:1", "X-Peer", "me")
		expectEnd(t, c, TransportClose)
		strangers(query)
		if a := f.must("GET", query, "", "X-Peer", "me"); a.body != "1:6" {
			t.Errorf("the last poll: %d %s", a.status, a.body)
		}

		opts := Options{AllowEIO3: true, Transports: []Transport{WebSocket}}
		f = newPipe(t, opts, nil)
		w = f.socket(legacySocketQuery)
		w.read()
		c = <-f.opened
		if _, err := f.trySocket(legacySocketQuery + "&sid=" + c.s.ID()); err == nil {
			t.Error("a WebSocket of a session by WebSocket was opened")
		}
		f.expect("GET", legacySocketQuery+"&sid="+c.s.ID(), "", 400, unknownSession)
	})
}

// TestSessionsPrintNoID checks that no verb of fmt prints the ID of a session.
func TestSessionsPrintNoID(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, withLegacy(), nil)
		_, c := f.openLegacy("")
		printed := fmt.Sprintf("%v %+v %#v %s %x %d", c.s, c.s, c.s, c.s, c.s, c.s)
		log := &logBuffer{}
		log.logger().Info("session", "session", c.s)
		printed += log.String()
		id := c.s.id
		for _, shown := range []string{c.s.ID(), fmt.Sprintf("%x", id[:]), strings.Trim(fmt.Sprint(id[:]), "[]")} {
			if strings.Contains(printed, shown) {
				t.Errorf("%q shows the ID, as %q", printed, shown)
			}
		}
	})
}

func TestBindToAddress(t *testing.T) {
	bind := BindToAddress(netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::ffff:172.16.0.0/108"))
	request := func(remote, forwarded string) *http.Request {
		r := &http.Request{RemoteAddr: remote, Header: http.Header{}}
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		return r
	}
	for _, c := range []struct{ remote, forwarded, want string }{
		{"192.0.2.1:1000", "", "192.0.2.1"},
		{"192.0.2.1:2000", "198.51.100.7", "192.0.2.1"},
		{"10.1.2.3:1000", "198.51.100.7", "198.51.100.7"},
		{"172.16.2.3:1000", "198.51.100.7", "198.51.100.7"},
		{"[::ffff:172.31.2.3]:1000", "198.51.100.7", "198.51.100.7"},
		{"172.32.2.3:1000", "198.51.100.7", "172.32.2.3"},
		{"[2001:db8::1]:1000", "", "2001:db8::1"},
	} {
		if got := bind(request(c.remote, c.forwarded)); got != c.want {
			t.Errorf("%s for %q: %q, want %q", c.remote, c.forwarded, got, c.want)
		}
	}
}

// TestCORSOfLegacyPolling checks that credentials are allowed, because clients of revision 3
// always send them.
func TestCORSOfLegacyPolling(t *testing.T) {
	const page = "https://app.example.com"
	bubble(t, func(t *testing.T) {
		for _, waived := range []bool{false, true} {
			opts := withLegacy()
			opts.InsecureAnyOrigin = waived
			if !waived {
				opts.Origins = []string{page}
			}
			f := newPipe(t, opts, nil)
			for _, method := range []string{"GET", "OPTIONS"} {
				h := f.must(method, legacyQuery, "", "X-Peer", "me", "Origin", page).header
				if h.Get("Access-Control-Allow-Origin") != page || h.Get("Access-Control-Allow-Credentials") != "true" || h.Get("Vary") != "Origin" {
					t.Errorf("waived %v, %s: %v", waived, method, h)
				}
			}
			if h := f.must("GET", pollingQuery, "", "Origin", page).header; h.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("waived %v, revision 4: %v", waived, h)
			}
			if waived {
				continue
			}
			h := f.must("GET", legacyQuery, "", "X-Peer", "me", "Origin", "https://evil.example").header
			if h.Get("Access-Control-Allow-Origin") != "" || h.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("a foreign page: %v", h)
			}
		}
	})
}

// TestPingsOfThePeerKeepItAlive checks that each ping extends the deadline, by either
// transport, and that a message does not.
func TestPingsOfThePeerKeepItAlive(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, withLegacy(), nil)
		query, polled := f.openLegacy("&b64=1")
		w := f.socket(legacySocketQuery)
		w.read()
		socketed := <-f.opened
		for range 3 {
			time.Sleep(44 * time.Second)
			f.must("POST", query, "1:2", "X-Peer", "me")
			f.must("GET", query, "", "X-Peer", "me") // takes the answer
			w.write("2")
			w.expect("3")
		}
		expectAlive(t, polled)
		expectAlive(t, socketed)
		time.Sleep(44 * time.Second)
		f.must("POST", query, "2:4x", "X-Peer", "me")
		w.write("4x")
		time.Sleep(time.Second)
		synctest.Wait()
		expectEnd(t, polled, PingTimeout)
		expectEnd(t, socketed, PingTimeout)
	})
}

// TestPongPacketsDoNotPileUp checks that only one answer is queued for a peer that pings and
// does not read.
func TestPongPacketsDoNotPileUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, withLegacy(), nil)
		query, polled := f.openLegacy("&b64=1")
		f.must("POST", query, strings.Repeat("1:2", 1000), "X-Peer", "me")
		polled.s.mu.Lock()
		waiting := len(polled.s.polling.queue)
		polled.s.mu.Unlock()
		if waiting != 1 {
			t.Errorf("%d answers wait for a poll", waiting)
		}

		w := f.socket(legacySocketQuery)
		w.read()
		socketed := <-f.opened
		for range 1000 { // over net.Pipe the first answer waits for its reader
			w.write("2")
		}
		synctest.Wait()
		socketed.s.mu.Lock()
		waiting, answered := len(socketed.s.ws.queue), socketed.s.ws.pongPacket
		socketed.s.mu.Unlock()
		if waiting > 1 || !answered {
			t.Errorf("%d frames wait for the WebSocket, and pongPacket is %t", waiting, answered)
		}
		w.expect("3", "3")
		expectAlive(t, socketed)
	})
}

// TestRequestsOfTheOtherRevision checks that a request must name the revision of its
// session.
func TestRequestsOfTheOtherRevision(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, withLegacy(), nil)
		query, c := f.open("X-Peer", "me")
		legacyQuery, l := f.openLegacy("")
		for _, other := range []string{strings.Replace(query, "EIO=4", "EIO=3", 1), strings.Replace(legacyQuery, "EIO=3", "EIO=4", 1)} {
			for _, method := range []string{"GET", "POST"} {
				if a := f.must(method, other, "", "X-Peer", "me"); a.status != 400 || a.body != badRequest {
					t.Errorf("%s %s: %d %s", method, other, a.status, a.body)
				}
			}
			if _, err := f.trySocket(strings.Replace(other, "polling", "websocket", 1), "X-Peer", "me"); err == nil {
				t.Errorf("%s: a WebSocket was opened", other)
			}
		}
		expectAlive(t, c)
		expectAlive(t, l)
	})
}

// TestLongLegacyPost checks that a POST of revision 3 that is too long is refused without
// its head, unless the session is new.
func TestLongLegacyPost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		opts := withLegacy()
		opts.MaxPayload = 10_000
		f := newPipe(t, opts, takingHeads(true))
		query, c := f.openLegacy("")
		if a := f.must("POST", query, "20001:4"+strings.Repeat("x", 20_000), "X-Peer", "me"); a.status != http.StatusRequestEntityTooLarge {
			t.Errorf("POST: %d %s", a.status, a.body)
		}
		if got := c.got(); len(got) > 0 {
			t.Errorf("delivered %q", got)
		}
		expectAlive(t, c)
	})
}
