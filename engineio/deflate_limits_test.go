package engineio

import (
	"bytes"
	"math"
	"runtime"
	"strings"
	"testing"
)

// TestBomb checks that a message that grows beyond the limit is refused before it has taken
// more memory than the limit.
func TestBomb(t *testing.T) {
	const limit = 1 << 20
	bomb := compressed(strings.Repeat("\x00", 64<<20))
	read := func() error {
		r := newFrameReader(wire(frame{0xc2, false, bomb}), 1<<20, limit)
		r.deflate = true
		_, err := readAll(r)
		return err
	}
	if err := read(); describe(err) != "1009" {
		t.Fatalf("got %v, want 1009", err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 10 {
		read()
	}
	runtime.ReadMemStats(&after)
	// wire copies the bomb three times, and reading it does so about twice; a slice that
	// grows is allocated several times in all, and at most 1.5 times the limit at once.
	if per, most := (after.TotalAlloc-before.TotalAlloc)/10, uint64(6*len(bomb)+3*limit); per > most {
		t.Errorf("a bomb of %d bytes allocated %d, want at most %d", len(bomb), per, most)
	}
	data, err := inflate([]byte(bomb), limit)
	if err != errLong || len(data) != limit || cap(data) > limit {
		t.Errorf("%d bytes, capacity %d, %v; want %d", len(data), cap(data), err, limit)
	}

	f := newTCP(t, Options{PerMessageDeflate: true}, nil)
	w, c := f.startDeflate(socketQuery)
	w.raw(wire(frame{0xc1, false, bomb}))
	w.expect("close 1009")
	expectEnd(t, c, TransportError)
}

// TestManyBombsTakeTurns checks that long messages are decompressed by few goroutines at a
// time, and that short ones do not wait for them.
func TestManyBombsTakeTurns(t *testing.T) {
	for range cap(inflating) {
		inflating <- struct{}{}
	}
	bomb := []byte(compressed(strings.Repeat("x", 1<<20)))
	long := make(chan error, 1)
	go func() {
		_, err := inflate(bomb, 1<<20)
		long <- err
	}()
	for range 5 { // takes longer than the other goroutine would
		inflateChunks(bomb, 1<<20)
	}
	if data, err := inflate([]byte(compressed("4x")), 1<<20); string(data) != "4x" || err != nil {
		t.Errorf("a short message: %q, %v", data, err)
	}
	select {
	case err := <-long:
		t.Errorf("the long message did not wait: %v", err)
		long <- err
	default:
	}
	for range cap(inflating) {
		<-inflating
	}
	if err := <-long; err != nil {
		t.Error(err)
	}
}

// emptyBlocks returns a compressed message of about n bytes without data, in which each 12 bytes are a
// block with a code of its own (RFC 1951, section 3.2.7).
func emptyBlocks(n int) []byte {
	lengths := [18]uint64{2: 1, 3: 2, 17: 2} // so 18, 0 and 1 have the codes 0, 10 and 11
	var out []byte
	var bits uint64
	var held int
	put := func(count int, value uint64) {
		bits |= value << held
		for held += count; held >= 8; held -= 8 {
			out = append(out, byte(bits))
			bits >>= 8
		}
	}
	for len(out) < n {
		put(3, 0b100) // not the last block, with codes of its own
		put(5, 0)     // 257 literals and lengths
		put(5, 0)     // 1 distance
		put(4, 14)    // 18 lengths of codes follow, in the order 16 17 18 0 ... 14 1
		for i := range 18 {
			put(3, lengths[i])
		}
		put(8, 0b1111111_0) // 138 zeros
		put(8, 0b1101011_0) // 118 zeros
		put(2, 0b11)        // the end of the block has a code of one bit
		put(2, 0b01)        // the distance has none
		put(1, 0)           // the end of the block
	}
	put(3, 0) // an empty block, of which the last four bytes are left out
	put((8-held)%8, 0)
	return out
}

// TestBlocksWithoutData checks that a long compressed message takes a turn, and lets other goroutines
// run, also if it has no data.
func TestBlocksWithoutData(t *testing.T) {
	message := emptyBlocks(256 << 10)
	if data, err := inflate(message, 1<<20); len(data) != 0 || err != nil {
		t.Fatalf("%d bytes, %v; want none", len(data), err)
	}
	for range cap(inflating) {
		inflating <- struct{}{}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = inflate(message, 1<<20)
	}()
	for range 5 { // takes longer than the other goroutine would
		_, _ = inflateChunks(message, 1<<20)
	}
	select {
	case <-done:
		t.Error("the message was decompressed without a turn")
	default:
	}
	for range cap(inflating) {
		<-inflating
	}
	<-done
	message = emptyBlocks(64 << 10) // some 7 ms, so that the runtime interrupts it once at most
	if n := turnsDuring(func() { _, _ = inflateChunks(message, 1<<20) }); n < 50 {
		t.Errorf("another goroutine ran %d times during the message, want at least 50", n)
	}
}

// TestLongCompressedMessages checks that the head of a message that is too long is delivered,
// whether its compressed form is too long or only the data.
func TestLongCompressedMessages(t *testing.T) {
	random := make([]byte, 40_000) // it cannot be compressed
	for i, x := 0, uint32(1); i < len(random); i++ {
		x = x*1664525 + 1013904223
		random[i] = '0' + byte(x>>24)%64
	}
	opts := Options{PerMessageDeflate: true, MaxNewPayload: 10_000, MaxPayload: 100_000}
	for name, tc := range map[string]struct {
		text   string
		pieces int
	}{
		"zeros":               {"4long" + strings.Repeat("0", 100_000), 1},
		"random":              {"4long" + string(random), 1},
		"zeros in fragments":  {"4long" + strings.Repeat("0", 100_000), 3},
		"random in fragments": {"4long" + string(random), 10},
		"random in two":       {"4long" + string(random), 2},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, serve serveFunc) {
				f := serve(t, opts, takingHeads(true))
				w, c := f.startDeflate(socketQuery)
				payload := compressed(tc.text)
				var frames []frame
				for i := range tc.pieces {
					frames = append(frames, frame{0x00, false, payload[i*len(payload)/tc.pieces : (i+1)*len(payload)/tc.pieces]})
				}
				frames[0].first |= 0x41
				frames[len(frames)-1].first |= 0x80
				w.raw(wire(frames...))
				w.raw(wire(frame{0xc1, false, compressed("4after")}))
				waitFor(t, func() bool { return len(c.got()) == 2 })
				if got := c.got(); !strings.HasPrefix(got[0], "head of ") || !strings.HasSuffix(got[0], ": long, binary false") || got[1] != "after" {
					t.Errorf("got %q", got)
				}
				go func() { // what is discarded is bounded
					for range 50 {
						w.r.in.conn.Write(wire(frames...))
					}
				}()
				w.expect("close 1009")
				expectEnd(t, c, TransportError)
			})
		})
	}
}

