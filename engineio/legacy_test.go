package engineio

import (
	"fmt"
	"net/http"
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
		waiting, answered := socketed.s.ws.waiting(), socketed.s.ws.pongPacket
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
