package engineio

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

func newFrameReader(data []byte, piece, limit int) *frameReader {
	return &frameReader{in: input{conn: &chunks{data: data, piece: piece}}, side: serverSide, limit: int32(limit)}
}

// readAll reads messages until there is an error, and describes both.
func readAll(r *frameReader) (messages []string, err error) {
	for {
		data, kind, err := r.next(func(kind frameKind, payload []byte) {
			messages = append(messages, fmt.Sprintf("control %d %q", kind, payload))
		})
		if err != nil {
			return messages, err
		}
		messages = append(messages, fmt.Sprintf("%d %q", kind, data))
	}
}

// TestFrameRules checks the rules of RFC 6455 for what a peer sends, each with its result: a
// close code, "closed CODE" for a valid close frame, or EOF.
var frameRules = []struct {
	section  string
	rule     string
	in       []byte
	messages string
	want     string
}{
	{"5.2", "a text frame", wire(frame{0x81, false, "4hello"}), `1 "4hello"`, "EOF"},
	{"5.2", "a binary frame", wire(frame{0x82, false, "\x00\xff"}), `2 "\x00\xff"`, "EOF"},
	{"5.2", "an empty frame", wire(frame{0x81, false, ""}), `1 ""`, "EOF"},
	{"5.2", "16 bits of length", wire(frame{0x82, false, strings.Repeat("x", 126)}), `2 "` + strings.Repeat("x", 126) + `"`, "EOF"},
	{"5.2", "64 bits of length", wire(frame{0x82, false, strings.Repeat("x", 70_000)}), `2 "` + strings.Repeat("x", 70_000) + `"`, "EOF"},
	{"5.2", "the first bit of a length is 0", []byte{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}, "", "1002"},
	{"5.2", "125 bytes need no 16 bits of length", []byte{0x81, 0xfe, 0, 1, 0, 0, 0, 0, 'x'}, "", "1002"},
	{"5.2", "65,535 bytes need no 64 bits of length", []byte{0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 'x'}, "", "1002"},
	{"5.2", "1 byte needs no 64 bits of length", []byte{0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 'x'}, "", "1002"},
	{"5.2", "nor does a ping", []byte{0x89, 0xfe, 0, 1, 0, 0, 0, 0, 'x'}, "", "1002"},
	{"5.2", "nor does a close frame", []byte{0x88, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "", "1002"},
	{"5.2", "nor does a continuation", append(frame{0x01, false, "a"}.bytes(), 0x80, 0xfe, 0, 1, 0, 0, 0, 0, 'x'), "", "1002"},
	{"5.1", "a client masks", wire(frame{0x81, true, "4hello"}), "", "1002"},
	{"5.1", "a client masks control frames", wire(frame{0x89, true, ""}), "", "1002"},
	{"5.2", "RSV1 is 0", wire(frame{0xc1, false, "x"}), "", "1002"},
	{"5.2", "RSV2 is 0", wire(frame{0xa1, false, "x"}), "", "1002"},
	{"5.2", "RSV3 is 0", wire(frame{0x91, false, "x"}), "", "1002"},
	{"5.2", "RSV is 0 in control frames", wire(frame{0xc9, false, ""}), "", "1002"},
	{"5.2", "opcode 3 is reserved", wire(frame{0x83, false, "x"}), "", "1002"},
	{"5.2", "opcode 7 is reserved", wire(frame{0x87, false, "x"}), "", "1002"},
	{"5.2", "opcode 11 is reserved", wire(frame{0x8b, false, ""}), "", "1002"},
	{"5.2", "opcode 15 is reserved", wire(frame{0x8f, false, ""}), "", "1002"},
	{"5.4", "fragments make one message", wire(frame{0x01, false, "4he"}, frame{0x00, false, "l"}, frame{0x80, false, "lo"}), `1 "4hello"`, "EOF"},
	{"5.4", "fragments may be empty", wire(frame{0x02, false, ""}, frame{0x80, false, ""}), `2 ""`, "EOF"},
	{"5.4", "control frames come between fragments", wire(frame{0x01, false, "a"}, frame{0x89, false, "ping"}, frame{0x80, false, "b"}), `control 9 "ping" 1 "ab"`, "EOF"},
	{"5.4", "a continuation continues something", wire(frame{0x80, false, "x"}), "", "1002"},
	{"5.4", "nothing new begins between fragments", wire(frame{0x01, false, "a"}, frame{0x81, false, "b"}), "", "1002"},
	{"5.4", "nor does binary", wire(frame{0x01, false, "a"}, frame{0x02, false, "b"}), "", "1002"},
	{"5.4", "a message ends before the next", wire(frame{0x01, false, "a"}, frame{0x80, false, "b"}, frame{0x80, false, "c"}), `1 "ab"`, "1002"},
	{"5.5", "control frames are whole", wire(frame{0x09, false, ""}), "", "1002"},
	{"5.5", "control frames have 125 bytes", wire(frame{0x89, false, strings.Repeat("x", 125)}), `control 9 "` + strings.Repeat("x", 125) + `"`, "EOF"},
	{"5.5", "and no more", wire(frame{0x89, false, strings.Repeat("x", 126)}), "", "1002"},
	{"5.5.3", "an unsolicited pong", wire(frame{0x8a, false, "x"}), `control 10 "x"`, "EOF"},
	{"5.5.1", "a close frame without a code", wire(frame{0x88, false, ""}, frame{0x81, false, "late"}), "", "closed 0"},
	{"5.5.1", "a close frame with code and reason", wire(frame{0x88, false, "\x03\xe8bye"}), "", "closed 1000"},
	{"5.5.1", "a code has two bytes", wire(frame{0x88, false, "\x03"}), "", "1002"},
	{"5.5.1", "a close frame between fragments", wire(frame{0x01, false, "a"}, frame{0x88, false, ""}), "", "closed 0"},
	{"8.1", "text is UTF-8", wire(frame{0x81, false, "4\xff"}), "", "1007"},
	{"8.1", "text is not cut in a character", wire(frame{0x81, false, "4\xe2\x82"}), "", "1007"},
	{"8.1", "text has no surrogates", wire(frame{0x81, false, "4\xed\xa0\x80"}), "", "1007"},
	{"8.1", "a character may be cut by fragments", wire(frame{0x01, false, "\xe2\x82"}, frame{0x80, false, "\xac"}), `1 "€"`, "EOF"},
	{"8.1", "fragments together are UTF-8", wire(frame{0x01, false, "\xe2\x82"}, frame{0x80, false, "x"}), "", "1007"},
	{"8.1", "a close reason is UTF-8", wire(frame{0x88, false, "\x03\xe8\xff"}), "", "1007"},
	{"7.4.1", "100,001 bytes are too big here", wire(frame{0x82, false, strings.Repeat("x", 100_001)}), "", "1009"},
	{"7.4.1", "in fragments too", wire(frame{0x02, false, strings.Repeat("x", 100_000)}, frame{0x80, false, "x"}), "", "1009"},
	{"7.4.1", "by its length alone", []byte{0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, "", "1009"},
	{"7.1.5", "the connection is lost in a header", []byte{0x81}, "", "unexpected EOF"},
	{"7.1.5", "the connection is lost in a payload", wire(frame{0x81, false, "4hello"})[:8], "", "EOF"},
}

func TestFrameRules(t *testing.T) {
	for _, rule := range frameRules {
		for _, piece := range []int{1, 3, 1 << 20} {
			t.Run(fmt.Sprintf("RFC 6455 section %s: %s, by %d", rule.section, rule.rule, piece), func(t *testing.T) {
				messages, err := readAll(newFrameReader(bytes.Clone(rule.in), piece, 100_000))
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

func describe(err error) string {
	var (
		breach *frameError
		peer   *peerClosed
	)
	switch {
	case errors.As(err, &breach):
		return fmt.Sprint(uint16(breach.code))
	case errors.As(err, &peer):
		return fmt.Sprint("closed ", uint16(peer.code))
	}
	return err.Error()
}

// TestClientRefusesMaskedFrames checks RFC 6455, section 5.1.
func TestClientRefusesMaskedFrames(t *testing.T) {
	r := newFrameReader(wire(frame{0x81, false, "x"}), 100, 100)
	r.side = clientSide
	if _, err := readAll(r); describe(err) != "1002" {
		t.Errorf("got %v, want a protocol error", err)
	}
}

// TestEveryCloseCode checks the close codes that may be sent: those of RFC 6455, section
// 7.4.1, and those that the IANA has registered since.
func TestEveryCloseCode(t *testing.T) {
	valid := map[int]bool{1000: true, 1001: true, 1002: true, 1003: true, 1007: true, 1008: true, 1009: true, 1010: true, 1011: true, 1012: true, 1013: true, 1014: true}
	for code := range 1 << 16 {
		want := "1002"
		if valid[code] || 3000 <= code && code <= 4999 {
			want = fmt.Sprint("closed ", code)
		}
		in := frame{0x88, false, string([]byte{byte(code >> 8), byte(code)})}.bytes()
		if _, err := readAll(newFrameReader(in, len(in), 100)); describe(err) != want {
			t.Errorf("code %d: got %v, want %s", code, describe(err), want)
		}
	}
}

// TestDeclaredLengthTakesNoMemory checks that a peer that declares a long message and sends
// none of it occupies no memory.
func TestDeclaredLengthTakesNoMemory(t *testing.T) {
	header := []byte{0x82, 0xff, 0, 0, 0, 0, 0x3f, 0, 0, 0, 0, 0, 0, 0} // 1 GiB
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		readAll(newFrameReader(header, 100, 1<<30))
	}
	runtime.ReadMemStats(&after)
	if per := (after.TotalAlloc - before.TotalAlloc) / 100; per > 8<<10 {
		t.Errorf("%d bytes allocated for a header", per)
	}
}

// TestReservedMemoryFollowsTheBytes checks that a peer that declares a long message and sends some
// of it occupies a multiple of what it has sent, however long the message is said to be.
func TestReservedMemoryFollowsTheBytes(t *testing.T) {
	header := []byte{0x82, 0xff, 0, 0, 0, 0, 0x3f, 0, 0, 0, 0, 0, 0, 0} // 1 GiB
	for _, sent := range []int{1, 500, pooledBufferSize, 100_000, 3_000_000} {
		for _, piece := range []int{300, 5000, 1 << 20} {
			in := append(bytes.Clone(header), make([]byte, sent)...)
			r := newFrameReader(in, piece, 1<<30)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, err := readAll(r); err == nil {
				t.Error("no error for a message that does not end")
			}
			runtime.ReadMemStats(&after)
			// Each buffer is at most reserveFactor times what had arrived, and so the next one at least twice as long.
			if got, most := int(after.TotalAlloc-before.TotalAlloc), 2*reserveFactor*(sent+1)+16<<10; got > most {
				t.Errorf("%d bytes allocated for %d bytes in pieces of %d, want at most %d", got, sent, piece, most)
			}
		}
	}
}

// TestFragmentsAreNotCopiedAgain checks that the cost of a message in many small fragments is
// not quadratic.
func TestFragmentsAreNotCopiedAgain(t *testing.T) {
	const n = 10_000
	in := frame{0x02, false, "x"}.bytes()
	for range n - 2 {
		in = append(in, frame{0x00, false, "x"}.bytes()...)
	}
	in = append(in, frame{0x80, false, "x"}.bytes()...)
	r := newFrameReader(in, len(in), n)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	data, _, err := r.next(nil)
	runtime.ReadMemStats(&after)
	if err != nil || string(data) != strings.Repeat("x", n) {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	if total := after.TotalAlloc - before.TotalAlloc; total > 100*n {
		t.Errorf("%d bytes allocated for a message of %d", total, n)
	}
}

func FuzzFrameReader(f *testing.F) {
	for _, rule := range frameRules {
		if len(rule.in) < 1000 {
			f.Add(rule.in, 7)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, piece int) {
		const limit = 1000
		piece = 1 + (piece&0xff)%64
		whole, wholeErr := readAll(newFrameReader(bytes.Clone(in), 1<<20, limit))
		parts, partsErr := readAll(newFrameReader(bytes.Clone(in), piece, limit))
		if strings.Join(whole, " ") != strings.Join(parts, " ") || describe(wholeErr) != describe(partsErr) {
			t.Errorf("in one piece: %q %v\nby %d bytes: %q %v", whole, wholeErr, piece, parts, partsErr)
		}
	})
}

// FuzzFrameRoundTrip checks that a client reads what a server writes, and the reverse.
func FuzzFrameRoundTrip(f *testing.F) {
	f.Add([]byte("hello"), true)
	f.Add(bytes.Repeat([]byte{0}, 124), false)
	f.Add(bytes.Repeat([]byte{0}, 126), false)
	f.Fuzz(func(t *testing.T, data []byte, client bool) {
		if len(data) > 1000 { // TestFrameLengths has longer ones, which would slow this down
			return
		}
		roundTrip(t, data, client)
	})
}

// TestFrameLengths checks that each form of a length is read as it was written.
func TestFrameLengths(t *testing.T) {
	for _, length := range []int{0, 1, 124, 125, 126, 1<<16 - 2, 1<<16 - 1, 1 << 16, 1 << 20} {
		for _, client := range []bool{true, false} {
			roundTrip(t, bytes.Repeat([]byte{7}, length), client)
		}
	}
}

// roundTrip reads the frame that a client, or a server, writes.
func roundTrip(t *testing.T, data []byte, client bool) {
	t.Helper()
	from, to := serverSide, clientSide
	if client {
		from, to = to, from
	}
	r := newFrameReader(appendFrame(nil, from, binaryFrame, "4", data), 1000, len(data)+1)
	r.side = to
	got, kind, err := r.next(func(frameKind, []byte) {})
	if err != nil || kind != binaryFrame || string(got) != "4"+string(data) {
		t.Errorf("%d bytes: got %.200q %d %v, want %.200q", len(data), got, kind, err, data)
	}
}

// TestClaimedLengthReservesLittle checks that the memory for a message is bounded by what has arrived of
// it, and not only by the length in the header of its frame.
func TestClaimedLengthReservesLittle(t *testing.T) {
	const arrived, claimed = 1000, 1 << 20
	r := newFrameReader(nil, 1, claimed)
	for _, last := range []bool{true, false} {
		data := r.extend(nil, make([]byte, arrived), claimed, last)
		if len(data) != arrived || cap(data) > 16*arrived {
			t.Errorf("last %t: %d bytes, capacity %d; want %d, at most %d", last, len(data), cap(data), arrived, 16*arrived)
		}
	}
}
