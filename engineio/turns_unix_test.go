//go:build unix

package engineio

import (
	"net"
	"testing"
	"time"
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
