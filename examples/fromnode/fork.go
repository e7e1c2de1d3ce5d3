package fromnode

import (
	"context"
	"errors"
	"net/http"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

func Fork(srv *socketio.Server, secret string) error {
	verifier, err := token.NewVerifier(token.Secret(secret), token.Options{})
	if err != nil {
		return err
	}
	gate, err := auth.NewGate(verifier, auth.Options{ThreamTexts: true})
	if err != nil {
		return err
	}
	srv.Use(gate.Handshake)
	return nil
}

// OnBehalf returns a request to another service with the token of the event's socket.
func OnBehalf(ctx context.Context, url string) (*http.Request, error) {
	compact := auth.Encoded(ctx)
	if compact == "" {
		return nil, errors.New("a guest, or a gate without KeepEncoded")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+compact)
	return request, nil
}
