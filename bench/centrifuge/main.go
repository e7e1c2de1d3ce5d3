// Command centrifuge is a server of the Centrifuge library as the comparison runs it: JSON over WebSocket, each client subscribed by
// the server to the one channel that broadcasts go to, and the handlers of our server.
//
//	BENCH_SECRET=... centrifuge [-idle]
//
// It listens on a free loopback port, which it prints. ADR 65 says why its options are what they are.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/centrifugal/centrifuge"
	"github.com/golang-jwt/jwt/v5"

	"socketiojwt/bench/load"
)

// channel is what all clients are subscribed to.
const channel = "all"

func main() {
	idle := flag.Bool("idle", false, "process commands in goroutines that end afterwards, which costs time and saves memory")
	flag.Parse()
	if err := run(*idle, []byte(os.Getenv("BENCH_SECRET"))); err != nil {
		log.Fatal(err)
	}
}

func run(idle bool, secret []byte) error {
	if len(secret) == 0 {
		return errors.New("BENCH_SECRET is not set")
	}
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return err
	}
	gate := newGate(secret)
	node.OnConnecting(gate.admit)
	node.OnConnect(func(client *centrifuge.Client) { handle(node, client) })
	if err := node.Run(); err != nil {
		return err
	}
	// Pings every 25 s and no compression are defaults.
	config := centrifuge.WebsocketConfig{
		ReadBufferSize: 512, WriteBufferSize: 512, UseWriteBufferPool: true,
		ProcessCommandsOffReadLoop: idle,
	}
	mux := http.NewServeMux()
	mux.Handle(load.CentrifugePath, centrifuge.NewWebsocketHandler(node, config))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("ready", listener.Addr())
	return http.Serve(listener, mux)
}

// handle sets the handlers of a client. Events without an answer come as messages, and those with one as RPC.
func handle(node *centrifuge.Node, client *centrifuge.Client) {
	client.OnMessage(func(e centrifuge.MessageEvent) {
		if err := receive(node, e.Data); err != nil {
			log.Print(err)
		}
	})
	client.OnRPC(func(e centrifuge.RPCEvent, answer centrifuge.RPCCallback) {
		if e.Method != "echo" {
			answer(centrifuge.RPCReply{}, centrifuge.ErrorMethodNotFound)
			return
		}
		answer(centrifuge.RPCReply{Data: e.Data}, nil)
	})
}

// receive does what the events of our server do.
func receive(node *centrifuge.Node, data []byte) error {
	var event struct {
		Event string          `json:"event"`
		Data  json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(data, &event); err != nil {
		return err
	}
	switch event.Event {
	case "broadcast":
		_, err := node.Publish(channel, event.Data)
		return err
	case "burst":
		var b load.Burst
		if err := json.Unmarshal(event.Data, &b); err != nil {
			return err
		}
		return b.Each(func(_ int, m load.Message) error {
			data, err := json.Marshal(m)
			if err != nil {
				return err
			}
			_, err = node.Publish(channel, data)
			return err
		})
	}
	return fmt.Errorf("unknown event %q", event.Event)
}

// gate verifies tokens with the library that ours verifies with, and with the same checks.
type gate struct {
	parser *jwt.Parser
	secret []byte
}

func newGate(secret []byte) *gate {
	return &gate{
		parser: jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired()),
		secret: secret,
	}
}

// admit answers the connect command of a client. The connection ends with its token.
func (g *gate) admit(_ context.Context, e centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
	var claims jwt.RegisteredClaims
	if _, err := g.parser.ParseWithClaims(e.Token, &claims, func(*jwt.Token) (any, error) { return g.secret, nil }); err != nil {
		return centrifuge.ConnectReply{}, centrifuge.DisconnectInvalidToken
	}
	return centrifuge.ConnectReply{
		Credentials:   &centrifuge.Credentials{UserID: claims.Subject, ExpireAt: claims.ExpiresAt.Unix()},
		Subscriptions: map[string]centrifuge.SubscribeOptions{channel: {}},
		// Answers are written at once instead of by the goroutine that writes broadcasts.
		ReplyWithoutQueue: true,
	}, nil
}
