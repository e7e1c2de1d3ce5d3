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

// Account is the application's record of a user.
type Account struct {
	Name   string
	Banned bool
}

var user = auth.NewUser[*Account]()

func WithUser(verifier *token.Verifier, find func(ctx context.Context, id string) (*Account, error)) (*auth.Gate, error) {
	return auth.NewGate(verifier, auth.Options{
		Authorize: user.By(func(ctx context.Context, t *token.Token, _ *socketio.Handshake) (*Account, error) {
			account, err := find(ctx, t.Subject)
			switch {
			case err != nil:
				return nil, err // goes to the log; the client reads "not authorized"
			case account != nil && account.Banned:
				return nil, &auth.Error{Message: "account suspended", Code: "suspended"}
			}
			return account, nil // nil is refused too, with an error in the log
		}),
	})
}

func Greet(ctx context.Context, s *socketio.Socket) error {
	return s.Emit("welcome", user.From(ctx).Name)
}

// Profile has the claims of our tokens.
type Profile struct {
	ID    string `json:"sub"`
	Email string `json:"email"`
}

var profile = auth.NewUser[*Profile]()

func CustomDecoded(verifier *token.Verifier) (*auth.Gate, error) {
	return auth.NewGate(verifier, auth.Options{Authorize: profile.ByClaims()})
}

func EmailOf(ctx context.Context) string { return profile.From(ctx).Email }

func HeaderOrCookie(verifier *token.Verifier) (*auth.Gate, error) {
	return auth.NewGate(verifier, auth.Options{
		Sources: []auth.Source{auth.FromHeader(), auth.FromCookie("jwt")},
	})
}

func Audit(verifier *token.Verifier, log *slog.Logger) (*auth.Gate, error) {
	return auth.NewGate(verifier, auth.Options{
		Logger: log, // gets a line for each refusal even without OnRefuse
		OnRefuse: func(ctx context.Context, s *socketio.Socket, e *auth.Error) {
			log.WarnContext(ctx, "stayed outside", "from", s.Handshake().RemoteAddr, "reason", e.Reason, "cause", e.Err)
		},
	})
}
