package socketio_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// A chat room: whoever connects is in the lobby, and what one says all hear.
func Example() {
	io, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		log.Fatal(err)
	}
	io.Open() // or io.Use(gate.Handshake)
	io.OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Join("lobby") })
	io.Handle("say", socketio.Func(func(_ context.Context, s *socketio.Socket, text string) error {
		return io.To("lobby").Emit("said", text)
	}))
	handler, err := io.Handler()
	if err != nil {
		log.Fatal(err)
	}
	web := httptest.NewServer(handler)
	defer web.Close()
	defer func() { _ = io.Close() }()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	peer, err := sockettest.Dial(ctx, web.URL, sockettest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = peer.Close() }()
	_ = peer.Emit("say", "hello")
	said, err := peer.Expect(ctx, "said")
	if err != nil {
		log.Fatal(err)
	}
	var text string
	_ = said.Scan(&text)
	fmt.Println(text)
	// Output: hello
}

// The result of an AckFunc is the acknowledgement; a []byte, at any depth, is a
// binary attachment.
func ExampleAckFunc() {
	type upload struct {
		Name string `json:"name"`
		Data []byte `json:"data"`
	}
	io, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		log.Fatal(err)
	}
	io.Open().Handle("upload", socketio.AckFunc(func(_ context.Context, _ *socketio.Socket, u upload) (int, error) {
		if u.Name == "" {
			return 0, &socketio.PublicError{Message: "a file needs a name"} // the peer may know
		}
		return len(u.Data), nil
	}))
	handler, err := io.Handler()
	if err != nil {
		log.Fatal(err)
	}
	web := httptest.NewServer(handler)
	defer web.Close()
	defer func() { _ = io.Close() }()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	peer, err := sockettest.Dial(ctx, web.URL, sockettest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = peer.Close() }()
	answer, err := peer.EmitWithAck(ctx, "upload", upload{"notes.txt", []byte("12345")})
	if err != nil {
		log.Fatal(err)
	}
	var size int
	_ = answer.Scan(&size)
	fmt.Println(size)
	// Output: 5
}

// A middleware may let a socket wait outside until something is verified.
func ExampleSocket_Hold() {
	io, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		log.Fatal(err)
	}
	io.Use(func(_ context.Context, s *socketio.Socket) error {
		err := s.Intercept("password", socketio.Func(func(_ context.Context, s *socketio.Socket, word string) error {
			if word != "sesame" {
				return s.Refuse(nil)
			}
			return s.Admit()
		}))
		if err != nil {
			return err
		}
		time.AfterFunc(5*time.Second, func() { _ = s.Refuse(nil) }) // does nothing once it is admitted
		return s.Hold(socketio.HoldOptions{})
	})
	io.OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Emit("welcome") })
	handler, err := io.Handler()
	if err != nil {
		log.Fatal(err)
	}
	web := httptest.NewServer(handler)
	defer web.Close()
	defer func() { _ = io.Close() }()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	peer, err := sockettest.Dial(ctx, web.URL, sockettest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = peer.Close() }()
	fmt.Println("inside:", len(io.Sockets()))
	_ = peer.Emit("password", "sesame")
	welcome, err := peer.Next(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(welcome.Name, "inside:", len(io.Sockets()))
	// Output:
	// inside: 0
	// welcome inside: 1
}
