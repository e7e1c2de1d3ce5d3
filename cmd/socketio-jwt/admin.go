package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"socketiojwt/admin"
	"socketiojwt/console"
	"socketiojwt/token"
)

// adminListener holds the flags of serve for the API of operators.
type adminListener struct {
	Admin string `env:"SOCKETIO_JWT_ADMIN" group:"Operators" placeholder:"HOST:PORT" help:"Also serve the API and the page of operators here, such as localhost:9001, for the commands leases, disconnect, revoke, block and emit, and for backends that publish. It is plain HTTP, also with --tls-cert: let other machines reach it only through a proxy with TLS. Needs the secret of operators."`
	operatorSecret
}

// check implements part.
func (l *adminListener) check(*serveCommand) error {
	_, err := l.verifier()
	return err
}

// verifier returns the verifier of the tokens of operators. Without --admin it accepts none.
func (l *adminListener) verifier() (*token.Verifier, error) {
	secret, given, err := l.secret()
	switch {
	case err != nil:
		return nil, err
	case l.Admin == "":
		secret = rand.Text() + rand.Text() // no operator has it
	case !given:
		return nil, errors.New("--admin needs the secret that signs the tokens of operators: set SOCKETIO_JWT_ADMIN_SECRET, for example to the output of openssl rand -hex 32, or --admin-secret-file")
	}
	verifier, err := token.NewVerifier(token.Secret(secret), token.Options{})
	if err != nil {
		return nil, fmt.Errorf("the secret of operators: %w", err)
	}
	return verifier, nil
}

// rules returns the rules for the tokens of operators.
func (l *adminListener) rules() (*ruleset, error) {
	verifier, err := l.verifier()
	if err != nil {
		return nil, err
	}
	secret, _, err := l.secret()
	return &ruleset{verifier: verifier, print: sha256.Sum256([]byte(secret))}, err
}

// start implements part. A node of a cluster has the API without --admin too, for the operators
// of the others.
func (l *adminListener) start(_ context.Context, a *assembly) error {
	if l.Admin == "" && a.node == nil {
		return nil
	}
	first, err := l.rules()
	if err != nil {
		return err
	}
	verifier := a.newTrusting("operators", first, func(next *serveCommand) (*ruleset, func(), error) {
		fresh, err := next.adminListener.rules()
		return fresh, nil, err
	})
	opts := a.operator
	opts.Scope, opts.PublishScope, opts.Logger = operatorScope, publishScope, a.log
	opts.Server, opts.UserRoom = a.server, userRoom
	api, err := admin.New(a.gates, verifier, a.node.adminOptions(opts, a.server))
	if err != nil || l.Admin == "" {
		return err
	}
	a.operators, err = console.Operators(api)
	return err
}

// listenForOperators serves the API and the page of operators.
func listenForOperators(ctx context.Context, a *assembly) error {
	if a.operators == nil {
		return nil
	}
	listeners, err := a.listen(ctx, "--admin", a.command.Admin)
	if err != nil {
		return err
	}
	a.closing(serveAdmin(listeners, a.operators, a.log))
	a.adminListeners = listeners
	return nil
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
