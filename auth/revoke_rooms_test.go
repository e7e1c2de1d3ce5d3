package auth_test

import (
	"context"
	"errors"
	"slices"
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

// publishing is a Bus that records what is published.
type publishing struct {
	socketio.Bus
	kinds []socketio.MessageKind
}

func (p *publishing) Publish(m *socketio.Message) error {
	p.kinds = append(p.kinds, m.Kind)
	return p.Bus.Publish(m)
}

// Nodes without a gate are told before their sockets are disconnected, because the peers may come back at once.
func TestRevokeRoomsTellsTheNodesFirst(t *testing.T) {
	var opts socketio.Options
	bustest.New().Join(&opts)
	bus, join := &publishing{}, opts.Bus
	opts.Bus = func(deliver func(socketio.Message)) (_ socketio.Bus, err error) {
		bus.Bus, err = join(deliver)
		return bus, err
	}
	srv, err := socketio.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	gate, _ := authtest.NewGate(t, auth.Options{})
	srv.Use(gate.Handshake)
	gate.RevokeRooms(srv.Namespace, func(auth.Match) []string { return []string{"user:ada"} })
	sockettest.Serve(t, srv)
	if _, err := gate.Revoke(t.Context(), auth.BySubject("i", "ada"), auth.RevokeOptions{}); err != nil {
		t.Error(err)
	}
	if want := []socketio.MessageKind{socketio.KindServerSide, socketio.KindDisconnect}; !slices.Equal(bus.kinds, want) {
		t.Errorf("published %v, want %v", bus.kinds, want)
	}
}
