package engineio

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func readPackets(payload string, limit int) (packets []string, err error) {
	err = readPayload([]byte(payload), limit, func(p packet) error {
		text := fmt.Sprintf("%c%s", p.kind, p.data)
		if p.binary {
			text = fmt.Sprintf("binary:%s", p.data)
		}
		packets = append(packets, text)
		if p.kind == packetClose {
			return errPeerLeft
		}
		return nil
	})
	return packets, err
}

func TestReadPayload(t *testing.T) {
	cases := []struct {
		payload string
		packets string
		err     error
	}{
		{"4hello", "4hello", nil},
		{"4hello\x1e2\x1e4world", "4hello|2|4world", nil},
		{"4hello\x1ebAQIDBA==", "4hello|binary:\x01\x02\x03\x04", nil},
		{"b", "binary:", nil},
		{"4", "4", nil},
		{"4€", "4€", nil},
		{"3\x1e1\x1e4late", "3|1", errPeerLeft},
		{"", "", errPacket},
		{"\x1e", "", errPacket},
		{"4a\x1e", "4a", errPacket},
		{"4a\x1eabc\x1e4b", "4a", errPacket},
		{"7", "", errPacket},
		{"/", "", errPacket},
		{"4\xff", "", errPacket},
		{"bA", "", errPacket},
		{"bAQIDBA", "", errPacket},
		{"bAQIDBB==", "", errPacket}, // bits that say nothing are not zero
		{"b!!!!", "", errPacket},
		{strings.Repeat("3\x1e", 9) + "3", strings.TrimSuffix(strings.Repeat("3|", 10), "|"), nil},
		{strings.Repeat("3\x1e", 10) + "3", strings.TrimSuffix(strings.Repeat("3|", 10), "|"), errTooManyPackets},
	}
	for _, tc := range cases {
		packets, err := readPackets(tc.payload, 10)
		if got := strings.Join(packets, "|"); got != tc.packets || !errors.Is(err, tc.err) {
			t.Errorf("%q: got %q %v, want %q %v", tc.payload, got, err, tc.packets, tc.err)
		}
	}
}

func TestMessageForms(t *testing.T) {
	cases := []struct {
		name    string
		m       *Message
		payload string
		frames  string
	}{
		{"text", NewMessage([]byte("hi")), "4hi", "\x81\x034hi"},
		{"empty text", NewMessage(nil), "4", "\x81\x014"},
		{"binary", NewBinaryMessage([]byte{1, 2, 3, 4}), "bAQIDBA==", "\x82\x04\x01\x02\x03\x04"},
		{"empty binary", NewBinaryMessage(nil), "b", "\x82\x00"},
		{"attachments", NewMessage([]byte("x"), []byte{1}, nil), "4x\x1ebAQ==\x1eb", "\x81\x024x\x82\x01\x01\x82\x00"},
		{"125 bytes", NewMessage(bytes.Repeat([]byte("x"), 124)), "4" + strings.Repeat("x", 124), "\x81\x7d4" + strings.Repeat("x", 124)},
		{"126 bytes", NewMessage(bytes.Repeat([]byte("x"), 125)), "4" + strings.Repeat("x", 125), "\x81\x7e\x00\x7e4" + strings.Repeat("x", 125)},
		{"joined", JoinJSONMessage([]byte("2"), []byte(`["a"]`)), `42["a"]`, "\x81\x0742[\"a\"]"},
		{"joined, long", JoinJSONMessage([]byte("2"), bytes.Repeat([]byte("x"), 124)), "42" + strings.Repeat("x", 124), "\x81\x7e\x00\x7e42" + strings.Repeat("x", 124)},
		{"joined, attachment", JoinJSONMessage([]byte("51-"), []byte(`[0]`), []byte{1}), "451-[0]\x1ebAQ==", "\x81\x07451-[0]\x82\x01\x01"},
		{"ping", pingPacket, "2", "\x81\x012"},
	}
	for _, tc := range cases {
		for range 2 { // made once, the same twice
			if got := string(tc.m.payload()); got != tc.payload {
				t.Errorf("%s: payload %q, want %q", tc.name, got, tc.payload)
			}
			if got := string(tc.m.frames()); got != tc.frames {
				t.Errorf("%s: frames %q, want %q", tc.name, got, tc.frames)
			}
		}
	}
	joined := joinPayload([]*Message{cases[0].m, cases[4].m, cases[2].m})
	if want := "4hi\x1e4x\x1ebAQ==\x1eb\x1ebAQIDBA=="; string(joined) != want {
		t.Errorf("joined %q, want %q", joined, want)
	}
}

func FuzzReadPayload(f *testing.F) {
	for _, seed := range []string{"4hello\x1e2\x1ebAQIDBA==", "", "b", "4\x1e\x1e", "1\x1e4"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		packets, err := readPackets(payload, 100)
		if len(packets) > 100 {
			t.Errorf("%d packets", len(packets))
		}
		if err != nil || len(payload) == 0 {
			return
		}
		// Accepted packets are unchanged after they are written and read again.
		var again []string
		for _, p := range packets {
			if data, ok := strings.CutPrefix(p, "binary:"); ok {
				p = "b" + base64.StdEncoding.EncodeToString([]byte(data))
			}
			again = append(again, p)
		}
		if got := strings.Join(again, "\x1e"); got != payload && !strings.ContainsAny(payload, "\r\n") {
			t.Errorf("%q written again is %q", payload, got)
		}
	})
}
