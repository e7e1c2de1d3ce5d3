package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"socketiojwt/admin"
	"socketiojwt/auth"
	"socketiojwt/console"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

// adminListener holds the flags of serve for the API of operators.
type adminListener struct {
	Admin string `env:"SOCKETIO_JWT_ADMIN" group:"Operators" placeholder:"HOST:PORT" help:"Also serve the API and the page of operators here, such as localhost:9001, for the commands leases, disconnect, revoke and block. Needs the secret of operators."`
	operatorSecret
}

// handler returns the handler of the API, and of the page. It is nil without --admin. A node of a
// cluster has the API nevertheless, for the operators of the others.
func (a *adminListener) handler(srv *socketio.Server, gates map[string]*auth.Gate, joined *member, log *slog.Logger) (http.Handler, error) {
	secret, given, err := a.secret()
	switch {
	case err != nil:
		return nil, err
	case a.Admin == "" && given:
		return nil, errors.New("the secret of operators has no effect without --admin HOST:PORT (SOCKETIO_JWT_ADMIN counts as well)")
	case a.Admin == "" && joined == nil:
		return nil, nil
	case a.Admin == "":
		secret = rand.Text() + rand.Text() // no operator has it
	case !given:
		return nil, errors.New("--admin needs the secret that signs the tokens of operators: set SOCKETIO_JWT_ADMIN_SECRET, for example to the output of openssl rand -hex 32, or --admin-secret-file")
	}
	verifier, err := token.NewVerifier(token.Secret(secret), token.Options{})
	if err != nil {
		return nil, fmt.Errorf("the secret of operators: %w", err)
	}
	api, err := admin.New(gates, verifier, joined.adminOptions(admin.Options{Scope: operatorScope, Logger: log}, srv))
	if err != nil || a.Admin == "" {
		return nil, err
	}
	return console.Operators(api)
}

// listen returns the listeners of the API, none without --admin.
func (a *adminListener) listen(ctx context.Context) ([]net.Listener, error) {
	if a.Admin == "" {
		return nil, nil
	}
	return listen(ctx, "--admin", a.Admin)
}

// welcomeOperators prints the address of the page of operators. The page asks for a token,
// because one that is printed here could end in a log.
func welcomeOperators(t terminal, listeners []net.Listener) {
	if len(listeners) > 0 {
		fmt.Fprintf(t.out, "\nOperators open http://%s and paste the output of \"%s operator-token\".\n", listeners[0].Addr(), programName())
	}
}

// serveAdmin serves the API and the page of operators until the returned function is called.
func serveAdmin(listeners []net.Listener, api http.Handler, log *slog.Logger) (stop func()) {
	server := &http.Server{
		Handler: api, ReadTimeout: 10 * time.Second, WriteTimeout: 60 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	var running sync.WaitGroup
	for _, listener := range listeners {
		log.Info("listening for operators", "addr", listener.Addr())
		running.Go(func() {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				log.Error("the API of operators ended", "error", err)
			}
		})
	}
	return func() {
		_ = server.Close()
		running.Wait()
	}
}
