//go:build unix

package socketio_test

import (
	"context"
	"testing"
	"time"

	"socketiojwt/socketio"
)

// TestConnectThatBlocks checks that a connection is read on while connect middleware blocks, which runs on the goroutine that has read the
// CONNECT: the events of other namespaces are handled, and the end of the connection is seen.
func TestConnectThatBlocks(t *testing.T) {
	const connect, event = "40/slow,", `421["echo",1]`
	for name, writes := range map[string][][]byte{
		"apart":    {maskedFrame(0x81, []byte(connect)), maskedFrame(0x81, []byte(event))},
		"together": {append(maskedFrame(0x81, []byte(connect)), maskedFrame(0x81, []byte(event))...)},
	} {
		t.Run(name, func(t *testing.T) {
			started, ended := make(chan struct{}), make(chan struct{})
			web := serveEcho(t, func(srv *socketio.Server) {
				srv.Of("/slow").Use(func(ctx context.Context, _ *socketio.Socket) error {
					close(started)
					<-ctx.Done()
					close(ended)
					return ctx.Err()
				})
			})
			p := dialPeer(t, web)
			if err := p.SetDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			for i, b := range writes {
				if _, err := p.Write(b); err != nil {
					t.Fatal(err)
				}
				if i == 0 {
					<-started
				}
			}
			p.discard(t) // the acknowledgement
			_ = p.Close()
			select {
			case <-ended:
			case <-time.After(time.Minute):
				t.Error("the middleware's context does not end")
			}
		})
	}
}
