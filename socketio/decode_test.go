package socketio

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"socketiojwt/socketio/internal/packet"
)

func TestSplitArray(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string
	}{
		{`[]`, []string{}},
		{`["a"]`, []string{`"a"`}},
		{` [ "a" , 1 ,{"b":[1,2]}, null ] `, []string{`"a"`, `1`, `{"b":[1,2]}`, `null`}},
		{`["],[",{"a":1,"a":2}]`, []string{`"],["`, `{"a":1,"a":2}`}},
	} {
		got, err := splitArray([]byte(c.in), 8)
		if err != nil || len(got) != len(c.want) {
			t.Fatalf("splitArray(%s) = %q, %v", c.in, got, err)
		}
		for i := range got {
			if string(got[i]) != c.want[i] {
				t.Errorf("splitArray(%s)[%d] = %s, want %s", c.in, i, got[i], c.want[i])
			}
		}
	}
	for _, in := range []string{
		``, `{}`, `"a"`, `[`, `["a"`, `["a",]`, `["a"]]`, `["a"] x`, `[1 2]`, `[01]`, `["\x"]`, "[\"\xff\"]", `[nul]`, "[\"a\n\"]",
		strings.Repeat("[", 9) + strings.Repeat("]", 9),
	} {
		if got, err := splitArray([]byte(in), 8); err == nil {
			t.Errorf("splitArray(%q) = %q, want an error", in, got)
		}
	}
}

func TestDepthWithin(t *testing.T) {
	for in, want := range map[string]bool{
		`[[1]]`: true, `[[[1]]]`: false, `["[[[[",{"a":"}{"}]`: true, `["\"[[["]`: true, `[{"a":{}}]`: false,
		`[[],[],[]]`: true, `[{},{},{}]`: true, `[[],[[]]]`: false,
	} {
		if got := depthWithin([]byte(in), 2); got != want {
			t.Errorf("depthWithin(%s, 2) = %v", in, got)
		}
	}
}

func TestEventName(t *testing.T) {
	for in, want := range map[string]string{`"say"`: "say", `"a\u0062c"`: "abc", `42`: "42", `"é"`: "é"} {
		if got, err := eventName([]byte(in), 8); err != nil || got != want {
			t.Errorf("eventName(%s) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{`{}`, `[]`, `null`, `true`, `"connect"`, `"connect_error"`, `"disconnect"`, `"disconnecting"`, `"newListener"`, `"removeListener"`, `"\u0063onnect"`, `"123456789"`} {
		if got, err := eventName([]byte(in), 8); err == nil {
			t.Errorf("eventName(%s) = %q, want an error", in, got)
		}
	}
}

// FuzzPacket: whatever a peer sends, parsing neither panics nor accepts what
// cannot be passed on again.
func FuzzPacket(f *testing.F) {
	for _, seed := range []string{`2["a",1,{"b":null}]`, `51-["a",{"_placeholder":true,"num":0}]`, `3/x,7[]`, `0{"token":"x"}`, `1`, `2{"`, `2["a",{"_placeholder":true,"num":-1}]`} {
		f.Add([]byte(seed), []byte("attachment"))
	}
	f.Fuzz(func(t *testing.T, in, attachment []byte) {
		p, err := packet.Parse(in, packet.Limits{Attachments: 10, Name: 256})
		if err != nil {
			return
		}
		var attachments [][]byte
		for range p.Attachments {
			attachments = append(attachments, attachment)
		}
		e, err := parseEvent(&Socket{name: "/"}, p, attachments, 256, 64)
		if err != nil {
			return
		}
		if e.size < len(e.name) || e.size > 64*(len(in)+16)+len(attachments)*(len(attachment)+64) {
			t.Fatalf("size %d of %d bytes", e.size, len(in))
		}
		var first any
		if e.Len() > 0 {
			_ = e.Scan(&first)
		}
		enc := encoders.New().(*encoder)
		enc.json.WriteByte('[')
		if err := enc.arguments(e.Args(), false); err != nil {
			if errors.Is(err, ErrPlaceholder) {
				return
			}
			t.Fatalf("cannot pass on %q: %v", in, err)
		}
		again, err := splitArray(bytes.Clone(enc.json.Bytes()), 64)
		if err != nil || len(again) != e.Len() {
			t.Fatalf("passed on %q as %q: %v", in, enc.json.Bytes(), err)
		}
	})
}
