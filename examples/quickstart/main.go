// Command quickstart is the sample of the README: a chat that only peers with a
// valid JWT can join.
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
	gate, err := auth.NewGate(verifier, auth.Options{Logger: slog.Default()})
	check(err)

	io, err := socketio.NewServer(socketio.Options{Logger: slog.Default(), Engine: engineio.Options{
		Origins: []string{"http://localhost:5173"}, // pages of other origins, such as Vite's
	}})
	check(err)
	io.Use(gate.Handshake) // one round trip; gate.Event(auth.EventOptions{}) for the event `authenticate`
	io.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
		slog.Info("connected", "user", auth.Token(ctx).Subject) // runs for admitted sockets only
		return s.Join("lobby")
	})
	io.Handle("say", socketio.Func(func(ctx context.Context, s *socketio.Socket, text string) error {
		return io.To("lobby").Emit("said", auth.Token(ctx).Subject, text)
	}))
	handler, err := io.Handler() // checks the wiring and freezes it
	check(err)

	http.Handle("/socket.io/", handler)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	check(io.ListenAndServe(ctx, socketio.NewHTTPServer("localhost:3000", nil))) // until a signal, then stops in order
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
