package engineio

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Long messages for one session arrive in the form that its peer asks for.
func TestLongMessages(t *testing.T) {
	binary := func(text string, data []byte) []string { return []string{"4" + text, "binary:" + string(data)} }
	for name, tc := range map[string]struct {
		query   string
		deflate bool
		want    func(text string, data []byte) []string
	}{
		"revision 4": {socketQuery, false, binary},
		"as base64": {socketQuery + "&b64=1", false, func(text string, data []byte) []string {
			return []string{"4" + text, "b" + base64.StdEncoding.EncodeToString(data)}
		}},
		"revision 3": {"EIO=3&transport=websocket", false, func(text string, data []byte) []string {
			return []string{"4" + text, "binary:\x04" + string(data)}
		}},
		"compressed": {socketQuery, true, binary},
	} {
		t.Run(name, func(t *testing.T) {
			opts := Options{PerMessageDeflate: tc.deflate, AllowEIO3: true, Bind: func(*http.Request) string { return "one" }}
			onBoth(t, func(t *testing.T, serve serveFunc) {
				f := serve(t, opts, nil)
				w := f.socket(tc.query)
				if tc.deflate {
					w.close()
					w = f.deflateSocket(tc.query)
					<-f.opened
				}
				c := <-f.opened
				w.read()
				for _, size := range []int{longMessage / 4, longMessage, maxBatch, 3 * maxBatch / 2, 2 * maxBatch, 3 * maxBatch} {
					text, data := strings.Repeat("t", size/4), bytes.Repeat([]byte{0, 1, 0xff}, size/4)
					go c.s.Send(NewMessage([]byte(text), data)) // the peer of a pipe reads meanwhile
					w.expect(tc.want(text, data)...)
				}
				if sent := f.srv.Stats().SentBytes; (sent < longMessage) != tc.deflate {
					t.Errorf("%d bytes sent", sent)
				}
			})
		})
	}
}

// What a connection does not take of a long message is not changed by the next one, whose frames are
// made in the same buffer.
func TestRestOfALongMessage(t *testing.T) {
	f := newTCP(t, Options{MaxOutbound: 64 << 20}, nil)
	slow, c := f.idle()
	fast, other := f.idle()
	long := func(i int) []byte { return bytes.Repeat(fmt.Appendf(nil, "%07d;", i), maxBatch/8) }
	const messages = 250 // more than the system's buffers hold
	for i := range messages {
		for _, to := range []*recorder{c, other} {
			if err := to.s.Send(NewMessage(long(2*i + 1))); err != nil {
				t.Fatal(err)
			}
		}
		if got := fast.read(); got != "4"+string(long(2*i+1)) {
			t.Fatalf("message %d to a fast peer: %.20q of %d bytes", i, got, len(got))
		}
		if c.queued() > 0 { // for the other peer, whose connection is full
			_ = other.s.Send(NewMessage(long(2 * i)))
			fast.read()
		}
	}
	if c.queued() == 0 {
		t.Fatal("nothing was queued")
	}
	for i := range messages {
		if got := slow.read(); got != "4"+string(long(2*i+1)) {
			t.Fatalf("message %d: %.20q of %d bytes", i, got, len(got))
		}
	}
}

// The frames of a message of JoinJSONMessage exist, so they are not copied.
func TestLongMessageWithFramesIsNotCopied(t *testing.T) {
	f := newTCP(t, Options{}, nil)
	_, c := f.idle()
	c.rest()
	text := bytes.Repeat([]byte("1"), maxBatch)
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	for _, tc := range []struct {
		message *Message
		want    bool
	}{{JoinJSONMessage(nil, text), false}, {NewMessage(text), true}} {
		if copied, err := c.s.ws.sendLong(tc.message); copied != tc.want || err != nil {
			t.Errorf("copied: %v, %v, want %v", copied, err, tc.want)
		}
	}
}
