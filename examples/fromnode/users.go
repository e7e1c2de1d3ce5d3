package fromnode

import (
	"context"
	"log/slog"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

func Welcome(ctx context.Context, s *socketio.Socket) error {
	var email string
	if err := auth.Token(ctx).Claim("email", &email); err != nil {
		return err
	}
	return s.Emit("welcome", email)
}

// User is what the application knows of somebody.
type User struct {
	Name   string
	Banned bool
}

func WithUser(verifier *token.Verifier, find func(ctx context.Context, id string) (*User, error)) (*auth.Gate, error) {
	return auth.NewGate(verifier, auth.Options{
		Authorize: func(ctx context.Context, t *token.Token, _ *socketio.Handshake) (any, error) {
			user, err := find(ctx, t.Subject)
			switch {
			case err != nil:
				return nil, err // for the log; the client hears "not authorized"
			case user.Banned:
				return nil, &auth.Error{Message: "account suspended", Code: "suspended"}
			}
			return user, nil
		},
	})
}

func Greet(ctx context.Context, s *socketio.Socket) error {
	return s.Emit("welcome", auth.User(ctx).(*User).Name)
}

// Profile is the claims that our tokens have.
type Profile struct {
	ID    string `json:"sub"`
	Email string `json:"email"`
}

func CustomDecoded(_ context.Context, t *token.Token, _ *socketio.Handshake) (any, error) {
	var p Profile
	err := t.Claims(&p)
	return &p, err
}

func HeaderOrCookie(verifier *token.Verifier) (*auth.Gate, error) {
	return auth.NewGate(verifier, auth.Options{
		Sources: []auth.Source{auth.FromHeader(), auth.FromCookie("jwt")},
	})
}

func Audit(verifier *token.Verifier, log *slog.Logger) (*auth.Gate, error) {
	return auth.NewGate(verifier, auth.Options{
		Logger: log, // has a line for each refusal as it is
		OnRefuse: func(ctx context.Context, s *socketio.Socket, e *auth.Error) {
			log.WarnContext(ctx, "stayed outside", "from", s.Handshake().RemoteAddr, "reason", e.Reason, "cause", e.Err)
		},
	})
}
