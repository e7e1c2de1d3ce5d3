package engineio

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// deflateRules are the rules of RFC 7692 for what a peer sends, with results as in frameRules.
var deflateRules = []struct {
	section  string
	rule     string
	in       []byte
	messages string
	want     string
}{
	{"6.2", "a compressed message", wire(frame{0xc1, false, compressed("4hello")}), `1 "4hello"`, "EOF"},
	{"6.2", "compressed bytes", wire(frame{0xc2, false, compressed("\x00\xff")}), `2 "\x00\xff"`, "EOF"},
	{"6.2", "a message that is not compressed", wire(frame{0x81, false, "4hello"}, frame{0xc1, false, compressed("4a")}, frame{0x81, false, "4b"}), `1 "4hello" 1 "4a" 1 "4b"`, "EOF"},
	{"6.1", "fragments", wire(frame{0x41, false, compressed("4hello")[:3]}, frame{0x00, false, ""}, frame{0x80, false, compressed("4hello")[3:]}), `1 "4hello"`, "EOF"},
	{"6.1", "an empty first fragment", wire(frame{0x41, false, ""}, frame{0x80, false, compressed("4hello")}), `1 "4hello"`, "EOF"},
	{"6.1", "control frames between fragments", wire(frame{0x41, false, compressed("4a")[:1]}, frame{0x89, false, "ping"}, frame{0x80, false, compressed("4a")[1:]}), `control 9 "ping" 1 "4a"`, "EOF"},
	{"6.1", "the bit is in the first fragment only", wire(frame{0x41, false, compressed("4a")[:1]}, frame{0xc0, false, compressed("4a")[1:]}), "", "1002"},
	{"6.1", "the bit is not in a later fragment", wire(frame{0x01, false, "4"}, frame{0xc0, false, compressed("a")}), "", "1002"},
	{"6.1", "the bit is not in a ping", wire(frame{0xc9, false, ""}), "", "1002"},
	{"6.1", "the bit is not in a pong", wire(frame{0xca, false, ""}), "", "1002"},
	{"6.1", "the bit is not in a close frame", wire(frame{0xc8, false, "\x03\xe8"}), "", "1002"},
	{"6.1", "RSV2 is 0", wire(frame{0xa1, false, "x"}), "", "1002"},
	{"6.1", "RSV3 is 0", wire(frame{0x91, false, "x"}), "", "1002"},
	{"6.1", "RSV2 is 0 beside RSV1", wire(frame{0xe1, false, compressed("x")}), "", "1002"},
	{"6.1", "RSV2 is 0 in a ping", wire(frame{0xa9, false, ""}), "", "1002"},
	{"7.2.3.1", "the example of one block", wire(frame{0xc1, false, "\xf2\x48\xcd\xc9\xc9\x07\x00"}), `1 "Hello"`, "EOF"},
	{"7.2.3.2", "a second message does not use the window of the first", wire(frame{0xc1, false, "\xf2\x48\xcd\xc9\xc9\x07\x00"}, frame{0xc1, false, "\xf2\x00\x11\x00\x00"}), `1 "Hello"`, "1007"},
	{"7.2.3.3", "a block without compression", wire(frame{0xc1, false, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"}), `1 "Hello"`, "EOF"},
	{"7.2.3.4", "a final block", wire(frame{0xc1, false, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"}), `1 "Hello"`, "EOF"},
	{"7.2.3.5", "two blocks", wire(frame{0xc1, false, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"}), `1 "Hello"`, "EOF"},
	{"7.2.3.6", "an empty message", wire(frame{0xc1, false, "\x00"}, frame{0xc1, false, ""}), `1 "" 1 ""`, "EOF"},
	{"7.2.2", "a final block without the byte after it", wire(frame{0xc1, false, final("4a")}), `1 "4a"`, "EOF"},
	{"7.2.2", "data after a final block", wire(frame{0xc1, false, final("4a") + final("4b")}), "", "1007"},
	{"7.2.2", "more than one byte after a final block", wire(frame{0xc1, false, final("4a") + "\x00\x00"}), "", "1007"},
	{"7.2.2", "a block of the reserved type", wire(frame{0xc1, false, "\x06"}), "", "1007"},
	{"7.2.2", "text in a message that says it is compressed", wire(frame{0xc1, false, "4hello"}), "", "1007"},
	{"7.2.2", "a message that ends inside a block", wire(frame{0xc1, false, compressed(strings.Repeat("4hello", 20))[:6]}), "", "1007"},
	{"7.2.2", "a block whose length is wrong", wire(frame{0xc1, false, "\x00\x05\x00\xfa\xfeHello"}), "", "1007"},
	{"8.1 of RFC 6455", "text is UTF-8", wire(frame{0xc1, false, compressed("4\xff")}), "", "1007"},
	{"7.4.1 of RFC 6455", "100,000 bytes are not too big here", wire(frame{0xc2, false, compressed(strings.Repeat("x", 100_000))}), `2 "` + strings.Repeat("x", 100_000) + `"`, "EOF"},
	{"7.4.1 of RFC 6455", "100,001 bytes are", wire(frame{0xc2, false, compressed(strings.Repeat("x", 100_001))}), "", "1009"},
	{"7.4.1 of RFC 6455", "fragments that are too big together", wire(frame{0x42, false, strings.Repeat("x", 100_000)}, frame{0x80, false, "x"}), "", "1009"},
}

func TestDeflateRules(t *testing.T) {
	for _, rule := range deflateRules {
		for _, piece := range []int{1, 3, 1 << 20} {
			t.Run(fmt.Sprintf("RFC 7692 section %s: %s, by %d", rule.section, rule.rule, piece), func(t *testing.T) {
				r := newFrameReader(bytes.Clone(rule.in), piece, 100_000)
				r.deflate = true
				messages, err := readAll(r)
				if got := strings.Join(messages, " "); got != rule.messages {
					t.Errorf("messages %.200s\nwant %.200s", got, rule.messages)
				}
				if got := describe(err); got != rule.want {
					t.Errorf("got %s (%v), want %s", got, err, rule.want)
				}
			})
		}
	}
}

func FuzzDeflateRules(f *testing.F) {
	for _, rule := range deflateRules {
		if len(rule.in) < 1000 {
			f.Add(rule.in, 7)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, piece int) {
		const limit = 1000
		piece = 1 + (piece&0xff)%64
		read := func(piece int) ([]string, error) {
			r := newFrameReader(bytes.Clone(in), piece, limit)
			r.deflate = true
			return readAll(r)
		}
		whole, wholeErr := read(1 << 20)
		parts, partsErr := read(piece)
		if strings.Join(whole, " ") != strings.Join(parts, " ") || describe(wholeErr) != describe(partsErr) {
			t.Errorf("in one piece: %q %v\nby %d bytes: %q %v", whole, wholeErr, piece, parts, partsErr)
		}
	})
}

// FuzzInflate checks that the length of the data is bounded, and that a shorter limit gives
// the beginning of the same data.
func FuzzInflate(f *testing.F) {
	f.Add([]byte(compressed("4hello")), 3)
	f.Add([]byte(compressed(strings.Repeat("0", 3000))), 1000)
	f.Add([]byte(final("4hello")+"\x00"), 6)
	f.Fuzz(func(t *testing.T, in []byte, limit int) {
		limit &= 0xffff
		most, errMost := inflate(in, 1<<20)
		data, err := inflate(in, limit)
		switch {
		case len(data) > limit:
			t.Errorf("%d bytes, more than the limit %d", len(data), limit)
		case errMost == nil && len(most) <= limit && (err != nil || !bytes.Equal(data, most)):
			t.Errorf("limit %d: %d bytes, %v; want %d", limit, len(data), err, len(most))
		case errMost == nil && len(most) > limit && (err != errLong || !bytes.Equal(data, most[:limit])):
			t.Errorf("limit %d of %d: %d bytes, %v", limit, len(most), len(data), err)
		}
	})
}

// FuzzDeflateRoundTrip checks that a client reads what a server compresses.
func FuzzDeflateRoundTrip(f *testing.F) {
	f.Add([]byte("hello hello hello"), []byte("x"), 5)
	f.Add(bytes.Repeat([]byte("ab"), 500), bytes.Repeat([]byte{0}, 2000), 1000)
	f.Fuzz(func(t *testing.T, text, data []byte, from int) {
		text = bytes.ToValidUTF8(text, nil)
		r := newFrameReader(deflateFrames(NewMessage(text, data).frames(), from), 1000, len(text)+len(data)+1)
		r.side, r.deflate = clientSide, true
		messages, err := readAll(r)
		want := []string{fmt.Sprintf("1 %q", "4"+string(text)), fmt.Sprintf("2 %q", data)}
		if strings.Join(messages, " ") != strings.Join(want, " ") || describe(err) != "EOF" {
			t.Errorf("got %q %v, want %q", messages, err, want)
		}
	})
}
