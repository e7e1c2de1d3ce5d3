package redisbus_test

import (
	"context"
	"crypto/sha256"
	"log"
	"net/http"
	"os"

	"github.com/redis/rueidis"

	"socketiojwt/redisbus"
	"socketiojwt/socketio"
)

// A chat server of which several can run. Every message reaches the sockets of all of them.
func Example() {
	redis := rueidis.ClientOption{InitAddress: []string{"127.0.0.1:6379"}}
	bus, err := redisbus.New(context.Background(), redis, redisbus.Options{})
	if err != nil {
		log.Fatal(err) // says which address, version or right is missing
	}
	key := sha256.Sum256([]byte(os.Getenv("CLUSTER_SECRET"))) // the same on all nodes
	srv, err := socketio.NewServer(socketio.Options{Bus: bus.Join, ClusterKey: key[:]})
	if err != nil {
		log.Fatal(err)
	}
	srv.Open().Handle("say", socketio.Func(func(_ context.Context, _ *socketio.Socket, text string) error {
		return srv.Emit("said", text)
	}))
	handler, err := srv.Handler() // joins the cluster
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:3000", handler))
}
