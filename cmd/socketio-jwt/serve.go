package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"socketiojwt/console"
	"socketiojwt/socketio"
)

// serveCommand serves Socket.IO behind tokens, and the page.
type serveCommand struct {
	configuration `embed:""`

	ShutdownTimeout time.Duration `env:"SOCKETIO_JWT_SHUTDOWN_TIMEOUT" default:"5s" help:"How long open connections may take to end in order. Default: ${default}."`
	LogLevel        slog.Level    `env:"SOCKETIO_JWT_LOG_LEVEL" default:"info" placeholder:"LEVEL" help:"debug, info, warn or error. Default: ${default}."`
}

// Help is shown by --help.
func (serveCommand) Help() string {
	return `Without flags it serves http://localhost:9000 with a development issuer, which makes a token for any name, signed with a random secret. Namespace / takes the token in the handshake (one round trip), /admin by the event "authenticate" (two). Events there: whoami, echo and say.

With --public-key, --issuer, --audience or --profile the tokens come from an issuer elsewhere; there is no development issuer then. An --issuer that is a URL is asked for its keys, by OpenID Connect or RFC 8414, unless a key is given.

Examples:

    socketio-jwt serve
    socketio-jwt serve --addr localhost:8080 --token-life 20s
    SOCKETIO_JWT_SECRET=... socketio-jwt serve
    socketio-jwt serve --issuer https://issuer.example --audience chat
    socketio-jwt serve --public-key issuer.pem --issuer https://issuer.example --audience chat

A reverse proxy on this machine makes the whole world look local: give --no-login behind one.`
}

// Run serves until ctx ends.
func (c *serveCommand) Run(ctx context.Context, t terminal) error {
	log := slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: c.LogLevel}))
	key, issuer, err := c.keys(log)
	if err != nil {
		return err
	}
	verifier, published, err := c.verifierOf(key, log)
	if err != nil {
		return err
	}
	defer published.close()
	io, err := newSockets(verifier, c.engine(), log)
	if err != nil {
		return err
	}
	sockets, err := io.Handler()
	if err != nil {
		return err
	}
	page, err := console.Handler(c.page(issuer))
	if err != nil {
		return err
	}
	listeners, err := listen(ctx, c.Addr)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", sockets)
	mux.Handle("/socket.io", sockets) // for clients that leave out the last slash
	mux.Handle("/login", issuer.handler())
	mux.Handle("/", page)
	if published != nil {
		log.Info("asking for the keys of the issuers")
		published.fetch(ctx)
	}
	c.welcome(t, listeners[0].Addr().(*net.TCPAddr).Port, issuer != nil)
	return c.serve(ctx, listeners, mux, io, log)
}

// serve serves until ctx ends, and then ends in order.
func (c *serveCommand) serve(ctx context.Context, listeners []net.Listener, handler http.Handler, io *socketio.Server, log *slog.Logger) (err error) {
	server := socketio.NewHTTPServer("", handler)
	server.ReadTimeout = 10 * time.Second // here, nothing but the sockets takes long
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
		log.Info("ending; a second signal ends at once")
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.ShutdownTimeout)
	defer cancel()
	// The sockets first: their transports are what the HTTP server would wait for.
	ended := errors.Join(io.Shutdown(ending), server.Shutdown(ending))
	if errors.Is(ended, context.DeadlineExceeded) { // a peer that polls and is gone, say
		log.Warn("not everything ended in time", "cause", ended)
		ended = errors.Join(io.Close(), server.Close())
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

// welcome says what to do next.
func (c *serveCommand) welcome(t terminal, port int, login bool) {
	host := c.host()
	if host == "" {
		host = "localhost"
	}
	url := "http://" + net.JoinHostPort(host, fmt.Sprint(port))
	self := programName()
	var b strings.Builder
	fmt.Fprintf(&b, "Serving at %s\n\n", url)
	fmt.Fprintf(&b, "  Open the page    %s\n", url)
	if login {
		curl := fmt.Sprintf(`curl -s %s/login -H 'Content-Type: application/json' -d '{"username": "ada"}'`, url)
		fmt.Fprintf(&b, "  Get a token      %s\n", curl)
		fmt.Fprintf(&b, "  Knock with it    %s \\\n                     | %s probe %s --token -\n", curl, self, url)
	} else {
		fmt.Fprintf(&b, "  Knock with one   %s probe %s --token - < token.txt\n", self, url)
	}
	fmt.Fprintf(&b, "\nNamespace / takes the token in the handshake, /admin by the event \"authenticate\".\nStop with Ctrl-C.\n")
	fmt.Fprint(t.out, b.String())
}
