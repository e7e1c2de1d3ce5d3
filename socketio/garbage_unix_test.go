//go:build unix && !race

package socketio_test

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
)

// TestLoudPeerMakesNoGarbage checks that packets that have no effect allocate next to nothing.
// Otherwise a peer that floods with them would make the garbage collector stop all goroutines
// dozens of times a second. The race detector makes sync.Pool drop what it is given, so the test does
// not run with it.
func TestLoudPeerMakesNoGarbage(t *testing.T) {
	const n, most = 20_000, 8 // packets, and bytes for each of them
	long := append(append([]byte("399["), bytes.Repeat([]byte("0,"), 100)...), "0]"...)
	for _, c := range []struct {
		name  string
		frame []byte
		times int
	}{
		{"packets without effect", maskedFrame(0x81, []byte("6")), n},
		{"pongs", maskedFrame(0x8a, nil), n},
		{"acknowledgements that no call waits for", maskedFrame(0x81, []byte(`4399[1,{"a":"b"}]`)), n},
		{"events without a handler", maskedFrame(0x81, []byte(`42["unknown",{"a":"b"}]`)), n},
		{"events with a long name", maskedFrame(0x81, []byte(`42["`+strings.Repeat("x", 100)+`",1]`)), n},
		{"events without a handler that want an answer", maskedFrame(0x81, []byte(`4277["unknown"]`)), n},
		{"long acknowledgements", maskedFrame(0x81, append([]byte("4"), long...)), n / 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := echoPeer(t)
			request, answers := binaryEcho(16)
			p.exchange(t, request, answers)
			block := bytes.Repeat(c.frame, c.times)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, err := p.Write(block); err != nil {
				t.Fatal(err)
			}
			p.exchange(t, request, answers) // when the server has read all of it
			runtime.ReadMemStats(&after)
			if got := float64(after.TotalAlloc-before.TotalAlloc) / float64(n); got > most {
				t.Errorf("%.1f bytes allocated for each packet, want at most %d", got, most)
			}
		})
	}
}
