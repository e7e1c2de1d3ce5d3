package engineio

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
)

// turnsDuring returns how often another goroutine could run while f did, on the only processor.
func turnsDuring(f func()) int64 {
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

// turnBuffers is the number of buffers that takeAll reads.
const turnBuffers = 20

// takeAll reads turnBuffers buffers of that size.
func takeAll(t *testing.T, in *input, size int) {
	for left := turnBuffers * size; left > 0; {
		chunk, err := in.take(left)
		if err != nil {
			t.Error(err)
			return
		}
		left -= len(chunk)
	}
}

// TestReaderTakesTurns checks that a peer that sends without a pause does not occupy a
// processor.
func TestReaderTakesTurns(t *testing.T) {
	t.Run("not polled", func(t *testing.T) {
		in := &input{conn: alwaysReady{from: rand.Reader}}
		if n := turnsDuring(func() { takeAll(t, in, ownBufferSize) }); n < turnBuffers/2 {
			t.Errorf("others had %d turns during %d buffers", n, turnBuffers)
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
		n := turnsDuring(func() {
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
