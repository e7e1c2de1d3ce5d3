package fromnode

import (
	"context"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

func Rights(srv *socketio.Server, verifier *token.Verifier, remove socketio.Handler) error {
	gate, err := auth.NewGate(verifier, auth.Options{
		Rooms: []auth.RoomsFrom{auth.RoomOfSubject("user:"), auth.RoomsOf("tenants", "tenant:")},
	})
	if err != nil {
		return err
	}
	rule, err := gate.RoomRule(auth.RoomRuleOptions{Prefixes: []string{"chat:"}})
	if err != nil {
		return err
	}
	srv.Use(gate.Handshake)
	srv.Handle("remove", gate.Require(auth.Scopes("chat.admin"))(remove))
	srv.Handle("join", socketio.AckFunc(func(ctx context.Context, s *socketio.Socket, room string) (bool, error) {
		return true, rule.Join(ctx, s, room)
	}))
	return nil
}
