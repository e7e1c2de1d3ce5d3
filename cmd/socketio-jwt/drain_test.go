package main

import (
	"net"
	"net/http"
	"sync/atomic"
	"testing"
)

// slowListener is a listener whose Accept notices only the second Close, which fails.
type slowListener struct {
	net.Listener
	accepting, again chan struct{}
	closed           atomic.Bool
}

func (l *slowListener) Accept() (net.Conn, error) {
	close(l.accepting)
	<-l.again
	return nil, net.ErrClosed
}

func (l *slowListener) Close() error {
	if l.closed.Swap(true) {
		close(l.again)
		return net.ErrClosed
	}
	return l.Listener.Close()
}

// TestShutDownAfterListenersAreClosed checks that a planned restart with sockets of the service manager, whose listeners
// are closed first, does not end with an error.
func TestShutDownAfterListenersAreClosed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	slow := &slowListener{Listener: l, accepting: make(chan struct{}), again: make(chan struct{})}
	server := &http.Server{}
	go server.Serve(slow)
	<-slow.accepting
	closeAll([]net.Listener{slow})
	if err := shutDown(t.Context(), server); err != nil {
		t.Error(err)
	}
}
