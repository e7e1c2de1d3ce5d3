package socketiojwt_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/client"
	"socketiojwt/token"
	"socketiojwt/token/mint"
)

// A server with a gate, a client with a token, and one without.
func Example() {
	key, err := mint.Generate(token.HS256)
	check(err)
	verifier, err := token.NewVerifier(key.Key(), token.Options{})
	check(err)
	gate, err := auth.NewGate(verifier, auth.Options{})
	check(err)
	srv, err := socketio.NewServer(socketio.Options{})
	check(err)
	srv.Use(gate.Handshake)
	srv.Handle("whoami", socketio.AckFunc(func(ctx context.Context, _ *socketio.Socket, _ struct{}) (string, error) {
		return auth.Token(ctx).Subject, nil
	}))
	handler, err := srv.Handler()
	check(err)
	web := httptest.NewServer(handler)
	defer web.Close()
	defer srv.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	compact, err := mint.Sign(key, map[string]any{"sub": "ada", "exp": time.Now().Add(time.Hour).Unix()}, mint.Header{})
	check(err)
	for _, payload := range []map[string]string{{"token": compact}, {}} {
		c, err := client.Dial(ctx, web.URL, client.Options{
			Auth: func(context.Context, string) (any, error) { return payload, nil },
		})
		check(err)
		defer c.Close()
		s, err := c.Join(ctx, "/")
		var refused *client.ConnectError
		if errors.As(err, &refused) {
			fmt.Println("refused:", refused.Message)
			continue
		}
		check(err)
		answer, err := s.EmitWithAck(ctx, "whoami")
		check(err)
		var subject string
		check(answer.Scan(&subject))
		fmt.Println("admitted:", subject)
	}
	// Output:
	// admitted: ada
	// refused: no token provided
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
