package engineio

import (
	"bytes"
	"testing"

	"github.com/gobwas/ws"
)

// TestFrameHeaders compares the headers with those of the library.
func TestFrameHeaders(t *testing.T) {
	for _, length := range []int64{0, 1, 125, 126, 127, 65535, 65536, 1<<32 + 5} {
		for _, kind := range []frameKind{ws.OpContinuation, textFrame, binaryFrame, closeFrame, pongFrame} {
			for bits := range byte(16) {
				h := ws.Header{Fin: bits&1 != 0, Masked: bits&2 != 0, Rsv: bits & 4, OpCode: kind, Length: length}
				if h.Masked {
					h.Mask = [4]byte{1, 2, 3, 4}
				}
				var want bytes.Buffer
				if err := ws.WriteHeader(&want, h); err != nil {
					t.Fatal(err)
				}
				if got := appendFrameHeader([]byte("x"), h); string(got) != "x"+want.String() {
					t.Errorf("%+v: got %x, want %x", h, got[1:], want.Bytes())
				}
			}
		}
	}
}
