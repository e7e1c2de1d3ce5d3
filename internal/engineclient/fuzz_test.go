package engineclient

import (
	"bufio"
	"bytes"
	"io"
	"testing"
	"time"
)

// input is the connection of a server that sends arbitrary bytes and reads everything.
type input struct{ io.Reader }

func (input) Write(p []byte) (int, error) { return len(p), nil }
func (input) Close() error                { return nil }

// FuzzWebSocket reads frames that a server may invent.
func FuzzWebSocket(f *testing.F) {
	for _, frames := range []string{
		"\x81\x03abc", "\x82\x00", "\x01\x014\x80\x01x", "\x01\x014\x89\x02hi\x80\x00", "\x88\x02\x03\xe8",
		"\x81\x7e\x00\x7e4", "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", "\x81\x81abcd4", "\x81\x02\xff\xff",
	} {
		f.Add([]byte(frames))
	}
	f.Fuzz(func(t *testing.T, frames []byte) {
		const limit = 1000
		w := &webSocket{conn: input{}, r: bufio.NewReader(bytes.NewReader(frames)), limit: limit}
		err := w.read(func(p packet) error {
			if len(p.data) > limit || p.binary && p.kind != packetMessage {
				t.Errorf("packet of %d bytes, type %c", len(p.data), p.kind)
			}
			return nil
		}, func(payload []byte) {
			if len(payload) > 125 {
				t.Errorf("ping of %d bytes", len(payload))
			}
		})
		if err == nil {
			t.Error("the end is not an error")
		}
	})
}

// FuzzPayload reads the answer of a poll that a server may invent, and writes it again.
func FuzzPayload(f *testing.F) {
	for _, payload := range []string{"4hello", "4a\x1eb\x1e2", "bAAEC\x1e4", "", "\x1e", "7", "b!", "4\xff", `0{"sid":"x","pingInterval":1,"pingTimeout":1}`} {
		f.Add([]byte(payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var packets []packet
		err := readPayload(payload, func(p packet) error {
			packets = append(packets, p)
			if h, err := readHandshake(p); err == nil && (h.PingInterval <= 0 || h.PingTimeout <= 0 || h.PingInterval > maxSilence || h.MaxPayload < 0) {
				t.Errorf("handshake %+v", h)
			}
			return nil
		})
		if err != nil {
			return
		}
		n := 0
		err = readPayload(appendPayload(nil, packets), func(p packet) error {
			if n >= len(packets) || p.kind != packets[n].kind || p.binary != packets[n].binary || !bytes.Equal(p.data, packets[n].data) {
				t.Errorf("packet %d came back as %+v", n, p)
			}
			n++
			return nil
		})
		if err != nil || n != len(packets) {
			t.Errorf("%d of %d packets came back: %v", n, len(packets), err)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("7")
	f.Add("Fri, 27 Nov 2026 08:00:00 GMT")
	f.Fuzz(func(t *testing.T, value string) {
		if d := retryAfter(value, time.Unix(1_800_000_000, 0)); d < 0 || d > maxRetryAfter {
			t.Errorf("%q is %s", value, d)
		}
	})
}
