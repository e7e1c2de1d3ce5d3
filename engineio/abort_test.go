package engineio

import (
	"net/http"
	"runtime"
	"sync"
	"testing"
)

// TestEndsWhileMessagesArrive checks that a session ends, and its connection is closed, at whatever moment of the arrival of
// a message it is aborted or closed, and that the peer gets all that was sent before an orderly end.
func TestEndsWhileMessagesArrive(t *testing.T) {
	for name, serve := range map[string]func(*testing.T, Options, onOpen) *fixture{"TCP": onTCP, "TLS": onTLS} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, Options{}, func(c *recorder, _ *http.Request) Conn { c.echo(); return c })
			var peers sync.WaitGroup
			for i := range 120 {
				w, c := f.openSocket()
				left := make(chan struct{}, 100) // messages under way, at most
				peers.Go(func() {
					frames := appendFrame(nil, clientSide, textFrame, "", []byte("4a"))
					defer close(left)
					for err := error(nil); err == nil; _, err = w.r.in.conn.Write(frames) {
						left <- struct{}{}
					}
				})
				last := make(chan bool, 1)
				peers.Go(func() {
					received := false
					for text := w.read(); text == "4a" || text == "4last"; text = w.read() {
						received = received || text == "4last" // an answer may have been sent after it
						select {
						case <-left:
						default:
						}
					}
					last <- received
					w.close()
					for range left { // until the peer's write has failed
					}
				})
				for range i * 7 { // at another moment each time
					runtime.Gosched()
				}
				switch i % 3 {
				case 0:
					c.s.Abort(ForcedClose)
				case 1:
					c.s.Close(ForcedClose)
				case 2:
					_ = c.s.Send(NewMessage([]byte("last")))
					c.s.Close(ForcedClose)
				}
				expectEnd(t, c, ForcedClose)
				if received := <-last; i%3 == 2 && !received {
					t.Errorf("session %d: the last message was lost", i)
				}
			}
			peers.Wait()
			f.expectNoSessions()
		})
	}
}
