package engineio

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestCloseCodes checks the same rules on the wire: the close code, and the reason for the
// layer above.
func TestCloseCodes(t *testing.T) {
	cases := []struct {
		name   string
		in     []byte
		want   string
		reason Reason
	}{
		{"protocol error", wire(frame{0x83, false, ""}), "close 1002", TransportError},
		{"not UTF-8", wire(frame{0x81, false, "4\xff"}), "close 1007", TransportError},
		{"too big", wire(frame{0x82, false, strings.Repeat("x", 2000)}), "close 1009", TransportError},
		{"close frame", wire(frame{0x88, false, ""}), "close", TransportClose},
		{"close frame with a code", wire(frame{0x88, false, "\x03\xe9bye"}), "close 1001", TransportClose},
		{"close frame with a registered code", wire(frame{0x88, false, "\x03\xf4"}), "close 1012", TransportClose},
		{"close frame with a code of the application", wire(frame{0x88, false, "\x13\x87"}), "close 4999", TransportClose},
		{"close frame with an invalid code", wire(frame{0x88, false, "\x13\x88"}), "close 1002", TransportError},
		{"length not in its shortest form", []byte{0x81, 0xfe, 0, 2, 0, 0, 0, 0, '4', 'x'}, "close 1002", TransportError},
		{"close packet", wire(frame{0x81, false, "1"}), "close", TransportClose},
		{"unknown packet", wire(frame{0x81, false, "abc"}), "close", ParseError},
		{"empty packet", wire(frame{0x81, false, ""}), "close", ParseError},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newPipe(t, Options{MaxPayload: 1000}, nil)
				w, c := f.openSocket()
				go w.raw(tc.in)
				w.expect(tc.want, "end")
				expectEnd(t, c, tc.reason)
				if got := c.got(); len(got) > 0 {
					t.Errorf("messages %q", got)
				}
			})
			t.Run("tcp", func(t *testing.T) {
				f := newTCP(t, Options{MaxPayload: 1000}, nil)
				w, c := f.openSocket()
				w.raw(tc.in)
				w.expect(tc.want, "end")
				expectEnd(t, c, tc.reason)
			})
		})
	}
}

// TestWebSocketPingIsAnswered checks RFC 6455, sections 5.5.2 and 5.5.3.
func TestWebSocketPingIsAnswered(t *testing.T) {
	f := newTCP(t, Options{}, nil)
	w, c := f.openSocket()
	w.raw(wire(frame{0x89, false, "are you there?"}, frame{0x8a, false, "a pong"}))
	var pong string
	go c.s.Send(NewMessage([]byte("end")))
	for pong == "" {
		data, kind, err := w.r.next(func(kind frameKind, payload []byte) {
			if kind == pongFrame {
				pong = string(payload)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = data, kind
		c.s.Send(NewMessage([]byte("end")))
	}
	if pong != "are you there?" {
		t.Errorf("pong %q", pong)
	}
}

// TestOnlyTheLastPingIsAnswered checks that of pings that come together only the last one
// is answered.
func TestOnlyTheLastPingIsAnswered(t *testing.T) {
	f := newTCP(t, Options{}, nil)
	w, _ := f.openSocket()
	ping := func(payload string) frame { return frame{0x89, false, payload} }
	pongs := make(chan string, 10)
	go func() {
		for {
			if _, _, err := w.r.next(func(kind frameKind, payload []byte) { pongs <- string(payload) }); err != nil {
				return
			}
		}
	}()
	for _, round := range [][]frame{
		{ping("1"), ping("2"), ping(strings.Repeat("3", 125)), ping("last")},
		{ping("last"), {0x8a, false, ""}},
		{ping("1"), ping("last"), {0x81, false, "6"}},
		{ping("1"), ping(""), ping("last")},
	} {
		w.raw(wire(round...))
		if pong := <-pongs; pong != "last" {
			t.Errorf("pong %q", pong)
		}
	}
}

// TestPongsDoNotPileUp checks that only the answer to the latest ping is queued for a peer
// that pings and does not read.
func TestPongsDoNotPileUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		w, c := f.openSocket()
		for range 1000 {
			w.raw(wire(frame{0x89, false, strings.Repeat("x", 100)}))
		}
		synctest.Wait()
		c.s.mu.Lock()
		queued := c.s.ws.queued
		c.s.mu.Unlock()
		if queued > 300 {
			t.Errorf("%d bytes queued", queued)
		}
		go w.raw(wire(frame{0x89, false, "last"}))
		var pongs []string
		for {
			w.r.in.conn.SetReadDeadline(time.Now().Add(time.Second))
			_, _, err := w.r.next(func(_ frameKind, payload []byte) { pongs = append(pongs, string(payload)) })
			if err != nil {
				break
			}
		}
		if len(pongs) == 0 || pongs[len(pongs)-1] != "last" {
			t.Errorf("%d pongs, the last one not for the latest ping", len(pongs))
		}
	})
}

// TestNothingFollowsTheCloseFrame checks RFC 6455, section 5.5.1: nothing follows a close
// frame, not even an answer that waited when it was queued.
func TestNothingFollowsTheCloseFrame(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, withLegacy(), nil)
		w := f.socket(legacySocketQuery)
		w.read()
		c := <-f.opened
		c.s.Send(NewMessage([]byte("not read yet"))) // keeps the writer busy
		synctest.Wait()
		w.raw(wire(frame{0x89, false, "a ping frame"}))
		w.write("2")
		synctest.Wait()
		c.s.Close(ForcedClose)
		w.expect("4not read yet", "close")
		w.r.in.conn.SetReadDeadline(time.Now().Add(time.Minute))
		data, _, err := w.r.next(func(_ frameKind, payload []byte) { t.Errorf("after the close frame: %q", payload) })
		if err == nil {
			t.Errorf("after the close frame: %q", data)
		}
	})
}

// TestMessagesInPieces sends many short messages in one piece, and long ones in many.
func TestMessagesInPieces(t *testing.T) {
	onBoth(t, func(t *testing.T, serve serveFunc) {
		f := serve(t, Options{}, nil)
		w, c := f.openSocket()
		long := strings.Repeat("long", 50_000)
		var in []byte
		var want []string
		for i := range 500 {
			text := fmt.Sprint("m", i)
			if i%100 == 99 {
				text = long
			}
			in = append(in, frame{0x81, false, "4" + text}.bytes()...)
			want = append(want, text)
		}
		for len(in) > 0 {
			n := min(len(in), 777)
			w.raw(in[:n])
			in = in[n:]
		}
		w.raw(wire(frame{0x88, false, ""}))
		w.expect("close")
		expectEnd(t, c, TransportClose)
		if got := c.got(); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%d messages, want %d the same", len(got), len(want))
		}
	})
}
