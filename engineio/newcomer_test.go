package engineio

import (
	"fmt"
	"net/http"
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
