// Command quickstart is the sample of the README: a chat that only peers with a
// good JWT can join.
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

func main() {
	verifier, err := token.NewVerifier(token.Secret(os.Getenv("JWT_SECRET")), token.Options{})
	check(err)
	gate, err := auth.NewGate(verifier, auth.Options{})
	check(err)

	io, err := socketio.NewServer(socketio.Options{})
	check(err)
	io.Use(gate.Handshake) // one round trip; gate.Event for the `authenticate` event
	io.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
		log.Println("hello", auth.Token(ctx).Subject) // always let in, never a stranger
		return s.Join("lobby")
	})
	io.Handle("say", socketio.Func(func(ctx context.Context, s *socketio.Socket, text string) error {
		return s.To("lobby").Emit("said", auth.Token(ctx).Subject, text)
	}))
	handler, err := io.Handler() // checks the wiring and freezes it
	check(err)

	http.Handle("/socket.io/", handler)
	log.Fatal(http.ListenAndServe("localhost:3000", nil))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
