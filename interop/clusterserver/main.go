// Clusterserver is a node of a cluster on Redis, for the files cluster-*.test.mjs beside this
// folder. Its only argument is JSON: see options. It prints {"addr":"127.0.0.1:PORT"} once it
// listens, then reads commands as lines of JSON from standard input, and answers each with a line
// {"id","ok"} or {"id","error"}. The file ../cluster/node.mjs does the same with the Node server.
// SIGTERM ends it, and so does the end of its standard input.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/interop/internal/serving"
	"socketiojwt/socketio"
)

// options is the argument.
type options struct {
	Name     string          `json:"name"`
	Redis    json.RawMessage `json:"redis"` // a URL, or a list of those of a Redis Cluster
	Wire     string          `json:"wire"`
	Recovery int             `json:"recovery"` // milliseconds; zero means none
	Unbound  bool            `json:"unbound"`  // as socketio.Recovery.Unbound
	Options  struct {
		Mode   string `json:"subscriptionMode"`
		Prefix string `json:"key"`
		// Options of the streams adapter.
		Streams  int    `json:"streamCount"`
		Length   int    `json:"maxLen"`
		Sessions string `json:"sessionKeyPrefix"`
		Sharded  bool   `json:"useShardedPubSub"`
	} `json:"options"`
}

func main() {
	var o options
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "clusterserver: the only argument is a JSON object")
		os.Exit(2)
	}
	if err := json.Unmarshal([]byte(os.Args[1]), &o); err != nil {
		fmt.Fprintln(os.Stderr, "clusterserver:", err)
		os.Exit(2)
	}
	n := &node{name: o.Name, ready: make(chan struct{})}
	serving.Controlled("clusterserver", func(ctx context.Context) error { return run(ctx, o, n) }, n.command)
}

// run serves until ctx is done.
func run(ctx context.Context, o options, n *node) error {
	opts := socketio.Options{
		Engine:     engineio.Options{InsecureAnyOrigin: true},
		ClusterKey: []byte("the key of all nodes of a test"),
		Logger:     slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	if o.Recovery > 0 {
		opts.Recovery = &socketio.Recovery{
			Window:      time.Duration(o.Recovery) * time.Millisecond,
			RestoreRoom: func(*socketio.Socket, string) bool { return true },
			Unbound:     o.Unbound,
		}
	}
	if err := join(ctx, o, &opts); err != nil {
		return err
	}
	srv, err := socketio.NewServer(opts)
	if err != nil {
		return err
	}
	n.setUp(srv)
	sockets, err := srv.Handler()
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = srv.Shutdown(ctx)
	}()
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", sockets)
	return serving.Serve(ctx, mux)
}

// setUp makes the same namespaces with the same handlers as the Node program.
func (n *node) setUp(srv *socketio.Server) {
	n.srv = srv
	defer close(n.ready)
	for _, name := range []string{"/", "/admin"} {
		mux := srv.Of(name).Open().Mux
		mux.Use(recoverable)
		handle(mux)
		mux.OnServerSide("note", n.note)
		mux.OnServerSide("hello", n.hello)
	}
	srv.OfPattern(regexp.MustCompile(`/dynamic-.*`)).Open()
}

// recoverable makes sessions recoverable for the user that the auth payload names, if there is one.
func recoverable(_ context.Context, s *socketio.Socket) error {
	var auth struct {
		User string `json:"user"`
	}
	if payload := s.Handshake().Auth; len(payload) > 0 {
		if err := json.Unmarshal(payload, &auth); err != nil {
			return err
		}
	}
	s.SetRecoveryKey(auth.User)
	return nil
}

var shown = socketio.NewSharedKey[any]("name")

// handle registers what clients may ask for.
func handle(mux *socketio.Mux) {
	on := func(event string, do func(s *socketio.Socket, args socketio.Arguments) error) {
		mux.Handle(event, func(_ context.Context, s *socketio.Socket, e *socketio.Event) error {
			if err := do(s, e.Arguments); err != nil {
				return err
			}
			return e.Ack()
		})
	}
	on("join", func(s *socketio.Socket, args socketio.Arguments) error {
		var rooms []any
		if err := args.Scan(&rooms); err != nil {
			return err
		}
		return s.Join(texts(rooms)...)
	})
	on("leave", func(s *socketio.Socket, args socketio.Arguments) error {
		var rooms []any
		err := args.Scan(&rooms)
		s.Leave(texts(rooms)...)
		return err
	})
	on("data", func(s *socketio.Socket, args socketio.Arguments) error {
		var name any
		err := args.Scan(&name)
		shown.Set(s, name)
		return err
	})
	on("broadcast", func(s *socketio.Socket, args socketio.Arguments) error {
		var to struct{ Rooms []any }
		var event []any
		if err := args.Scan(&to, &event); err != nil {
			return err
		}
		b := s.Broadcast()
		if to.Rooms != nil {
			b = s.To(texts(to.Rooms)...)
		}
		return b.Emit(event[0].(string), event[1:]...)
	})
}

// texts returns rooms as texts: Node has numbers too.
func texts(rooms []any) []string {
	list := make([]string, len(rooms))
	for i, room := range rooms {
		if number, ok := room.(float64); ok {
			room = int64(number)
		}
		list[i] = fmt.Sprint(room)
	}
	return list
}
