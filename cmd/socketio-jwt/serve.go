package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"socketiojwt/console"
	"socketiojwt/socketio"
)

// serveCommand serves Socket.IO, the page and the development issuer.
type serveCommand struct {
	configuration `embed:""`
	adminListener `embed:""`

	Recovery        time.Duration `env:"SOCKETIO_JWT_RECOVERY" default:"0s" help:"For how long a client that has lost its connection can recover its session in namespace /, with what it has missed. With --redis-wire streams it can on any node. Default: no recovery."`
	ShutdownTimeout time.Duration `env:"SOCKETIO_JWT_SHUTDOWN_TIMEOUT" default:"5s" help:"How long open connections may take to close in order. Default: ${default}."`
	LogLevel        slog.Level    `env:"SOCKETIO_JWT_LOG_LEVEL" default:"info" placeholder:"LEVEL" help:"debug, info, warn or error. Default: ${default}."`
	LogFormat       string        `env:"SOCKETIO_JWT_LOG_FORMAT" enum:"text,json" default:"text" placeholder:"FORMAT" help:"text or json, one line for each event on standard error. Default: ${default}."`
}

// Help is shown by --help.
func (serveCommand) Help() string {
	return `Without flags it serves http://localhost:9000 with a development issuer, which signs a token for any name with a random secret. Namespace / takes the token in the handshake (one round trip), /admin by the event "authenticate" (two). Both handle the events whoami, echo and say.

With --public-key, --issuer, --audience or --profile the tokens come from another issuer, and there is no development issuer. Without a key, an --issuer that is a URL is asked for its keys (OpenID Connect Discovery or RFC 8414).

With --redis it is one of several nodes, which deliver to each other's sockets and share revocations. Load balancers ask GET /health (the process serves) or GET /ready (it also hears the other nodes).

Examples:

    socketio-jwt serve
    socketio-jwt serve --addr localhost:8080 --token-life 20s
    SOCKETIO_JWT_SECRET=... socketio-jwt serve
    socketio-jwt serve --issuer https://issuer.example --audience chat
    socketio-jwt serve --public-key issuer.pem --issuer https://issuer.example \
        --audience chat
    SOCKETIO_JWT_CLUSTER_KEY=... socketio-jwt serve --redis redis://localhost:6379 \
        --issuer https://issuer.example --audience chat

A reverse proxy on this machine makes every client look local: give --no-login behind one.`
}

// Run serves until ctx ends.
func (c *serveCommand) Run(ctx context.Context, t terminal) error {
	if err := joined(notNegative("--shutdown-timeout", c.ShutdownTimeout), notNegative("--recovery", c.Recovery)); err != nil {
		return err
	}
	log := c.logger(t)
	key, issuer, err := c.keys(log)
	if err != nil {
		return err
	}
	verifier, published, err := c.verifierOf(key, log)
	if err != nil {
		return err
	}
	defer published.close()
	nodes, err := c.cluster()
	if err := joined(c.checkKeys(issuer), err); err != nil {
		return err
	}
	page, err := console.Handler(c.page(issuer))
	if err != nil {
		return err
	}
	listeners, err := listen(ctx, "--addr", c.Addr)
	if err != nil {
		return err
	}
	defer closeAll(listeners)
	node, err := nodes.join(ctx, portOf(listeners[0]), log)
	if err != nil {
		return err
	}
	defer node.leave()
	srv, gates, err := newSockets(verifier, c.sockets(), node, log)
	if err != nil {
		return err
	}
	defer func() { _ = srv.Close() }()
	api, err := c.adminListener.handler(srv, gates, node, log)
	if err != nil {
		return err
	}
	sockets, err := srv.Handler()
	if err != nil {
		return err
	}
	adminListeners, err := c.adminListener.listen(ctx)
	if err != nil {
		return err
	}
	stopAdmin := serveAdmin(adminListeners, api, log)
	defer stopAdmin()
	published.fetch(ctx, log)
	c.welcome(t, listeners, issuer)
	welcomeOperators(t, adminListeners)
	state := &health{ready: node.connected}
	context.AfterFunc(ctx, func() { state.stopping.Store(true) })
	return c.serve(ctx, listeners, routes(sockets, page, issuer, state), srv, log)
}

func routes(sockets, page http.Handler, issuer *issuer, state *health) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", sockets)
	mux.Handle("/socket.io", sockets) // for clients that omit the last slash
	mux.Handle("/login", issuer.handler())
	mux.Handle("/", page)
	state.handle(mux)
	return mux
}

// sockets returns the options of the server.
func (c *serveCommand) sockets() socketio.Options {
	opts := socketio.Options{Engine: c.engine()}
	if c.Recovery > 0 {
		opts.Recovery = &socketio.Recovery{Window: c.Recovery}
	}
	return opts
}

func (c *serveCommand) logger(t terminal) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(t.err, options))
	}
	return slog.New(slog.NewTextHandler(t.err, options))
}

// serve serves until ctx ends, and then shuts down in order.
func (c *serveCommand) serve(ctx context.Context, listeners []net.Listener, handler http.Handler, srv *socketio.Server, log *slog.Logger) (err error) {
	server := socketio.NewHTTPServer("", handler)
	server.ReadTimeout = 10 * time.Second // only the sockets take longer
	server.WriteTimeout = 30 * time.Second
	server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	failed := make(chan error, len(listeners))
	for _, listener := range listeners {
		log.Info("listening", "addr", listener.Addr())
		go func() { failed <- server.Serve(listener) }()
	}
	select {
	case err = <-failed:
	case <-ctx.Done():
		log.Info("shutting down; a second signal ends the process at once")
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.ShutdownTimeout)
	defer cancel()
	// The sockets first, because the HTTP server would wait for their transports.
	ended := errors.Join(srv.Shutdown(ending), server.Shutdown(ending))
	if errors.Is(ended, context.DeadlineExceeded) { // for example, a peer that polled is gone
		log.Warn("shutdown timed out: closing the remaining connections", "cause", ended)
		ended = errors.Join(srv.Close(), server.Close())
	}
	return errors.Join(err, ended)
}

func (c *serveCommand) page(issuer *issuer) console.Options {
	options := console.Options{Leeway: c.leeway(), OtherServers: true}
	if issuer != nil {
		options.Login, options.TokenLife = true, issuer.life
	}
	return options
}
