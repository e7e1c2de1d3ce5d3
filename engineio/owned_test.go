package engineio

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
)

// owner is a Conn that keeps the data of messages that it owns, and copies the others.
type owner struct {
	*recorder
	mu          sync.Mutex
	kept        [][]byte
	owned, lent int
}

func (o *owner) Message(data []byte, _ bool) { o.keep(bytes.Clone(data), &o.lent) }

func (o *owner) OwnMessage(data []byte, _ bool) { o.keep(data, &o.owned) }

func (o *owner) keep(data []byte, count *int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept = append(o.kept, data)
	*count++
}

// TestOwnedMessages sends messages of all lengths, whole and in fragments with pings between them, and checks that those that
// the Conn owns are whole and that later ones do not change them.
func TestOwnedMessages(t *testing.T) {
	onBoth(t, func(t *testing.T, serve serveFunc) {
		o := &owner{}
		f := serve(t, Options{}, func(c *recorder, _ *http.Request) Conn { o.recorder = c; return o })
		w, c := f.openSocket()
		random := rand.New(rand.NewPCG(1, 2))
		var in []byte
		var want [][]byte
		for i := range 60 {
			data := bytes.Repeat([]byte{byte(i)}, []int{3, 200, 9000, 70_000, 300_000}[i%5]+random.IntN(100))
			want = append(want, data)
			kind, rest := byte(0x02), data
			for i%3 == 0 && len(rest) > 1 {
				n := 1 + random.IntN(len(rest)-1)
				in = append(in, wire(frame{kind, false, string(rest[:n])}, frame{0x89, false, "ping"})...)
				kind, rest = 0, rest[n:]
			}
			in = append(in, frame{kind | 0x80, false, string(rest)}.bytes()...)
		}
		in = append(in, frame{0x88, false, ""}.bytes()...)
		go func() { // pongs
			for w.read() != "end" {
			}
		}()
		for len(in) > 0 {
			n := min(len(in), []int{1, 100, 5000, 100_000}[random.IntN(4)])
			if _, err := w.r.in.conn.Write(in[:n]); err != nil {
				t.Fatal(err)
			}
			in = in[n:]
		}
		expectEnd(t, c, TransportClose)
		o.mu.Lock()
		defer o.mu.Unlock()
		if !slices.EqualFunc(o.kept, want, bytes.Equal) {
			t.Errorf("%d messages, want %d with the same data", len(o.kept), len(want))
		}
		if o.owned < 24 || o.lent == 0 { // two of five lengths are longer than any buffer
			t.Error(fmt.Sprint(o.owned, " messages were owned, and ", o.lent, " were not"))
		}
	})
}
