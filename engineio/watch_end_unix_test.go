//go:build unix

package engineio

import (
	"io"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// alwaysEOF is a connection from which a read takes nothing, in little time.
type alwaysEOF struct{ syscall.RawConn }

func (alwaysEOF) Control(func(fd uintptr)) error { return nil }

// TestEndOfWatchWakesTheReader checks that a goroutine that reads learns of the end of watch, whatever step of a read
// the end comes in. Otherwise the goroutine waits for ever, and the connection stays open.
func TestEndOfWatchWakesTheReader(t *testing.T) {
	var current, ended atomic.Pointer[pollConn]
	var done atomic.Bool
	defer done.Store(true)
	go func() {
		for i := 0; !done.Load(); i++ {
			p := current.Load()
			if p == nil || p == ended.Load() {
				runtime.Gosched()
				continue
			}
			for range i % 61 { // the end comes in another step each time
				current.Load()
			}
			p.watched.Store(watchAborted) // as watch does
			p.arrived()
			ended.Store(p)
		}
	}()
	began := time.Now()
	for i := 0; i < 10_000 && time.Since(began) < time.Second; i++ {
		p := &pollConn{raw: alwaysEOF{}, ws: new(webSocket)}
		current.Store(p)
		for {
			if _, err := p.read(nil); err != io.EOF {
				break
			}
			if ended.Load() == p && p.state.Load() == pollReading {
				t.Fatalf("try %d: the reader would wait for ever", i)
			}
		}
		for ended.Load() != p {
			runtime.Gosched()
		}
	}
}
