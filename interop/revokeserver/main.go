// Revokeserver is a server whose tokens can be revoked, for revoke.test.mjs beside this folder. It
// prints {"addr":"127.0.0.1:PORT"} once it listens. SIGTERM ends it, and so does the end of its
// standard input. Tokens have the secret JWT_SECRET.
//
// POST /revoke, /block and /unblock take the query parameters iss and sub. Revoke and block answer
// with the number of sockets that were ended.
package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"time"

	"socketiojwt/auth"
	"socketiojwt/engineio"
	"socketiojwt/interop/internal/serving"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

func main() {
	serving.Main("revokeserver", run)
}

// run serves until ctx is done.
func run(ctx context.Context) error {
	handler, closeAll, err := newHandler()
	if err != nil {
		return err
	}
	defer closeAll()
	return serving.Serve(ctx, handler)
}

// newHandler makes a server with a gate in each mode, and one namespace with a gate of its own
// that nothing is revoked at.
func newHandler() (handler http.Handler, closeAll func(), err error) {
	verifier, err := token.NewVerifier(token.Secret(os.Getenv("JWT_SECRET")), token.Options{})
	if err != nil {
		return nil, nil, err
	}
	// Clients of Socket.IO 1 and 2 show their tokens in the query.
	gate, err := auth.NewGate(verifier, auth.Options{Sources: []auth.Source{auth.FromAuth("token"), auth.FromQuery("token")}})
	if err != nil {
		return nil, nil, err
	}
	other, err := auth.NewGate(verifier, auth.Options{})
	if err != nil {
		return nil, nil, err
	}
	var opts socketio.Options
	opts.Engine.AllowEIO3, opts.Engine.Bind = true, engineio.BindToAddress()
	srv, err := socketio.NewServer(opts)
	if err != nil {
		return nil, nil, err
	}
	srv.Use(gate.Handshake)
	event, stays := srv.Of("/admin"), srv.Of("/other")
	event.Use(gate.Event(auth.EventOptions{}))
	stays.Use(other.Event(auth.EventOptions{}))
	for _, mux := range []*socketio.Mux{srv.Mux, event.Mux, stays.Mux} {
		mux.Handle("whoami", socketio.AckFunc(func(ctx context.Context, _ *socketio.Socket, _ struct{}) (string, error) {
			return auth.Token(ctx).Subject, nil
		}))
	}
	sockets, err := srv.Handler()
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", sockets)
	handle := func(verb string, do func(ctx context.Context, iss, sub string) (any, error)) {
		mux.HandleFunc("POST /"+verb, func(w http.ResponseWriter, r *http.Request) {
			result, err := do(r.Context(), r.FormValue("iss"), r.FormValue("sub"))
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			_ = json.NewEncoder(w).Encode(result)
		})
	}
	handle("revoke", func(ctx context.Context, iss, sub string) (any, error) {
		result, err := gate.Revoke(ctx, auth.BySubject(iss, sub), auth.RevokeOptions{Reason: "interop"})
		return result.Sockets, err
	})
	handle("block", func(ctx context.Context, iss, sub string) (any, error) {
		result, err := gate.Block(ctx, iss, sub, auth.RevokeOptions{Until: time.Now().Add(time.Hour), Reason: "interop"})
		return result.Sockets, err
	})
	handle("unblock", func(ctx context.Context, iss, sub string) (any, error) {
		return 0, gate.Unblock(ctx, iss, sub, "interop")
	})
	return mux, func() { _ = srv.Close() }, nil
}
