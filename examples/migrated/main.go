// Command migrated is a complete server to copy: it does in Go what a Node server with
// socketio-jwt usually does. Clients and tokens need no change.
//
//	JWT_SECRET=... ORIGINS=https://app.example.com go run ./examples/migrated
//
// Namespace / takes the token in the handshake (socketio-jwt's handshake: true), /admin by
// the event "authenticate" (handshake: false), and GET /me by the Authorization header.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"socketiojwt/auth"
	"socketiojwt/engineio"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	slog.SetDefault(log)
	// The first signal asks for an orderly stop, the second one ends the process.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	c := config{secret: os.Getenv("JWT_SECRET"), origins: strings.Fields(os.Getenv("ORIGINS")), log: log}
	listener, err := net.Listen("tcp", cmp.Or(os.Getenv("ADDR"), "localhost:3000"))
	if err == nil {
		err = c.serve(ctx, listener)
	}
	if err != nil {
		log.Error("stopped", "error", err)
		os.Exit(1)
	}
}

// config has the settings that differ between installations.
type config struct {
	secret  string   // of at least 32 bytes; for a shorter one see token.Options.InsecureShortSecret
	origins []string // of the pages, unless this server has their origin
	log     *slog.Logger
}

// serve serves until ctx is done, and then stops in order.
func (c config) serve(ctx context.Context, listener net.Listener) error {
	srv, gate, err := c.sockets()
	if err != nil {
		return err
	}
	sockets, err := srv.Handler()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", sockets)
	mux.Handle("GET /me", gate.HTTP(http.HandlerFunc(me)))
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	web := socketio.NewHTTPServer(listener.Addr().String(), mux) // with timeouts
	web.ErrorLog = slog.NewLogLogger(c.log.Handler(), slog.LevelDebug)
	c.log.Info("serving", "addr", listener.Addr())
	return srv.Serve(ctx, web, listener)
}

// sockets sets up the namespaces.
func (c config) sockets() (*socketio.Server, *auth.Gate, error) {
	verifier, err := token.NewVerifier(token.Secret(c.secret), token.Options{})
	if err != nil {
		return nil, nil, err
	}
	gate, err := auth.NewGate(verifier, auth.Options{
		// The auth payload of clients 3 and 4, extraHeaders, and the query of clients 1 and 2.
		Sources:   []auth.Source{auth.FromAuth("token"), auth.FromHeader(), auth.FromQuery("token")},
		Timeout:   15 * time.Second, // socketio-jwt's own; the default is 5 s
		Authorize: user.By(userOf),
		Logger:    c.log,
	})
	if err != nil {
		return nil, nil, err
	}
	srv, err := socketio.NewServer(socketio.Options{
		Engine: engineio.Options{Origins: c.origins}, // add AllowEIO3 and Bind for clients 1 and 2
		Logger: c.log,
	})
	if err != nil {
		return nil, nil, err
	}
	admin := srv.Of("/admin")
	srv.Use(gate.Handshake)
	admin.Use(gate.Event(auth.EventOptions{}))
	for _, namespace := range []*socketio.Namespace{srv.Namespace, admin} {
		namespace.OnConnect(c.connected)
		namespace.OnDisconnect(c.disconnected)
		namespace.Handle("say", socketio.AckFunc(say))
	}
	return srv, gate, nil
}

// User has the claims that handlers need: socket.decoded_token of socketio-jwt, with types.
type User struct {
	ID   string `json:"id"` // the token's sub, which is unique within one issuer
	Name string `json:"name"`
}

// user reads the User of a socket or request: user.From(ctx).
var user = auth.NewUser[*User]()

// userOf returns the user that a verified token is for, or refuses the token.
func userOf(_ context.Context, t *token.Token, _ *socketio.Handshake) (*User, error) {
	u := &User{ID: t.Subject}
	if err := t.Claim("name", &u.Name); err != nil && !errors.Is(err, token.ErrClaimMissing) {
		return nil, err
	}
	if u.ID == "" {
		return nil, &auth.Error{Message: "the token has no subject"}
	}
	return u, nil
}

// connected runs for each admitted socket, also when a client reconnects after its token
// expired. It joins the rooms, so that the new socket is in them too.
func (c config) connected(ctx context.Context, s *socketio.Socket) error {
	u := user.From(ctx)
	c.log.InfoContext(ctx, "connected", "socket", s, "user", u.ID, "remote", s.Handshake().RemoteAddr)
	// With tokens of several issuers, u.ID must hold the issuer too.
	return s.Join("lobby", "user:"+u.ID)
}

func (c config) disconnected(ctx context.Context, s *socketio.Socket, reason socketio.Reason) {
	c.log.InfoContext(ctx, "disconnected", "socket", s, "user", user.From(ctx).ID, "reason", reason)
}

// say sends a text to all others in the lobby, and acknowledges it.
func say(ctx context.Context, s *socketio.Socket, text string) (string, error) {
	if text == "" || len(text) > 1000 {
		return "", &socketio.PublicError{Message: "a text has 1 to 1000 bytes"}
	}
	return "ok", s.To("lobby").Emit("said", user.From(ctx).Name, text)
}

// me is an ordinary route for the same tokens.
func me(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(user.From(r.Context()))
}
