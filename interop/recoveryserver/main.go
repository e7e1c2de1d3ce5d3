// Recoveryserver is the server for the tests of the recovery of lost sessions: recovery.test.mjs
// and, with -suite, clientsuite.mjs. It prints {"addr":"127.0.0.1:PORT"} once it listens, and
// ends by SIGTERM or when its standard input ends.
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

	"github.com/redis/rueidis"

	"socketiojwt/auth"
	"socketiojwt/engineio"
	"socketiojwt/interop/internal/serving"
	"socketiojwt/redisbus"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "loopback address to listen on")
	suite := flag.Bool("suite", false, "serve what the client's own tests expect, without a gate")
	window := flag.Duration("window", 0, "as socketio.Recovery.Window")
	redis := flag.String("redis", "", "address of a Redis that keeps the sessions, for all nodes of a cluster")
	flag.Parse()
	serving.Main("recoveryserver", func(ctx context.Context) error { return run(ctx, *addr, *redis, *window, *suite) })
}

// run serves until ctx ends.
func run(ctx context.Context, addr, redis string, window time.Duration, suite bool) error {
	opts := socketio.Options{
		Engine: engineio.Options{AllowEIO3: true, Bind: engineio.BindToAddress()},
		Recovery: &socketio.Recovery{
			Window:      window,
			RestoreRoom: func(*socketio.Socket, string) bool { return true },
		},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	if redis != "" {
		bus, err := redisbus.New(ctx, rueidis.ClientOption{InitAddress: []string{redis}}, redisbus.Options{Wire: redisbus.Streams, Logger: opts.Logger})
		if err != nil {
			return err
		}
		opts.Bus, opts.ClusterKey = bus.Join, []byte("the key of all nodes of the tests")
	}
	srv, err := socketio.NewServer(opts)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	if suite {
		setUpSuite(srv)
	} else if err := setUp(srv, mux); err != nil {
		return err
	}
	handler, err := srv.Handler()
	if err != nil {
		return err
	}
	mux.Handle("/socket.io/", handler)
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
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
	return errors.Join(err, srv.Close(), server.Close())
}

// setUpSuite makes what the client's own tests of recovery use: sockets of one user.
func setUpSuite(srv *socketio.Server) {
	srv.Use(func(_ context.Context, s *socketio.Socket) error {
		s.SetRecoveryKey("suite")
		return nil
	})
	srv.Handle("hi", func(_ context.Context, s *socketio.Socket, _ *socketio.Event) error { return s.Emit("hi") })
}

// setUp makes a namespace for each mode of a gate, and a way to send events:
//
//	POST /test/broadcast?room=ROOM&event=NAME&volatile=1   the body is the arguments
//	POST /test/revoke?subject=SUBJECT
func setUp(srv *socketio.Server, mux *http.ServeMux) error {
	verifier, err := token.NewVerifier(token.Secret(os.Getenv("JWT_SECRET")), token.Options{Audiences: []string{"interop"}, Issuers: []string{"https://issuer.example"}})
	if err != nil {
		return err
	}
	gate, err := auth.NewGate(verifier, auth.Options{
		Sources: []auth.Source{auth.FromAuth("token"), auth.FromQuery("token")}, // a query is what old clients can send
		Rooms:   []auth.RoomsFrom{auth.RoomOfSubject("user:")},
	})
	if err != nil {
		return err
	}
	srv.Use(gate.Handshake)
	events := srv.Of("/event")
	events.Use(gate.Event(auth.EventOptions{}))
	note := socketio.NewKey[string]()
	for _, n := range []*socketio.Namespace{srv.Namespace, events} {
		n.OnConnect(func(_ context.Context, s *socketio.Socket) error {
			value, _ := note.Value(s)
			return s.EmitOnce("hello", map[string]any{"recovered": s.Recovered(), "note": value})
		})
		n.Handle("join", socketio.AckFunc(func(_ context.Context, s *socketio.Socket, room string) (bool, error) {
			return true, s.Join(room)
		}))
		n.Handle("note", socketio.AckFunc(func(_ context.Context, s *socketio.Socket, text string) (bool, error) {
			note.Set(s, text)
			return true, nil
		}))
	}
	mux.HandleFunc("POST /test/broadcast", func(w http.ResponseWriter, r *http.Request) {
		var args []any
		if err := json.NewDecoder(r.Body).Decode(&args); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		to := srv.Broadcast
		if room := r.FormValue("room"); room != "" {
			to = srv.To(room)
		}
		if r.FormValue("volatile") != "" {
			to = to.Volatile()
		}
		if err := to.Emit(r.FormValue("event"), args...); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("POST /test/revoke", func(w http.ResponseWriter, r *http.Request) {
		match := auth.BySubject("https://issuer.example", r.FormValue("subject"))
		if _, err := gate.Revoke(r.Context(), match, auth.RevokeOptions{}); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	return nil
}
