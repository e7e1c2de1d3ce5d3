package load

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// TestSkim checks that messages are told apart although only their heads are read.
func TestSkim(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		server, err := listener.Accept()
		if err != nil {
			return
		}
		defer server.Close()
		for i, padding := range []int{16_000, 10, 200_000, 500, 0} {
			text := fmt.Sprintf(`42["broadcast",{"t":%d,"pad":"%s"}]`, i, strings.Repeat("x", padding))
			b := ws.MustCompileFrame(ws.NewTextFrame([]byte(text)))
			_, _ = server.Write(b[:len(b)/2])
			time.Sleep(10 * time.Millisecond) // so that some are read in two parts
			_, _ = server.Write(b[len(b)/2:])
		}
		_, _ = server.Write(ws.MustCompileFrame(ws.NewTextFrame(make([]byte, 1000)))[:500])
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	c := &connection{Conn: conn, r: bufio.NewReaderSize(conn, 512), skims: true}
	for want := range int64(5) {
		p, err := c.next()
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := sentAt(p); !ok || got != want {
			t.Fatalf("message %d: %.80q", want, p)
		}
	}
	if p, err := c.next(); err == nil {
		t.Errorf("a part of a message was read as %.80q", p)
	}
}
