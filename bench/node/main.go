// Command node is one node of a cluster of our servers, joined by Redis: on defaults, with the handlers of peers/node.mjs.
//
//	node [-profile-memory] [-gate] classic|sharded|streams REDIS
//
// It listens on two free loopback ports, which it prints: one for clients, and one for the commands of the bench and for profiles.
// With -gate it needs BENCH_SECRET.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/auth"
	"socketiojwt/auth/denyredis"
	"socketiojwt/bench/debug"
	"socketiojwt/redisbus"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

func main() {
	profileMemory := flag.Bool("profile-memory", false, "record one allocation in 4 KiB, instead of none")
	gated := flag.Bool("gate", false, "admit only sockets with a token, and keep the denylist in Redis")
	flag.Parse()
	runtime.MemProfileRate = 0 // as in a program that cannot be asked for profiles
	if *profileMemory {
		runtime.MemProfileRate = 4 << 10
	}
	if err := run(flag.Arg(0), flag.Arg(1), *gated); err != nil {
		log.Fatal(err)
	}
}

var wires = map[string]redisbus.Wire{"classic": redisbus.Classic, "sharded": redisbus.Sharded, "streams": redisbus.Streams}

// clusterKey is the key that all nodes have.
var clusterKey = []byte("a key of the bench, which all nodes have")

func run(wire, redis string, gated bool) error {
	client := rueidis.ClientOption{InitAddress: []string{redis}}
	w, ok := wires[wire]
	if !ok {
		return fmt.Errorf("unknown wire %q", wire)
	}
	bus, err := redisbus.New(context.Background(), client, redisbus.Options{Wire: w})
	if err != nil {
		return err
	}
	opts := socketio.Options{Bus: bus.Join, ClusterKey: clusterKey}
	opts.Engine.MaxNewPerAddress = -1 // the load comes from one address
	srv, err := socketio.NewServer(opts)
	if err != nil {
		return err
	}
	var gate *auth.Gate
	if gated {
		gate, err = guard(srv, client)
	} else {
		srv.Open()
	}
	if err != nil {
		return err
	}
	handle(srv)
	handler, err := srv.Handler()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", handler)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	command("/publish", func(q url.Values) ([]uint32, error) {
		return nil, publish(srv, number(q, "messages"), number(q, "rate"), strings.Repeat("x", number(q, "padding")))
	})
	command("/fetch", func(q url.Values) ([]uint32, error) {
		return fetch(srv, number(q, "messages"), number(q, "rate"), number(q, "sockets"))
	})
	commands, err := debug.Listen(gate, new(atomic.Int64))
	if err != nil {
		return err
	}
	fmt.Println("ready", listener.Addr(), commands)
	return http.Serve(listener, mux)
}

// guard sets a gate before the namespace that takes its denylist from Redis.
func guard(srv *socketio.Server, client rueidis.ClientOption) (*auth.Gate, error) {
	verifier, err := token.NewVerifier(token.Secret(os.Getenv("BENCH_SECRET")), token.Options{})
	if err != nil {
		return nil, err
	}
	list, err := denyredis.New(context.Background(), client, denyredis.Options{Keys: [][]byte{clusterKey}})
	if err != nil {
		return nil, err
	}
	gate, err := auth.NewGate(verifier, auth.Options{Denylist: list, LongestToken: 24 * time.Hour})
	if err != nil {
		return nil, err
	}
	srv.Use(gate.Handshake)
	return gate, gate.Share(srv, "bench")
}

func handle(srv *socketio.Server) {
	srv.Handle("join", func(_ context.Context, s *socketio.Socket, e *socketio.Event) error {
		var room string
		if err := e.Scan(&room); err != nil {
			return err
		}
		if err := s.Join(room); err != nil {
			return err
		}
		return e.Ack()
	})
	srv.Handle("say", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
		return srv.To("room").Emit("broadcast", e.Args()...)
	})
}

// message is what a broadcast carries.
type message struct {
	T   int64  `json:"t"`
	Pad string `json:"pad"`
}

var lastNumber atomic.Int64 // of a broadcast

// publish sends broadcasts to the room, as many every 5 ms as the rate asks for.
func publish(srv *socketio.Server, messages, rate int, pad string) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	start := time.Now()
	for sent := 0; sent < messages; {
		<-tick.C
		for due := min(messages, int(time.Since(start).Seconds()*float64(rate))); sent < due; sent++ {
			if err := srv.To("room").Emit("broadcast", message{lastNumber.Add(1), pad}); err != nil {
				return fmt.Errorf("after %d broadcasts: %w", sent, err)
			}
		}
	}
	return nil
}

// fetch asks for all sockets again and again, and returns the microseconds that each answer took.
func fetch(srv *socketio.Server, messages, rate, sockets int) (took []uint32, err error) {
	for range messages {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second) // as Node's
		start := time.Now()
		found, err := srv.FetchSockets(ctx)
		took = append(took, uint32(time.Since(start).Microseconds()))
		cancel()
		if err != nil {
			return nil, err
		}
		if len(found) != sockets {
			return nil, fmt.Errorf("%d sockets instead of %d", len(found), sockets)
		}
		time.Sleep(time.Second / time.Duration(rate))
	}
	return took, nil
}

// command serves a command of the bench beside the profiles.
func command(path string, run func(url.Values) ([]uint32, error)) {
	http.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		took, err := run(r.URL.Query())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"took": took})
	})
}

func number(q url.Values, name string) int {
	n, _ := strconv.Atoi(q.Get(name)) // zero if it is missing
	return n
}
