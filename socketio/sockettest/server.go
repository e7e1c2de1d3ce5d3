package sockettest

import (
	"context"
	"errors"
	"testing"
	"time"

	"socketiojwt/internal/memnet"
	"socketiojwt/socketio"
)

// A Server is a Socket.IO server in memory. It lasts until the test ends.
type Server struct {
	*socketio.Server

	t  testing.TB
	in *memnet.Listener
}

// NewServer makes a server, calls wire to set it up, and serves it. Any error fails the test.
// For a server with Options, see Serve.
func NewServer(t testing.TB, wire func(srv *socketio.Server)) *Server {
	t.Helper()
	srv, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		t.Fatal(err)
	}
	wire(srv)
	return Serve(t, srv)
}

// Serve serves srv in memory until the test ends, and then closes it.
func Serve(t testing.TB, srv *socketio.Server) *Server {
	t.Helper()
	handler, err := srv.Handler()
	if err != nil {
		t.Fatal(err)
	}
	in := memnet.Listen()
	web := socketio.NewHTTPServer("", handler)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = web.Serve(in)
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		_ = web.Close()
		<-served
	})
	return &Server{srv, t, in}
}

// dialTimeout bounds Server.Dial, so that a test without an answer ends.
const dialTimeout = time.Minute

// Dial connects and joins a namespace. The test fails if the socket is refused. The Peer is
// closed when the test ends.
func (s *Server) Dial(opts Options) *Peer {
	s.t.Helper()
	p, err := s.try(opts)
	if err != nil {
		s.t.Fatalf("sockettest: %v", err)
	}
	return p
}

// Refused connects and returns the refusal. The test fails if the server does not refuse the
// socket.
func (s *Server) Refused(opts Options) *ConnectError {
	s.t.Helper()
	_, err := s.try(opts)
	var refusal *ConnectError
	if !errors.As(err, &refusal) {
		s.t.Fatalf("sockettest: got error %v, want a refusal", err)
	}
	return refusal
}

func (s *Server) try(opts Options) (*Peer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	opts.NetDial = s.in.Dial
	p, err := Dial(ctx, "http://server", opts)
	if err == nil {
		s.t.Cleanup(func() { _ = p.Close() })
	}
	return p, err
}
