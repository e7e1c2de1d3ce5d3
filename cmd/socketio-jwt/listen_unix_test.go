//go:build unix

package main

import (
	"net"
	"syscall"
	"testing"
)

// TestListenWithoutKeepAlive checks that TCP keep-alive is off, which costs CPU time and is not needed.
func TestListenWithoutKeepAlive(t *testing.T) {
	listeners, err := listen(t.Context(), "--addr", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, listeners)
	peer, err := net.Dial("tcp", listeners[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = peer.Close() }()
	conn, err := listeners[0].Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) {
		if on, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE); err != nil || on != 0 {
			t.Errorf("SO_KEEPALIVE is %d, error %v; want 0", on, err)
		}
	})
}
