package engineio

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// turns returns how often another goroutine could run while f did, on the only processor.
func turns(f func()) int64 {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var n atomic.Int64
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			default:
				n.Add(1)
				runtime.Gosched()
			}
		}
	}()
	f()
	close(done)
	<-ended
	return n.Load()
}

// alwaysReady is the connection of a peer that sends as fast as it is read.
type alwaysReady struct {
	net.Conn
	from io.Reader
}

func (c alwaysReady) Read(p []byte) (int, error) { return c.from.Read(p) }

// TestReaderTakesTurns checks that a peer that sends without a pause does not occupy a
// processor.
func TestReaderTakesTurns(t *testing.T) {
	const buffers = 20
	read := func(in *input, size int) {
		for left := buffers * size; left > 0; {
			chunk, err := in.take(left)
			if err != nil {
				t.Error(err)
				return
			}
			left -= len(chunk)
		}
	}
	t.Run("polled", func(t *testing.T) {
		ours, theirs := tcpPair(t)
		written := make(chan error, 1)
		go func() {
			_, err := theirs.Write(make([]byte, buffers*pooledBufferSize))
			written <- err
		}()
		if err := <-written; err != nil { // it fits into the buffers of the system
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond) // and has come
		in := &input{conn: ours, poll: newPollConn(ours)}
		if in.poll == nil {
			t.Skip("connections cannot be polled here")
		}
		if n := turns(func() { read(in, pooledBufferSize) }); n < buffers/2 {
			t.Errorf("others had %d turns during %d buffers", n, buffers)
		}
	})
	t.Run("not polled", func(t *testing.T) {
		in := &input{conn: alwaysReady{from: rand.Reader}}
		if n := turns(func() { read(in, ownBufferSize) }); n < buffers/2 {
			t.Errorf("others had %d turns during %d buffers", n, buffers)
		}
	})
	t.Run("packets of a POST", func(t *testing.T) {
		f := newTCP(t, Options{}, nil)
		_, c := f.open()
		body := bytes.Repeat([]byte("6\x1e"), 20*packetsInTurn)
		body = append(body, '6')
		p, refused := c.s.startRequest((*polling).startPost)
		if refused != nil {
			t.Fatal(refused)
		}
		n := turns(func() {
			err := p.deliverPost(codec4{}, body, false)
			p.endPost(err)
			if err != nil {
				t.Error(err)
			}
		})
		if n < 10 {
			t.Errorf("others had %d turns", n)
		}
	})
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
