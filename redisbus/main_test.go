package redisbus

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/redis/rueidis"

	"socketiojwt/internal/leaktest"
	"socketiojwt/socketio"
)

// childOf is the environment variable with the address of Redis by which a test starts this
// program as a node that it can stop and kill.
const childOf = "REDISBUS_TEST_NODE_OF"

func TestMain(m *testing.M) {
	if addr := os.Getenv(childOf); addr != "" {
		if err := runNode(addr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	leaktest.Main(m)
}

// runNode runs a node without sockets until its standard input is closed.
func runNode(addr string) error {
	bus, err := New(context.Background(), rueidis.ClientOption{InitAddress: []string{addr}}, Options{})
	if err != nil {
		return err
	}
	srv, err := socketio.NewServer(socketio.Options{Bus: bus.Join, ClusterKey: []byte("a key of all nodes of the tests")})
	if err != nil {
		return err
	}
	srv.Open()
	if _, err := srv.Handler(); err != nil {
		return err
	}
	fmt.Println(bus.ID())
	_, _ = io.Copy(io.Discard, os.Stdin)
	return srv.Close()
}
