package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/client"
)

// check ends an example that failed.
func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// chat is a server for the examples.
func chat() (url string, stop func()) {
	srv, err := socketio.NewServer(socketio.Options{Logger: discard})
	check(err)
	srv.Open()
	srv.OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Join("lobby") })
	srv.Handle("say", socketio.AckFunc(func(_ context.Context, _ *socketio.Socket, text string) (int, error) {
		return len(text), srv.To("lobby").Emit("said", text)
	}))
	srv.Of("/staff").Use(func(context.Context, *socketio.Socket) error {
		return &socketio.Ending{Message: "staff only"}
	})
	handler, err := srv.Handler()
	check(err)
	web := httptest.NewServer(handler)
	return web.URL, func() { _ = srv.Close(); web.Close() }
}

func Example() {
	url, stop := chat()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	c, err := client.Dial(ctx, url, client.Options{
		Auth: func(ctx context.Context, namespace string) (any, error) {
			return map[string]string{"token": "from the login of the program"}, nil
		},
	})
	check(err)
	defer c.Close()
	s, err := c.Join(ctx, "/")
	check(err)

	for {
		e, err := s.Receive(ctx)
		check(err)
		switch e.Name {
		case client.EventConnect: // at each connection, the first included
			check(s.Emit(ctx, "say", "hello"))
		case "said":
			var text string
			check(e.Scan(&text))
			fmt.Println(text)
			return
		}
	}
	// Output: hello
}

func ExampleSocket_EmitWithAck() {
	url, stop := chat()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, url, client.Options{})
	check(err)
	defer c.Close()
	s, err := c.Join(ctx, "/")
	check(err)
	answer, err := s.EmitWithAck(ctx, "say", "hello")
	check(err)
	var length int
	check(answer.Scan(&length))
	fmt.Println(length)
	// Output: 5
}

func ExampleClient_Join_refused() {
	url, stop := chat()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, url, client.Options{})
	check(err)
	defer c.Close()
	_, err = c.Join(ctx, "/staff")
	var refused *client.ConnectError
	if errors.As(err, &refused) {
		fmt.Println(refused.Message)
	}
	// Output: staff only
}
