//go:build unix

package engineio

import (
	"net"
	"net/http"
	"testing"
)

// TestCloseFrameOfAPeerThatIsGone checks that a peer gets no answer to its close frame if it has closed the
// connection after it. This peer reads on, to see that.
func TestCloseFrameOfAPeerThatIsGone(t *testing.T) {
	arrived, gone := make(chan struct{}), make(chan struct{})
	f := newTCP(t, Options{}, func(c *recorder, _ *http.Request) Conn {
		c.onMessage = func([]byte, bool) { close(arrived); <-gone } // the server reads the close frame after that
		return c
	})
	w, c := f.openSocket()
	w.raw(wire(frame{0x81, false, "4"}, frame{0x88, false, "\x03\xe9"}))
	<-arrived
	if err := w.r.in.conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	close(gone)
	w.expect("end")
	expectEnd(t, c, TransportClose)
}
