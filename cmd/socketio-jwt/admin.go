package main

import (
	"context"
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
	"socketiojwt/token"
)

// adminListener holds the flags of serve for the API of operators.
type adminListener struct {
	Admin string `env:"SOCKETIO_JWT_ADMIN" group:"Operators" placeholder:"HOST:PORT" help:"Also serve the API and the page of operators here, such as localhost:9001, for the commands leases, disconnect, revoke and block. Needs the secret of operators."`
	operatorSecret
}

// open returns the listeners and the handler of the API. Both are nil without --admin.
func (a *adminListener) open(ctx context.Context, gates map[string]*auth.Gate, nodes func() admin.Nodes, log *slog.Logger) ([]net.Listener, http.Handler, error) {
	secret, given, err := a.secret()
	switch {
	case err != nil:
		return nil, nil, err
	case a.Admin == "" && given:
		return nil, nil, errors.New("the secret of operators has no effect without --admin HOST:PORT (SOCKETIO_JWT_ADMIN counts as well)")
	case a.Admin == "":
		return nil, nil, nil
	case !given:
		return nil, nil, errors.New("--admin needs the secret that signs the tokens of operators: set SOCKETIO_JWT_ADMIN_SECRET, for example to the output of openssl rand -hex 32, or --admin-secret-file")
	}
	verifier, err := token.NewVerifier(token.Secret(secret), token.Options{})
	if err != nil {
		return nil, nil, fmt.Errorf("the secret of operators: %w", err)
	}
	handler, err := admin.New(gates, verifier, admin.Options{Scope: operatorScope, Logger: log, Nodes: nodes})
	if err != nil {
		return nil, nil, err
	}
	handler, err = console.Operators(handler)
	if err != nil {
		return nil, nil, err
	}
	listeners, err := listen(ctx, "--admin", a.Admin)
	return listeners, handler, err
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
