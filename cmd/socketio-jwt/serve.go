package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"socketiojwt/console"
)

// serveCommand serves Socket.IO, the page and the development issuer.
type serveCommand struct {
	configFile      `embed:""`
	configuration   `embed:""`
	adminListener   `embed:""`
	limits          `embed:""`
	upstreamWebhook `embed:""`
	stopping        `embed:""`

	Recovery  time.Duration `env:"SOCKETIO_JWT_RECOVERY" default:"0s" help:"For how long a client that has lost its connection can recover its session in a namespace of mode handshake, with what it has missed. With --redis-wire streams it can on any node. Default: no recovery."`
	LogLevel  slog.Level    `reload:"" env:"SOCKETIO_JWT_LOG_LEVEL" default:"info" placeholder:"LEVEL" help:"debug, info, warn or error. Default: ${default}."`
	LogFormat string        `env:"SOCKETIO_JWT_LOG_FORMAT" enum:"text,json" default:"text" placeholder:"FORMAT" help:"text or json, one line for each event on standard error. Default: ${default}."`
}

// Help is shown by --help.
func (serveCommand) Help() string {
	return `Without flags it serves http://localhost:9000 with a development issuer, which signs a token for any name with a random secret. Namespace / takes the token in the handshake (one round trip), /admin by the event "authenticate" (two). Both handle the events whoami, echo and say.

With --public-key, --issuer, --audience or --profile the tokens come from another issuer, and there is no development issuer. Without a key, an --issuer that is a URL is asked for its keys (OpenID Connect Discovery or RFC 8414).

With --redis it is one of several nodes, which deliver to each other's sockets and share revocations. Load balancers ask GET /health (the process serves) or GET /ready (it can also admit clients, and hears the other nodes). SIGTERM closes the connections over --drain-time, so that their clients move to the other nodes. With systemd, the command takes over the sockets of a socket unit, and works with Type=notify, Type=notify-reload and WatchdogSec.

In a container, or a unit with MemoryMax, the process keeps below nine tenths of the memory limit as far as collecting garbage can do that. GOMEMLIMIT sets another limit, and GOGC trades memory for CPU.

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
func (c *serveCommand) Run(ctx context.Context, t terminal, args arguments) error {
	if err := c.check(); err != nil {
		return err
	}
	hangups := make(chan os.Signal, 1) // one that comes while the server starts is kept
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	a := newAssembly(c, t)
	defer a.close()
	limitMemory(a.log, os.DirFS("/"))
	if err := a.start(ctx); err != nil {
		return err
	}
	c.welcome(t, a.listeners, a.served, a.issuer.Load())
	welcomeOperators(t, a.adminListeners)
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	stop := a.reloadAt(ctx, hangups, args, quit)
	defer stop()
	return a.serve(ctx)
}

// logger returns the log, and its level, which may change.
func (c *serveCommand) logger(t terminal) (*slog.Logger, *slog.LevelVar) {
	level := new(slog.LevelVar)
	level.Set(c.LogLevel)
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(t.err, options)), level
	}
	return slog.New(slog.NewTextHandler(t.err, options)), level
}

func (c *serveCommand) page(issuer *issuer) console.Options {
	options := console.Options{Leeway: c.leeway(), OtherServers: true}
	if issuer != nil {
		options.Login, options.TokenLife = true, issuer.life
	}
	return options
}
