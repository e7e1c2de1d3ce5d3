//go:build unix

package socketio_test

import (
	"context"
	"net"
	"net/http"
	"syscall"
	"testing"

	"socketiojwt/socketio"
)

// TestListenAndServeWithoutKeepAlive checks that TCP keep-alive is off, which costs CPU time and is not needed.
func TestListenAndServeWithoutKeepAlive(t *testing.T) {
	sockets, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sockets.Open()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	web := socketio.NewHTTPServer("127.0.0.1:0", http.NotFoundHandler())
	listening := make(chan string, 1)
	web.BaseContext = func(listener net.Listener) context.Context {
		listening <- listener.Addr().String()
		return context.Background()
	}
	keepAlive := make(chan int, 1)
	web.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		raw, err := conn.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Error(err)
			return ctx
		}
		_ = raw.Control(func(fd uintptr) {
			on, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE)
			if err != nil {
				t.Error(err)
			}
			keepAlive <- on
		})
		return ctx
	}
	served := make(chan error, 1)
	go func() { served <- sockets.ListenAndServe(ctx, web) }()
	select {
	case addr := <-listening:
		peer, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = peer.Close() }()
	case err := <-served:
		t.Fatalf("ListenAndServe returned %v", err)
	}
	if on := <-keepAlive; on != 0 {
		t.Errorf("SO_KEEPALIVE is %d, want 0", on)
	}
}
