//go:build unix

package engineio

import (
	"crypto/tls"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"socketiojwt/internal/turns"
)

// TestPolledReaderTakesTurns is TestReaderTakesTurns for a connection that is polled.
func TestPolledReaderTakesTurns(t *testing.T) {
	ours, theirs := tcpPair(t)
	if _, err := theirs.Write(make([]byte, turnBuffers*pooledBufferSize)); err != nil { // it fits into the buffers of the system
		t.Fatal(err)
	}
	time.Sleep(10 * time.Millisecond) // and has come
	in := &input{conn: ours, poll: newPollConn(ours)}
	if in.poll == nil {
		t.Fatal("the connection is not polled")
	}
	if n := turnsDuring(func() { takeAll(t, in, pooledBufferSize) }); n < turnBuffers/2 {
		t.Errorf("others had %d turns during %d buffers", n, turnBuffers)
	}
}

// TestSecureReaderKeepsItsTurn checks that the turn of a reader goes on from one TLS record to the next. Otherwise it never
// ends while a peer sends without a pause, and all that waits for the network is delayed by 10 ms or more.
func TestSecureReaderKeepsItsTurn(t *testing.T) { onEachTLSWatch(t, testSecureReaderKeepsItsTurn) }

func testSecureReaderKeepsItsTurn(t *testing.T, opts Options) {
	f := newTLS(t, opts, nil)
	w, c := f.openSecure(tls.VersionTLS13)
	received, goOn := make(chan struct{}), make(chan struct{})
	kept := 0
	c.onMessage = func(data []byte, _ bool) {
		if string(data) == "first" {
			close(received)
			<-goOn
		}
		if *c.s.ws.in.turn() != (turns.Turn{}) {
			kept++
		}
	}
	w.send(w.records("", "first"))
	<-received
	most := slices.Repeat([]string{strings.Repeat("x", pooledBufferSize/2)}, 10) // TLS reads one or two of them at once
	w.send(w.records("", most...))
	close(goOn)
	expectMessages(t, c, append([]string{"first"}, most...)...)
	c.s.Abort("aborted")
	expectEnd(t, c, "aborted") // after the last message
	if kept < len(most)-2 {
		t.Errorf("the turn went on for %d of %d messages", kept, len(most))
	}
}

// tcpPair returns the two ends of a connection.
func tcpPair(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if theirs, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if ours, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return ours, theirs
}
