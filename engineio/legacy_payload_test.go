package engineio

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestLegacyPayloadOfBytes checks that a payload with binary data or text beyond ASCII is
// one of bytes, for peers that accept them, and that other payloads are text.
func TestLegacyPayloadOfBytes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, withLegacy(), func(c *recorder, _ *http.Request) Conn { c.echo(); return c })
		query, _ := f.openLegacy("")
		for _, c := range []struct{ post, contentType, get, getType string }{
			{"6:4hello", "text/plain", "6:4hello", "text/plain; charset=UTF-8"},
			{"6:4hello10:b4AQIDBA==", "text/plain", "\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04", "application/octet-stream"},
			{"\x00\x04\xff4\xe2\x82\xac\x01\x05\xff\x04\x01\x02\x03\x04", "application/octet-stream", "\x00\x04\xff4\xe2\x82\xac\x01\x05\xff\x04\x01\x02\x03\x04", "application/octet-stream"},
			{"\x00\x01\x02\xff4hello world", "application/octet-stream", "12:4hello world", "text/plain; charset=UTF-8"},
			{"2:4€", "text/plain", "\x00\x04\xff4€", "application/octet-stream"},
		} {
			if a := f.must("POST", query, c.post, "X-Peer", "me", "Content-Type", c.contentType); a.body != "ok" {
				t.Errorf("POST %q: %d %s", c.post, a.status, a.body)
			}
			a := f.must("GET", query, "", "X-Peer", "me")
			if a.body != c.get || a.header.Get("Content-Type") != c.getType {
				t.Errorf("after %q: %q as %s", c.post, a.body, a.header.Get("Content-Type"))
			}
		}
	})
}

func readLegacyPackets(payload string, isBytes bool) (string, error) {
	var packets []string
	err := readLegacyPayload([]byte(payload), isBytes, 10, func(p packet) error {
		text := fmt.Sprintf("%c%s", p.kind, p.data)
		if p.binary {
			text = fmt.Sprintf("binary:%s", p.data)
		}
		packets = append(packets, text)
		return nil
	})
	return strings.Join(packets, "|"), err
}

func TestReadLegacyPayload(t *testing.T) {
	for _, c := range []struct {
		payload string
		packets string
		err     error
	}{
		{"1:2", "2", nil},
		{"6:4hello1:26:4world", "4hello|2|4world", nil},
		{"6:4he:lo", "4he:lo", nil},
		{"4:b4AA", "", errPacket},
		{"6:b4AA==", "binary:\x00", nil},
		{"2:b4", "binary:", nil},
		{"1:b", "", errPacket},
		{"6:b2AA==", "", errPacket}, // only messages are binary
		{"3:4😀", "4😀", nil},
		{"2:4😀", "", errPacket}, // half a surrogate pair
		{"3:4Ã©", "4é", nil},    // encoded twice
		{"2:4é", "4é", nil},
		{"3:4Ã€", "4Ã€", nil}, // € is beyond U+00FF, so this was not
		{"3:4é€", "4é€", nil},
		{"", "", errPacket},
		{"0:", "", errPacket},
		{":4", "", errPacket},
		{"abc", "", errPacket},
		{"-1:4", "", errPacket},
		{"5:4abc", "", errPacket},
		{"2:4a2:4b3:4", "4a|4b", errPacket},
		{"1:9", "", errPacket},
		{"00000000000001:2", "", errPacket},
		{"9999999999:2", "", errPacket},
		{"2:4\xff", "", errPacket},
		{strings.Repeat("1:2", 11), strings.TrimSuffix(strings.Repeat("2|", 10), "|"), errTooManyPackets},
	} {
		if got, err := readLegacyPackets(c.payload, false); (c.packets != "" || err == nil) && got != c.packets || !errors.Is(err, c.err) {
			t.Errorf("%q: got %q %v, want %q %v", c.payload, got, err, c.packets, c.err)
		}
	}
	for _, c := range []struct {
		payload string
		packets string
		err     error
	}{
		{"\x00\x01\xff2", "2", nil},
		{"\x01\x01\xff\x04", "binary:", nil},
		{"\x00\x06\xff4hello\x01\x02\xff\x04\xff", "4hello|binary:\xff", nil},
		{"\x00\x06\xffb4AA==", "binary:\x00", nil},
		{"\x00\x02\xff4", "", errPacket},
		{"\x00\xff", "", errPacket},
		{"\x00\x00\xff", "", errPacket},
		{"\x01\x00\xff", "", errPacket},
		{"\x01\x01\xff\x02", "", errPacket},
		{"\x00\x0a\xff", "", errPacket},
		{"\x00\x02\xff4\xff", "", errPacket},
		{"\x02\x01\xff2", "", errPacket},
		{"\x00", "", errPacket},
		{"\x00" + strings.Repeat("\x09", 20) + "\xff2", "", errPacket},
		{strings.Repeat("\x00\x01\xff2", 11), strings.TrimSuffix(strings.Repeat("2|", 10), "|"), errTooManyPackets},
	} {
		if got, err := readLegacyPackets(c.payload, true); got != c.packets || !errors.Is(err, c.err) {
			t.Errorf("bytes %q: got %q %v, want %q %v", c.payload, got, err, c.packets, c.err)
		}
	}
}

