package socketio_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"strings"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// A chat room: every client joins the lobby, and all clients receive each message.
func Example() {
	srv, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		log.Fatal(err)
	}
	srv.Open() // or srv.Use(gate.Handshake)
	srv.OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Join("lobby") })
	srv.Handle("say", socketio.Func(func(_ context.Context, s *socketio.Socket, text string) error {
		return srv.To("lobby").Emit("said", text)
	}))
	handler, err := srv.Handler()
	if err != nil {
		log.Fatal(err)
	}
	web := httptest.NewServer(handler)
	defer web.Close()
	defer func() { _ = srv.Close() }()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
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

// The result of an AckFunc is the acknowledgement. A []byte, at any depth, becomes a binary
// attachment.
func ExampleAckFunc() {
	type upload struct {
		Name string `json:"name"`
		Data []byte `json:"data"`
	}
	srv, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		log.Fatal(err)
	}
	srv.Open().Handle("upload", socketio.AckFunc(func(_ context.Context, _ *socketio.Socket, u upload) (int, error) {
		if u.Name == "" {
			return 0, &socketio.PublicError{Message: "a file needs a name"} // sent to the peer
		}
		return len(u.Data), nil
	}))
	handler, err := srv.Handler()
	if err != nil {
		log.Fatal(err)
	}
	web := httptest.NewServer(handler)
	defer web.Close()
	defer func() { _ = srv.Close() }()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
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

// Connect middleware can hold a socket until something is verified.
func ExampleSocket_Hold() {
	srv, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		log.Fatal(err)
	}
	srv.Use(func(_ context.Context, s *socketio.Socket) error {
		err := s.Intercept("password", socketio.Func(func(_ context.Context, s *socketio.Socket, word string) error {
			if word != "sesame" {
				return s.Refuse(nil)
			}
			return s.Admit()
		}))
		if err != nil {
			return err
		}
		time.AfterFunc(5*time.Second, func() { _ = s.Refuse(nil) }) // does nothing if the socket is admitted
		return s.Hold(socketio.HoldOptions{})
	})
	srv.OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Emit("welcome") })
	handler, err := srv.Handler()
	if err != nil {
		log.Fatal(err)
	}
	web := httptest.NewServer(handler)
	defer web.Close()
	defer func() { _ = srv.Close() }()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	peer, err := sockettest.Dial(ctx, web.URL, sockettest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = peer.Close() }()
	fmt.Println("inside:", len(srv.Sockets()))
	_ = peer.Emit("password", "sesame")
	welcome, err := peer.Next(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(welcome.Name, "inside:", len(srv.Sockets()))
	// Output:
	// inside: 0
	// welcome inside: 1
}

// A client that has lost its connection receives what it has missed, if the same user connects
// again within 2 minutes. Gates of package auth set the recovery key.
func ExampleRecovery() {
	srv, err := socketio.NewServer(socketio.Options{Recovery: &socketio.Recovery{
		// Rooms of teams are checked again, because a user may have left the team meanwhile.
		RestoreRoom: func(s *socketio.Socket, room string) bool { return !strings.HasPrefix(room, "team:") },
	}})
	if err != nil {
		log.Fatal(err)
	}
	user := func(s *socketio.Socket) string { return "ada" } // by a cookie that was verified
	srv.Use(func(_ context.Context, s *socketio.Socket) error {
		s.SetRecoveryKey(user(s))
		return nil
	})
	srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		if s.Recovered() { // it has its rooms and values, and what it has missed
			return nil
		}
		return s.Emit("state", "everything")
	})
}