// processors is GOMAXPROCS when the program starts, which may be changed for the tests.
var processors = runtime.GOMAXPROCS(0)

// TestCompressorsAreBounded checks that a message is sent as it is while too many goroutines
// compress.
func TestCompressorsAreBounded(t *testing.T) {
	frames := NewMessage(bytes.Repeat([]byte("x"), 5000)).frames()
	var taken []*deflater
	for {
		d, ok := deflaters.tryGet()
		if !ok {
			break
		}
		taken = append(taken, d)
	}
	if len(taken) < 2 || len(taken) > 2*processors {
		t.Errorf("%d goroutines may compress", len(taken))
	}
	if got := deflateFrames(frames, 1024); &got[0] != &frames[0] {
		t.Error("the message was compressed by one more")
	}
	for _, d := range taken {
		deflaters.put(d)
	}
	if got := deflateFrames(frames, 1024); len(got) > len(frames)/10 {
		t.Errorf("%d bytes, want the message compressed", len(got))
	}
}

// TestDeflateKeepsNoWindow checks that a connection that has sent and received compressed
// messages keeps no more memory than one without the extension.
func TestDeflateKeepsNoWindow(t *testing.T) {
	const n = 100
	text := strings.Repeat("text", 1000)
	heap := func(deflate bool) float64 {
		f := newTCP(t, Options{PerMessageDeflate: true, MaxNewPerAddress: -1}, nil)
		open := func() {
			if !deflate {
				w, c := f.openSocket()
				w.write("4" + text)
				c.s.Send(NewMessage([]byte(text)))
				w.expect("4" + text)
				waitFor(t, func() bool { return len(c.got()) == 1 })
				return
			}
			w, c := f.startDeflate(socketQuery)
			w.raw(wire(frame{0xc1, false, compressed("4" + text)}))
			c.s.Send(NewMessage([]byte(text)))
			w.expect("4" + text)
			waitFor(t, func() bool { return len(c.got()) == 1 })
		}
		open()
		before, _ := held()
		for range n {
			open()
		}
		after, _ := held()
		return (after - before) / n
	}
	var plain, deflated float64
	for range 5 { // what earlier tests have left may be freed meanwhile
		plain, deflated = heap(false), heap(true)
		t.Logf("%.0f B of heap without the extension, %.0f with it", plain, deflated)
		if math.Abs(deflated-plain) < 2048 { // a window has 32 KiB
			return
		}
	}
	t.Errorf("a connection keeps %.0f B of heap, want about %.0f", deflated, plain)
}
