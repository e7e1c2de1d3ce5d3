// Command cluster is a node of a cluster: one of several servers behind a load balancer, joined by
// Redis. Start.mjs starts two of them beside a server in Node. These variables configure it:
//
//	ADDR         where to listen; 127.0.0.1:0 if it is not set
//	NAME         what the event "where" answers
//	REDIS        URL of the Redis, such as redis://127.0.0.1:6379
//	WIRE         classic, sharded or streams
//	SECRET       verifies the tokens, on all nodes
//	CLUSTER_KEY  is shared by the nodes of this module
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/auth"
	"socketiojwt/redisbus"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx ends.
func run(ctx context.Context) error {
	srv, err := newServer(ctx)
	if err != nil {
		return err
	}
	handler, err := srv.Handler()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", cmp.Or(os.Getenv("ADDR"), "127.0.0.1:0"))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", handler)
	server := socketio.NewHTTPServer("", mux)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{"addr": listener.Addr().String()}); err != nil {
		return err
	}
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, srv.Shutdown(ending), server.Shutdown(ending))
}

var wires = map[string]redisbus.Wire{"classic": redisbus.Classic, "sharded": redisbus.Sharded, "streams": redisbus.Streams}

// newServer returns a server that is joined to the others by Redis.
func newServer(ctx context.Context) (*socketio.Server, error) {
	verifier, err := token.NewVerifier(token.Secret(os.Getenv("SECRET")), token.Options{})
	if err != nil {
		return nil, err
	}
	gate, err := auth.NewGate(verifier, auth.Options{})
	if err != nil {
		return nil, err
	}
	client, err := rueidis.ParseURL(os.Getenv("REDIS"))
	if err != nil {
		return nil, fmt.Errorf("REDIS: %w", err)
	}
	bus, err := redisbus.New(ctx, client, redisbus.Options{Wire: wires[os.Getenv("WIRE")], Name: os.Getenv("NAME")})
	if err != nil {
		return nil, err
	}
	opts := socketio.Options{Bus: bus.Join, ClusterKey: []byte(os.Getenv("CLUSTER_KEY"))}
	if os.Getenv("WIRE") == "streams" { // sessions are recovered on any node
		opts.Recovery = &socketio.Recovery{RestoreRoom: func(_ *socketio.Socket, room string) bool { return room == "lobby" }}
	}
	srv, err := socketio.NewServer(opts)
	if err != nil {
		return nil, err
	}
	srv.Use(gate.Handshake)
	srv.OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Join("lobby") })
	srv.Handle("say", socketio.AckFunc(func(ctx context.Context, _ *socketio.Socket, text string) (bool, error) {
		return true, srv.To("lobby").Emit("said", auth.Token(ctx).Subject, text)
	}))
	srv.Handle("where", socketio.AckFunc(func(context.Context, *socketio.Socket, struct{}) (string, error) {
		return os.Getenv("NAME"), nil
	}))
	return srv, gate.Share(srv, "chat")
}
