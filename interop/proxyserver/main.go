// Proxyserver is two nodes for the tests of reverse proxies, proxies.test.mjs, and a certificate
// for localhost. The nodes trust a proxy at 127.0.0.1, and are separate: a session lives on
// one of them. It prints one line of JSON once it listens. SIGTERM ends it, and so does the end
// of its standard input.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"socketiojwt/auth"
	"socketiojwt/engineio"
	"socketiojwt/interop/internal/serving"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

// options are the flags.
type options struct {
	heartbeats [2]time.Duration // of the nodes; zero is the default
}

func main() {
	var o options
	flag.DurationVar(&o.heartbeats[0], "heartbeat-a", 0, "as engineio.Options.PingInterval, of node a")
	flag.DurationVar(&o.heartbeats[1], "heartbeat-b", 0, "the same of node b")
	flag.Parse()
	serving.Main("proxyserver", func(ctx context.Context) error { return run(ctx, o) })
}

// listening is the line that is printed.
type listening struct {
	Nodes       []string `json:"nodes"` // addresses
	Certificate string   `json:"certificate"`
	Key         string   `json:"key"`
}

// run serves until ctx ends.
func run(ctx context.Context, o options) error {
	certificate, key, err := newCertificate()
	if err != nil {
		return err
	}
	said := listening{Certificate: string(certificate), Key: string(key)}
	failed := make(chan error, len(o.heartbeats))
	for i, heartbeat := range o.heartbeats {
		node, err := newNode(string(rune('a'+i)), heartbeat)
		if err != nil {
			return err
		}
		defer node.close()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		said.Nodes = append(said.Nodes, listener.Addr().String())
		go func() { failed <- node.web.Serve(listener) }()
	}
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// node is one server.
type node struct {
	srv *socketio.Server
	web *http.Server
}

func (n *node) close() { _ = errors.Join(n.srv.Close(), n.web.Close()) }

// newNode returns a node whose sockets need a token with the secret JWT_SECRET.
func newNode(name string, heartbeat time.Duration) (*node, error) {
	proxy := netip.MustParsePrefix("127.0.0.1/32")
	opts := socketio.Options{
		Engine: engineio.Options{
			PingInterval:   heartbeat,
			TrustedProxies: []netip.Prefix{proxy},
			AllowEIO3:      true, Bind: engineio.BindToAddress(proxy),
		},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)).With("node", name),
	}
	srv, err := socketio.NewServer(opts)
	if err != nil {
		return nil, err
	}
	verifier, err := token.NewVerifier(token.Secret(os.Getenv("JWT_SECRET")), token.Options{})
	if err != nil {
		return nil, err
	}
	gate, err := auth.NewGate(verifier, auth.Options{Sources: []auth.Source{auth.FromAuth("token"), auth.FromQuery("token")}, Logger: opts.Logger})
	if err != nil {
		return nil, err
	}
	srv.Use(gate.Handshake)
	handle(srv, name)
	sockets, err := srv.Handler()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/socket.io/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Node", name)
		sockets.ServeHTTP(w, r)
	})
	mux.HandleFunc("/ready", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ready") })
	return &node{srv: srv, web: socketio.NewHTTPServer("", mux)}, nil
}

// seen is what a node sees of a client.
type seen struct {
	Node     string `json:"node"`
	Address  string `json:"address"`
	Host     string `json:"host"`
	Path     string `json:"path"`
	Protocol int    `json:"protocol"`
}

// handle registers what the clients ask.
func handle(srv *socketio.Server, name string) {
	srv.Handle("whoami", socketio.AckFunc(func(_ context.Context, s *socketio.Socket, _ struct{}) (seen, error) {
		h := s.Handshake()
		return seen{Node: name, Address: h.RemoteAddr, Host: h.Host, Path: h.Path, Protocol: h.Protocol}, nil
	}))
	srv.Handle("echo", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error { return e.Ack(e.Args()...) })
	// It answers by an event, after the POST of the request has been answered: a poll brings it.
	srv.Handle("tell", func(_ context.Context, s *socketio.Socket, e *socketio.Event) error {
		return s.Emit("told", e.Args()...)
	})
}
