// Package fromnode has the Go samples of docs/from-node.md. The document shows each
// declaration unchanged, and the tests run them. internal/doctest checks that the two are
// the same.
package fromnode

import (
	"context"
	"log"
	"net/http"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

func OneRoundTrip(secret string) (http.Handler, error) {
	verifier, err := token.NewVerifier(token.Secret(secret), token.Options{})
	if err != nil {
		return nil, err
	}
	gate, err := auth.NewGate(verifier, auth.Options{
		// The URL for clients of 1.x and 2.x, the auth payload for those of 3.x and 4.x.
		Sources: []auth.Source{auth.FromQuery("token"), auth.FromAuth("token"), auth.FromHeader()},
	})
	if err != nil {
		return nil, err
	}
	srv, err := socketio.NewServer(socketio.Options{Engine: OldClients([]string{"https://app.example.com"})})
	if err != nil {
		return nil, err
	}
	srv.Use(gate.Handshake)
	srv.OnConnect(Hello)
	return srv.Handler() // http.Handle("/socket.io/", handler)
}

func Hello(ctx context.Context, s *socketio.Socket) error {
	var name string
	if err := auth.Token(ctx).Claim("name", &name); err != nil {
		return err // a token without a name: the socket ends
	}
	log.Println("hello!", name)
	return nil
}
