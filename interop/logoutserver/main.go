// Logoutserver is two nodes in one process, joined by a bus, whose users log out at an OpenID
// Connect issuer. See logout.test.mjs beside this folder. It prints a line of JSON with the
// addresses of the nodes once it listens. SIGTERM ends it, and so does the end of its
// standard input.
//
// Both nodes have a gate for access tokens before the namespace "/" and one for ID tokens
// before "/id". Only the first node serves the endpoint for logout tokens, POST /logout.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"socketiojwt/auth"
	"socketiojwt/auth/logout"
	"socketiojwt/engineio"
	"socketiojwt/interop/internal/serving"
	"socketiojwt/socketio"
	"socketiojwt/socketio/bustest"
	"socketiojwt/token"
	"socketiojwt/token/jwks"
	"socketiojwt/token/profile"
)

func main() {
	issuer := flag.String("issuer", "", "the issuer")
	client := flag.String("client", "", "the client ID")
	api := flag.String("api", "", "the audience of access tokens")
	flag.Parse()
	serving.Main("logoutserver", func(ctx context.Context) error { return run(ctx, *issuer, *client, *api) })
}

// run serves two nodes until ctx is done.
func run(ctx context.Context, issuer, client, api string) error {
	keys, err := jwks.Discover(issuer, jwks.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = keys.Close() }()
	access, accessErr := token.NewVerifier(keys, profile.AccessToken(issuer, api))
	id, idErr := token.NewVerifier(keys, profile.IDToken(issuer, client))
	loggedOut, logoutErr := token.NewVerifier(keys, profile.LogoutToken(issuer, client))
	if err := errors.Join(accessErr, idErr, logoutErr); err != nil {
		return err
	}
	hub := bustest.New()
	failed := make(chan error, 2)
	var addresses []string
	for i := range 2 {
		node, err := newNode(hub, access, id)
		if err != nil {
			return err
		}
		defer func() { _ = node.srv.Close() }()
		mux := http.NewServeMux()
		mux.Handle("/socket.io/", node.handler)
		if i == 0 {
			receiver, err := logout.NewHandler(logout.Options{Verifier: loggedOut, Gates: node.gates})
			if err != nil {
				return err
			}
			mux.Handle("POST /logout", receiver)
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		addresses = append(addresses, listener.Addr().String())
		server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
		go func() { failed <- server.Serve(listener) }()
		defer func() { _ = server.Close() }()
	}
	if err := json.NewEncoder(os.Stdout).Encode(map[string]any{"nodes": addresses}); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// node is a server with its gates.
type node struct {
	srv     *socketio.Server
	handler http.Handler
	gates   []logout.Revoker
}

func newNode(hub *bustest.Hub, access, id *token.Verifier) (*node, error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	opts := socketio.Options{Logger: log, Engine: engineio.Options{AllowEIO3: true, Bind: engineio.BindToAddress()}}
	hub.Join(&opts)
	server, err := socketio.NewServer(opts)
	if err != nil {
		return nil, err
	}
	n := &node{srv: server}
	for _, guarded := range []struct {
		namespace, name string
		verifier        *token.Verifier
	}{{"/", "access", access}, {"/id", "id", id}} {
		gate, err := auth.NewGate(guarded.verifier, auth.Options{
			Sources: []auth.Source{auth.FromAuth("token"), auth.FromQuery("token")}, // clients of Socket.IO 2 have only a query
			Logger:  log,
		})
		if err != nil {
			return nil, err
		}
		if err := gate.Share(server, guarded.name); err != nil {
			return nil, err
		}
		namespace := server.Of(guarded.namespace)
		namespace.Use(gate.Handshake)
		namespace.Handle("whoami", socketio.AckFunc(func(ctx context.Context, _ *socketio.Socket, _ struct{}) (string, error) {
			return auth.Token(ctx).Subject, nil
		}))
		n.gates = append(n.gates, gate)
	}
	n.handler, err = server.Handler()
	return n, err
}