func FuzzReadLegacyPayload(f *testing.F) {
	for _, seed := range []string{"6:4hello10:b4AQIDBA==", "2:4€3:4Ã©", "0:", "99999999999:"} {
		f.Add(seed, false)
	}
	for _, seed := range []string{"\x00\x06\xff4hello\x01\x02\xff\x04\xff", "\x00\x00\xff", "\x01"} {
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, payload string, isBytes bool) {
		var messages []*Message
		err := readLegacyPayload([]byte(payload), isBytes, 100, func(p packet) error {
			m := controlPacket(p.kind, string(p.data))
			if p.binary {
				m = NewBinaryMessage(bytes.Clone(p.data))
			}
			messages = append(messages, m)
			return nil
		})
		if len(messages) > 100 {
			t.Errorf("%d packets", len(messages))
		}
		if err != nil || len(messages) == 0 {
			return
		}
		// Accepted packets are unchanged after they are written and read again.
		again, bytesAgain := joinLegacyPayload(messages, true)
		n := 0
		err = readLegacyPayload(again, bytesAgain, 100, func(p packet) error {
			m := messages[n]
			n++
			if want := append(bytes.Clone(m.text), bytes.Join(m.attachments, nil)...); p.kind != m.kind || p.binary != (m.text == nil) || !bytes.Equal(p.data, want) {
				t.Errorf("%q came back as %c %q", want, p.kind, p.data)
			}
			return nil
		})
		if err != nil || n != len(messages) {
			t.Errorf("%q written again is %q: %d of %d packets, %v", payload, again, n, len(messages), err)
		}
	})
}

func TestLegacyMessageForms(t *testing.T) {
	both := NewMessage([]byte("x"), []byte{1}, nil)
	json := NewJSONMessage(len("é"), []byte(`é["é€😀"]`))
	for _, c := range []struct {
		name             string
		m                *Message
		frames, base64   string
		payload, asBytes string
	}{
		{"text", NewMessage([]byte("hi")), "\x81\x034hi", "\x81\x034hi", "3:4hi", "\x00\x03\xff4hi"},
		{"empty", NewMessage(nil), "\x81\x014", "\x81\x014", "1:4", "\x00\x01\xff4"},
		{"binary", NewBinaryMessage([]byte{1, 2, 3, 4}), "\x82\x05\x04\x01\x02\x03\x04", "\x81\x0ab4AQIDBA==", "10:b4AQIDBA==", "\x01\x05\xff\x04\x01\x02\x03\x04"},
		{"attachments", both, "\x81\x024x\x82\x02\x04\x01\x82\x01\x04", "\x81\x024x\x81\x06b4AQ==\x81\x02b4", "2:4x6:b4AQ==2:b4", "\x00\x02\xff4x\x01\x02\xff\x04\x01\x01\x01\xff\x04"},
		{"long", NewMessage(bytes.Repeat([]byte("x"), 119)), "\x81\x784" + strings.Repeat("x", 119), "\x81\x784" + strings.Repeat("x", 119), "120:4" + strings.Repeat("x", 119), "\x00\x01\x02\x00\xff4" + strings.Repeat("x", 119)},
		{"pong", pongPacket, "\x81\x013", "\x81\x013", "1:3", "\x00\x01\xff3"},
	} {
		for range 2 { // made once, the same twice
			if got := string(legacy{}.frames(c.m)); got != c.frames {
				t.Errorf("%s: frames %q, want %q", c.name, got, c.frames)
			}
			if got := string(legacy{base64: true}.frames(c.m)); got != c.base64 {
				t.Errorf("%s: frames with base64 %q, want %q", c.name, got, c.base64)
			}
			if got, isBytes := joinLegacyPayload([]*Message{c.m}, false); string(got) != c.payload || isBytes {
				t.Errorf("%s: payload %q, want %q", c.name, got, c.payload)
			}
			binary := NewBinaryMessage(nil)
			if got, isBytes := joinLegacyPayload([]*Message{c.m, binary}, true); string(got) != c.asBytes+"\x01\x01\xff\x04" || !isBytes {
				t.Errorf("%s: payload of bytes %q, want %q", c.name, got, c.asBytes)
			}
		}
	}
	// Text beyond ASCII is understood by all clients only in JSON, but always in frames.
	if got, _ := joinLegacyPayload([]*Message{json}, false); string(got) != `30:4é["\u00e9\u20ac\ud83d\ude00"]` {
		t.Errorf("JSON as text: %q", got)
	}
	if got, isBytes := joinLegacyPayload([]*Message{json}, true); string(got) != "\x00\x01\x06\xff4é[\"é€😀\"]" || !isBytes {
		t.Errorf("JSON as bytes: %q", got)
	}
	for _, c := range []codec{legacy{}, legacy{base64: true}} {
		m := NewJSONMessage(len("é"), []byte(`é["é€😀"]`), []byte{1})
		if got := string(c.frames(json)); got != "\x81\x104é[\"é€😀\"]" || !strings.HasPrefix(string(c.frames(m)), got) {
			t.Errorf("JSON as a frame: %q, and with an attachment %q", got, c.frames(m))
		}
	}
}
