// Command quickstart is the sample of the README: a chat for clients with a valid JWT.
package main

import (
	"context"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"socketiojwt/auth"
	"socketiojwt/engineio"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

func main() {
	verifier, err := token.NewVerifier(token.Secret(os.Getenv("SOCKETIO_JWT_SECRET")), token.Options{})
	check(err)
	gate, err := auth.NewGate(verifier, auth.Options{Logger: slog.Default()}) // says why tokens are refused
	check(err)
	srv, err := socketio.NewServer(socketio.Options{Engine: engineio.Options{
		Origins: []string{"http://localhost:5173"}, // pages of other origins, such as Vite's
	}})
	check(err)
	srv.Use(gate.Handshake) // one round trip; gate.Event(auth.EventOptions{}) for the event `authenticate`
	srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		return s.Join("lobby") // runs for admitted sockets only
	})
	srv.Handle("say", socketio.Func(func(ctx context.Context, _ *socketio.Socket, text string) error {
		return srv.To("lobby").Emit("said", auth.Token(ctx).Subject, text)
	}))
	handler, err := srv.Handler() // checks the wiring and freezes it
	check(err)
	http.Handle("/socket.io/", handler)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	check(srv.ListenAndServe(ctx, socketio.NewHTTPServer("localhost:3000", nil))) // until a signal
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
