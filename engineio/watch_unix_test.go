//go:build unix

package engineio

import (
	"net"
	"net/http"
	"testing"
	"time"
)

// onEachWatch runs test with a goroutine that waits for each WebSocket, and with one for all of them.
func onEachWatch(t *testing.T, test func(t *testing.T, serve serveFunc)) {
	t.Helper()
	t.Run("tcp", func(t *testing.T) { test(t, newTCP) })
	t.Run("shared", func(t *testing.T) { test(t, newShared) })
}

// TestMessagesWhileTheReaderRests checks that no message is missed that arrives when the goroutine that reads
// has found nothing more, and is about to rest. The answer to the one before is sent shortly before that.
func TestMessagesWhileTheReaderRests(t *testing.T) { onEachWatch(t, testMessagesWhileTheReaderRests) }

func testMessagesWhileTheReaderRests(t *testing.T, serve serveFunc) {
	f := serve(t, Options{}, func(c *recorder, _ *http.Request) Conn { c.echo(); return c })
	w, _ := f.openSocket()
	for range 3000 {
		w.write("4a")
		if got := w.read(); got != "4a" {
			t.Fatalf("got %q, want the echo", got)
		}
	}
}

// TestEndBehindTheLastMessage checks that the end of a connection is seen at once if it has arrived together with a
// message. The system reports both as one event.
func TestEndBehindTheLastMessage(t *testing.T) { onEachWatch(t, testEndBehindTheLastMessage) }

func testEndBehindTheLastMessage(t *testing.T, serve serveFunc) {
	arrived, goOn := make(chan struct{}), make(chan struct{})
	f := serve(t, Options{PingInterval: time.Hour, PingTimeout: time.Hour}, func(c *recorder, _ *http.Request) Conn {
		c.onMessage = func(data []byte, _ bool) {
			if string(data) == "first" {
				close(arrived)
				<-goOn
			}
		}
		return c
	})
	w, c := f.openSocket()
	w.write("4first")
	<-arrived
	w.write("4last")
	if err := w.r.in.conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	w.expect("end")
	expectEnd(t, c, TransportClose)
}

// TestTimeoutOfALoudUpgrade checks that a WebSocket is closed that sends without a pause and does not complete its upgrade.
func TestTimeoutOfALoudUpgrade(t *testing.T) { onEachWatch(t, testTimeoutOfALoudUpgrade) }

func testTimeoutOfALoudUpgrade(t *testing.T, serve serveFunc) {
	f := serve(t, Options{UpgradeTimeout: 50 * time.Millisecond}, nil)
	query, c := f.open()
	conn := f.upgradeSocket(query).r.in.conn
	pongs := appendFrame(nil, clientSide, pongFrame, "", nil)
	for len(pongs) < 64<<10 {
		pongs = append(pongs, pongs...)
	}
	for end := time.Now().Add(30 * time.Second); ; {
		if err := conn.SetDeadline(end); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(pongs); err != nil {
			if time.Now().After(end) {
				t.Error("the WebSocket is not read, and not closed")
			}
			break
		}
		if time.Now().After(end) {
			t.Fatal("the WebSocket is still read")
		}
	}
	expectAlive(t, c)
}

// TestCloseAfterWatch checks that a connection that is watched is read until its peer closes it, after a violation. Otherwise the system
// would discard the close frame.
func TestCloseAfterWatch(t *testing.T) { onEachWatch(t, testCloseAfterWatch) }

func testCloseAfterWatch(t *testing.T, serve serveFunc) {
	f := serve(t, Options{}, nil)
	w, c := f.openSocket()
	if err := w.r.in.conn.(*net.TCPConn).SetWriteBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	w.write("4a")
	w.raw(append(appendFrame(nil, clientSide, textFrame, "", []byte("bad")), make([]byte, 2<<20)...))
	w.expect("close", "end")
	expectEnd(t, c, ParseError)
}
