package socketio

import (
	"bytes"
	"errors"
	"testing"

	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio/internal/packet"
)

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

// FuzzPacket checks that for any packet of a peer, parsing does not panic and accepts only what
// can be encoded again.
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
		if err := enc.write("", e.Args()); err != nil {
			if errors.Is(err, ErrPlaceholder) {
				return
			}
			t.Fatalf("cannot pass on %q: %v", in, err)
		}
		again, err := wirejson.SplitPeerArray(bytes.Clone(enc.JSON()), 64)
		if err != nil || len(again) != e.Len() {
			t.Fatalf("passed on %q as %q: %v", in, enc.JSON(), err)
		}
	})
}
