package fromnode

import (
	"context"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

func TwoRoundTrips(srv *socketio.Server, verifier *token.Verifier) error {
	gate, err := auth.NewGate(verifier, auth.Options{Timeout: 15 * time.Second})
	if err != nil {
		return err
	}
	srv.Use(gate.Event(auth.EventOptions{}))
	srv.OnConnect(Hello) // the old event "authenticated": it runs only for sockets that have logged in
	srv.Handle("echo", func(_ context.Context, s *socketio.Socket, e *socketio.Event) error {
		return s.Emit("echo-response", e.Args()...)
	})
	return nil
}

func DisconnectAtOnce(gate *auth.Gate) socketio.ConnectMiddleware {
	return gate.Event(auth.EventOptions{Grace: -1})
}

func DisconnectIn15Seconds(gate *auth.Gate) socketio.ConnectMiddleware {
	return gate.Event(auth.EventOptions{Grace: 15 * time.Second})
}
