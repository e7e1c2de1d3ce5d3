package engineio

import (
	"bytes"
	"compress/gzip"
	"runtime"
	"sync"
)

// bounded holds objects that are large and that a goroutine uses while it keeps a processor
// busy. Few are in use at a time, whatever the peers do, and the garbage collector frees the
// others.
type bounded[T any] struct {
	turns chan struct{}
	spare sync.Pool
}

// newBounded returns objects that construct makes. Twice as many as there are processors may
// be in use, because goroutines that use one may be preempted.
func newBounded[T any](construct func() T) *bounded[T] {
	return &bounded[T]{turns: make(chan struct{}, 2*runtime.GOMAXPROCS(0)), spare: sync.Pool{New: func() any { return construct() }}}
}

// tryGet returns an object for put. It reports false if too many are in use.
func (b *bounded[T]) tryGet() (object T, ok bool) {
	select {
	case b.turns <- struct{}{}:
		return b.spare.Get().(T), true
	default:
		return object, false
	}
}

func (b *bounded[T]) put(object T) {
	b.spare.Put(object)
	<-b.turns
}

var gzipWriters = newBounded(func() *gzip.Writer {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
	return w
})

// gzipped returns body as gzip. It reports false if too many goroutines compress.
func gzipped(body []byte) (compressed []byte, ok bool) {
	w, ok := gzipWriters.tryGet()
	if !ok {
		return nil, false
	}
	defer gzipWriters.put(w)
	var out bytes.Buffer
	w.Reset(&out)
	w.Write(body) // a bytes.Buffer never fails
	w.Close()
	return out.Bytes(), true
}
