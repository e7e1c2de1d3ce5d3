package client

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"testing"

	"socketiojwt/socketio"
)

// A call that found the socket connected queues nothing once the socket has left: a
// packet after DISCONNECT would close the connection.
func TestNothingFollowsDisconnect(t *testing.T) {
	srv, err := socketio.NewServer(socketio.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	srv.Open()
	handler, err := srv.Handler()
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(handler)
	defer web.Close()
	defer func() { _ = srv.Close() }()
	ctx := context.Background()
	c, err := Dial(ctx, web.URL, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	s, err := c.Join(ctx, "/")
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.connected(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Leave(); err != nil {
		t.Fatal(err)
	}
	if queued, err := s.tryQueue(l, []byte(`2["late"]`), nil); queued || err != errNotJoined {
		t.Errorf("queued: %v, %v", queued, err)
	}
	if s.expectAck(l, 1) != nil {
		t.Error("an acknowledgement is expected")
	}
}
