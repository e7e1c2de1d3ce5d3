package auth_test

import (
	"context"
	"errors"
	"testing"

	"socketiojwt/auth"
	"socketiojwt/auth/authtest"
	"socketiojwt/socketio"
	"socketiojwt/socketio/bustest"
	"socketiojwt/socketio/sockettest"
)

// Revoke and Block disconnect the rooms of the user on a node that has no gate, and tell that node.
// Other rooms stay, also when another thing is revoked.
func TestRevokeRooms(t *testing.T) {
	hub := bustest.New()
	server := func() *socketio.Server {
		var opts socketio.Options
		hub.Join(&opts)
		srv, err := socketio.NewServer(opts)
		if err != nil {
			t.Fatal(err)
		}
		return srv
	}
	type told struct {
		Issuer, Subject string
		Block           bool
	}
	heard := make(chan told, 10)
	bare := server()
	bare.Open()
	bare.Handle("join", func(_ context.Context, s *socketio.Socket, e *socketio.Event) error {
		var room string
		return errors.Join(e.Scan(&room), s.Join(room), e.Ack())
	})
	bare.OnServerSide("socketiojwt:revoked", func(_ context.Context, e *socketio.ServerSideEvent) (any, error) {
		var object told
		err := e.Scan(&object)
		heard <- object
		return nil, err
	})
	elsewhere := sockettest.Serve(t, bare)
	join := func(room string) *sockettest.Peer {
		p := elsewhere.Dial(sockettest.Options{})
		if _, err := p.EmitWithAck(t.Context(), "join", room); err != nil {
			t.Fatal(err)
		}
		return p
	}
	ada, bob := join("user:ada"), join("user:bob")

	gate, _ := authtest.NewGate(t, auth.Options{})
	guarded := server()
	guarded.Use(gate.Handshake)
	gate.RevokeRooms(guarded.Namespace, func(m auth.Match) []string {
		if issuer, subject, ok := m.Subject(); ok && issuer == "i" {
			return []string{"user:" + subject}
		}
		return nil
	})
	sockettest.Serve(t, guarded)
	if _, err := gate.Revoke(t.Context(), auth.ByTokenID("i", "ada"), auth.RevokeOptions{}); err != nil {
		t.Error(err)
	}
	if _, err := gate.Revoke(t.Context(), auth.BySubject("j", "bob"), auth.RevokeOptions{}); err != nil {
		t.Error(err)
	}
	if _, err := gate.Revoke(t.Context(), auth.BySubject("i", "ada"), auth.RevokeOptions{}); err != nil {
		t.Error(err)
	}
	if err := ada.Ended(t.Context()); !errors.Is(err, sockettest.ErrDisconnected) {
		t.Errorf("the socket ended with %v, want DISCONNECT", err)
	}
	if got := <-heard; got != (told{"i", "ada", false}) {
		t.Errorf("the node was told %+v", got)
	}
	if len(bare.Sockets()) != 1 {
		t.Errorf("%d sockets are left, want bob's", len(bare.Sockets()))
	}
	if _, err := gate.Block(t.Context(), "i", "bob", auth.RevokeOptions{}); err != nil {
		t.Error(err)
	}
	if err := bob.Ended(t.Context()); !errors.Is(err, sockettest.ErrDisconnected) {
		t.Errorf("the socket ended with %v, want DISCONNECT", err)
	}
	if got := <-heard; got != (told{"i", "bob", true}) {
		t.Errorf("the node was told %+v", got)
	}
}
