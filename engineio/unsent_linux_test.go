package engineio

import (
	"strings"
	"testing"
)

// TestKernelKeepsLittleForPeerThatDoesNotRead checks that large messages to a peer that does not
// read wait in the session's queue, where broadcasts share their bytes, and that the peer gets all
// of them when it reads.
func TestKernelKeepsLittleForPeerThatDoesNotRead(t *testing.T) {
	const n, size = 100, 16 << 10
	// What the kernel may keep: maxUnsent, what the receive buffer of the peer takes, and a write.
	const most = 1 << 20
	for name, serve := range map[string]func(*testing.T, Options, onOpen) *fixture{"TCP": onTCP, "TLS": onTLS} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, Options{}, nil)
			w, c := f.openSocket()
			text := strings.Repeat("x", size)
			for range n {
				sends(t, c, text)
			}
			eventually(t, "most messages wait in the queue", func() bool { return f.srv.Stats().Queued > n*size-most })
			for i := range n {
				if got := w.read(); got != "4"+text {
					t.Fatalf("message %d has %d bytes, want %d", i, len(got), len(text)+1)
				}
			}
		})
	}
}
