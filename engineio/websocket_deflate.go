package engineio

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"io"
	"runtime"
	"sync"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"

	"socketiojwt/internal/turns"
)

// rsv1 is the bit of the first frame of a compressed message (RFC 7692, section 6).
var rsv1 = ws.Rsv(true, false, false)

// deflater compresses the messages of one goroutine.
type deflater struct {
	*wsflate.Writer
	out bytes.Buffer
}

var deflaters = newBounded(func() *deflater {
	return &deflater{Writer: wsflate.NewWriter(nil, func(w io.Writer) wsflate.Compressor {
		c, _ := flate.NewWriter(w, flate.BestSpeed) // the level is valid
		return c
	})}
})

// deflateFrames returns frames of a server with those payloads compressed that have at least
// from bytes and become shorter. It returns frames if there are none, or if too many
// goroutines compress: then it costs more to wait than to send.
func deflateFrames(frames []byte, from int) []byte {
	d, ok := deflaters.tryGet()
	if !ok {
		return frames
	}
	defer deflaters.put(d)
	var out bytes.Buffer
	for rest := frames; len(rest) > 0; {
		h, err := ws.ReadHeader(bytes.NewReader(rest))
		if err != nil {
			panic("engineio: " + err.Error()) // never: this package has written the frames
		}
		size := ws.HeaderSize(h) + int(h.Length)
		payload := rest[ws.HeaderSize(h):size]
		if compressed := d.deflate(payload, from); compressed != nil {
			if out.Len() == 0 {
				out.Grow(len(frames) - len(payload) + len(compressed))
				out.Write(frames[:len(frames)-len(rest)])
			}
			h.Rsv, h.Length = rsv1, int64(len(compressed))
			out.Write(appendFrameHeader(out.AvailableBuffer(), h))
			out.Write(compressed)
		} else if out.Len() > 0 {
			out.Write(rest[:size])
		}
		rest = rest[size:]
	}
	if out.Len() == 0 {
		return frames
	}
	return out.Bytes()
}

// deflate returns payload compressed, or nil if that is not worth it. The result is valid
// until the next call.
func (d *deflater) deflate(payload []byte, from int) []byte {
	if len(payload) < from {
		return nil
	}
	if d.out.Cap() > maxBatch {
		d.out = bytes.Buffer{} // a rare long message must not occupy memory
	}
	d.out.Reset()
	d.Reset(&d.out)
	_, _ = d.Write(payload) // a bytes.Buffer never fails
	if err := d.Flush(); err != nil || d.out.Len() >= len(payload) {
		return nil
	}
	return d.out.Bytes()
}

// inflater decompresses the messages of one goroutine.
type inflater struct {
	*wsflate.Reader
	in    pacedReader
	chunk [8 << 10]byte
}

var (
	inflaters = sync.Pool{New: func() any {
		i := new(inflater)
		i.Reader = wsflate.NewReader(&i.in, func(r io.Reader) wsflate.Decompressor { return decompressor{flate.NewReader(r)} })
		return i
	}}
	// inflating bounds the long messages that are decompressed at a time. Without it, many
	// peers could each make a short message grow to the limit at the same time.
	inflating = turns.New(runtime.GOMAXPROCS(0))
)

// pacedReader reads a compressed message, and ends the turn of its goroutine when that has lasted
// long enough. A message may consist of blocks without data, each of which costs as much as many bytes.
type pacedReader struct {
	bytes.Reader
	turn turns.Turn
	left int // bytes until the turn is checked
}

// bytesPerCheck is how much is read between two checks. The most expensive blocks of this length
// take about as long as a turn.
const bytesPerCheck = 1 << 10

// reset makes r read data in a new turn.
func (r *pacedReader) reset(data []byte) {
	r.Reader.Reset(data)
	r.turn, r.left = turns.Turn{}, bytesPerCheck
}

// Read implements io.Reader.
func (r *pacedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.count(n)
	return n, err
}

// ReadByte implements io.ByteReader.
func (r *pacedReader) ReadByte() (byte, error) {
	r.count(1)
	return r.Reader.ReadByte()
}

// count counts n bytes that are read.
func (r *pacedReader) count(n int) {
	if r.left -= n; r.left <= 0 {
		r.left = bytesPerCheck
		r.turn.Check()
	}
}

// decompressor is a flate reader that the library can use again.
type decompressor struct{ io.Reader }

// Reset implements wsflate.ReadResetter.
func (d decompressor) Reset(r io.Reader) {
	_ = d.Reader.(flate.Resetter).Reset(r, nil) // never fails
}

var (
	errTruncated = &frameError{codeInvalidText, "compressed message that is not complete"}
	errCorrupt   = &frameError{codeInvalidText, "compressed message that is not valid"}
)

// shortMessage is the length, compressed and not, up to which a message is decompressed without
// a turn.
const shortMessage = 32 << 10

// inflate returns the data of a compressed message. If there are more than limit bytes, it
// stops, and returns the first ones and errLong. With errTruncated it returns what came
// before. Memory grows with the bytes that were decompressed. Long messages take turns, so
// that short ones need not wait for them.
func inflate(compressed []byte, limit int) ([]byte, error) {
	if len(compressed) <= shortMessage {
		data, err := inflateChunks(compressed, min(limit, shortMessage))
		if err != errLong || limit <= shortMessage {
			return data, err
		}
	}
	_ = inflating.Acquire(context.Background()) // the others do not wait for anything
	defer inflating.Release()
	return inflateChunks(compressed, limit)
}

func inflateChunks(compressed []byte, limit int) (data []byte, err error) {
	i := inflaters.Get().(*inflater)
	defer inflaters.Put(i)
	i.in.reset(compressed)
	defer i.in.reset(nil)
	i.Reset(&i.in)
	for err == nil {
		if len(data) > 0 {
			i.in.turn.Check()
			runtime.Gosched() // as input.wait does for each buffer
		}
		var n int
		n, err = i.Read(i.chunk[:])
		chunk := i.chunk[:min(n, limit-len(data))]
		data = extend(data, chunk, limit)
		if len(chunk) < n {
			return data, errLong
		}
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return data, errTruncated
	case err != io.EOF || !i.ended():
		return nil, errCorrupt
	}
	return data, nil
}

// ended reports whether all was decompressed. After a final block there may be the beginning
// of an empty one (RFC 7692, section 7.2.3.5).
func (i *inflater) ended() bool {
	b, err := i.in.ReadByte()
	return err != nil || b == 0 && i.in.Len() == 0
}
