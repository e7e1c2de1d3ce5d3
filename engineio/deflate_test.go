package engineio

import (
	"bytes"
	"compress/flate"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// compressed returns data as the payload of a compressed message.
func compressed(data string) string {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, flate.BestCompression)
	w.Write([]byte(data))
	w.Flush()
	return strings.TrimSuffix(out.String(), "\x00\x00\xff\xff")
}

// final returns data compressed with a final block.
func final(data string) string {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, flate.BestCompression)
	w.Write([]byte(data))
	w.Close()
	return out.String()
}

// compressedLast reports whether the last message that was read had one frame, compressed.
func (w *socket) compressedLast() bool { return w.r.head[0]&0x40 != 0 }

// TestDeflate checks that messages arrive in both directions, and that the server compresses
// those from Options.CompressFrom on, by each codec.
func TestDeflate(t *testing.T) {
	long := strings.Repeat("a long text é ", 200)
	bits := strings.Repeat("\x00\x7f\xff", 1000)
	for name, tc := range map[string]struct {
		query string
		from  int
		want  []string // what arrives for long text, short bytes and long bytes; + means not compressed
	}{
		"revision 4":             {socketQuery, 0, []string{"4" + long, "+binary:abc", "binary:" + bits}},
		"revision 4, as base64":  {socketQuery + "&b64=1", 0, []string{"4" + long, "+bYWJj", "b" + strings.Repeat("AH//", 1000)}},
		"revision 3":             {"EIO=3&transport=websocket", 0, []string{"4" + long, "+binary:\x04abc", "binary:\x04" + bits}},
		"revision 3, as base64":  {"EIO=3&transport=websocket&b64=1", 0, []string{"4" + long, "+b4YWJj", "b4" + strings.Repeat("AH//", 1000)}},
		"an upgrade":             {"", 0, []string{"4" + long, "+binary:abc", "binary:" + bits}},
		"from 3,001 bytes":       {socketQuery, 3001, []string{"4" + long, "+binary:abc", "+binary:" + bits}},
		"never":                  {socketQuery, -1, []string{"+4" + long, "+binary:abc", "+binary:" + bits}},
		"what becomes no longer": {socketQuery, 1, []string{"4" + long, "+binary:abc", "binary:" + bits}},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, serve serveFunc) {
				opts := Options{PerMessageDeflate: true, CompressFrom: tc.from, AllowEIO3: true, Bind: func(*http.Request) string { return "one" }}
				f := serve(t, opts, func(c *recorder, _ *http.Request) Conn { c.echo(); return c })
				w, c := f.startDeflate(tc.query)
				for range 2 { // the second time the forms are the same, and no window is kept
					c.s.Send(NewMessage([]byte(long), []byte("abc"), []byte(bits)))
					for _, want := range tc.want {
						want, plain := strings.CutPrefix(want, "+")
						if got := w.read(); got != want || w.compressedLast() == plain {
							t.Errorf("got %.40q of %d bytes, compressed %t; want %.40q, %t", got, len(got), w.compressedLast(), want, !plain)
						}
					}
				}
				go w.raw(wire(frame{0xc1, false, compressed("4" + long)}, frame{0xc1, false, compressed("4x")}, frame{0x81, false, "4y"}))
				w.expect("4"+long, "4x", "4y")
			})
		})
	}
}

// startDeflate opens a session with permessage-deflate by WebSocket, or by an upgrade.
func (f *fixture) startDeflate(query string) (*socket, *recorder) {
	if query != "" {
		w := f.deflateSocket(query)
		w.read()
		return w, <-f.opened
	}
	query, c := f.open()
	w := f.deflateSocket(strings.Replace(query, "polling", "websocket", 1))
	w.raw(wire(frame{0xc1, false, compressed("2probe")}))
	w.expect("3probe")
	w.write("5")
	waitFor(f.t, func() bool { return c.s.Transport() == WebSocket })
	return w, c
}

// TestDeflateNeedsTheExtension checks that a peer that did not negotiate it neither gets nor
// may send compressed messages.
func TestDeflateNeedsTheExtension(t *testing.T) {
	onBoth(t, func(t *testing.T, serve serveFunc) {
		f := serve(t, Options{PerMessageDeflate: true}, nil)
		w, c := f.openSocket()
		text := strings.Repeat("x", 5000)
		c.s.Send(NewMessage([]byte(text)))
		w.expect("4" + text)
		w.raw(wire(frame{0xc1, false, compressed("4x")}))
		w.expect("close 1002")
		expectEnd(t, c, TransportError)
	})
}

// TestBroadcastIsCompressedOnce checks that all sessions of a codec get the same bytes, which
// were compressed once, also if they are sent concurrently, and that each codec has its own.
func TestBroadcastIsCompressedOnce(t *testing.T) {
	f := newTCP(t, Options{PerMessageDeflate: true, AllowEIO3: true, Bind: func(*http.Request) string { return "one" }}, nil)
	m := NewMessage([]byte(strings.Repeat("text", 1000)), bytes.Repeat([]byte{0}, 5000))
	seen := make(map[*byte]string)
	for _, query := range []string{socketQuery, socketQuery + "&b64=1", "EIO=3&transport=websocket", "EIO=3&transport=websocket&b64=1"} {
		const sessions = 8
		first := make([]*byte, sessions)
		var wg sync.WaitGroup
		for i := range sessions {
			_, c := f.startDeflate(query)
			wg.Go(func() {
				c.s.mu.Lock()
				defer c.s.mu.Unlock()
				first[i] = &c.s.ws.frames(m)[0]
			})
		}
		wg.Wait()
		for _, other := range first {
			if other != first[0] {
				t.Errorf("%s: the message was compressed more than once", query)
			}
		}
		if other := seen[first[0]]; other != "" {
			t.Errorf("%s: the bytes are those of %s", query, other)
		}
		seen[first[0]] = query
	}
}
