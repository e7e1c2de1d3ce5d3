package fromnode

import (
	"context"
	"regexp"
	"slices"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

func Guests(srv *socketio.Server, verifier *token.Verifier) error {
	gate, err := auth.NewGate(verifier, auth.Options{
		Guests: &auth.GuestOptions{},
		Rooms:  []auth.RoomsFrom{auth.RoomOfSubject("user:")}, // joined at the login
	})
	if err != nil {
		return err
	}
	srv.Use(gate.Event(auth.EventOptions{})) // admits every socket at once; it may `authenticate` at any time
	srv.Handle("say", socketio.AckFunc(func(ctx context.Context, s *socketio.Socket, text string) (bool, error) {
		t := auth.Token(ctx)
		if t == nil {
			return false, &socketio.PublicError{Message: "log in first"}
		}
		return true, s.Broadcast().Emit("said", t.Subject, text)
	}))
	return nil
}

func Namespaces(srv *socketio.Server, users, admins *auth.Gate) {
	srv.Open() // "/" admits every socket
	srv.Of("/chat").Use(users.Handshake)
	srv.Of("/admin").Use(admins.Event(auth.EventOptions{}), AdminsOnly)
	srv.OfPattern(regexp.MustCompile(`/room-\d+`)).Use(users.Handshake) // each has its own sockets and rooms
}

// AdminsOnly runs after a gate, so the token is verified.
func AdminsOnly(ctx context.Context, _ *socketio.Socket) error {
	var roles []string
	if err := auth.Token(ctx).Claim("roles", &roles); err != nil {
		return err
	}
	if !slices.Contains(roles, "admin") {
		return &socketio.Ending{Message: "admins only"}
	}
	return nil
}
