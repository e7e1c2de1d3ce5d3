package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"socketiojwt/admin"
	"socketiojwt/auth"
	"socketiojwt/auth/denyredis"
	"socketiojwt/observe"
	"socketiojwt/redisbus"
	"socketiojwt/socketio"
	"socketiojwt/token/jwks"
	"socketiojwt/upstream"
)

// A part is a feature of serve: a struct of flags, and what the server does with them.
type part interface {
	// check returns an error if flags of the part are wrong, or contradict others of c. It may
	// read files. It starts nothing, asks no other machine and logs nothing.
	check(c *serveCommand) error
	// start adds the part to a server that is being assembled. What ends the part is
	// registered by assembly.closing.
	start(ctx context.Context, a *assembly) error
}

// parts returns the parts of serve in the order in which they start. They end in reverse order.
func (c *serveCommand) parts() []part {
	return []part{
		step(startInheriting),
		// Parts that add options to those of the assembly.
		&c.limits,
		&c.tlsFiles,
		&c.stopping,
		&c.metricsListener, // it listens below
		&c.configuration,   // the verifier, and the development issuer
		step(reloadLevel),
		step(reloadOrigins),
		step(startUserRooms),
		step(startPage),
		step(startListeners),
		step(startNode),
		// Parts that add handlers for the events of sockets.
		&c.upstreamWebhook, // without it, the events of the sample
		// This one uses the options and the handlers.
		step(startSockets),
		// Parts that register with the server of sockets.
		&c.adminListener, // the API; it listens below
		// This one starts the server of sockets.
		step(startRoutes),
		// Parts that listen.
		step(exportFigures),
		step(listenForMetrics),
		step(listenForOperators),
		step(checkInherited),
		step(startFetching),
	}
}

// step is a part without flags of its own.
type step func(ctx context.Context, a *assembly) error

func (step) check(*serveCommand) error                      { return nil }
func (s step) start(ctx context.Context, a *assembly) error { return s(ctx, a) }

// assembly is a server that is being assembled from its parts. Its fields belong to the goroutine
// that starts the parts.
type assembly struct {
	command  *serveCommand
	terminal terminal
	log      *slog.Logger
	level    *slog.LevelVar // of log

	// Options. A part adds to them before the part that uses them starts.
	keySets  jwks.Options      // used by configuration
	bus      redisbus.Options  // used by startNode
	denylist denyredis.Options // used by startNode
	gate     auth.Options      // used by startSockets, for all gates
	sockets  socketio.Options  // used by startSockets
	operator admin.Options     // used by adminListener
	asking   upstream.Options  // used by upstreamWebhook
	tls      *tls.Config       // of --addr; nil means plain HTTP
	// handlers are called for each namespace before it is served.
	handlers []func(*socketio.Namespace)

	// What parts have made for the later ones.
	verifier    *trusting              // of the flags
	issuer      atomic.Pointer[issuer] // nil without the development issuer
	trusted     []*trusting            // all verifiers, in the order in which they were made
	served      []servedNamespace
	certificate *certificate      // of --addr; nil without TLS
	backend     *upstream.Backend // nil without --upstream-webhook
	listeners   []net.Listener    // of --addr
	node        *member           // nil without --redis
	server      *socketio.Server
	gates       map[string]*auth.Gate // by what operators call them

	operators      http.Handler   // nil without --admin
	adminListeners []net.Listener // none without --admin

	routes     *http.ServeMux // of --addr
	operations *http.ServeMux // of the listener for metrics and health
	health     *health
	supervisor *supervisor
	inherited  inherited // listeners; see assembly.listen
	activated  bool      // the listeners of --addr were inherited

	closers []func()
	reloads []reloadable
	abandon []func()        // undo what the current reload has prepared, if it fails
	running sync.WaitGroup  // what reloads have started
	life    context.Context // of what reloads have started: it ends after the shutdown
}

// servedNamespace is a namespace with its gate.
type servedNamespace struct {
	table    *namespaceTable
	gate     *auth.Gate
	verifier *trusting
}

// newAssembly returns an assembly without parts.
func newAssembly(c *serveCommand, t terminal) *assembly {
	log, level := c.logger(t)
	a := &assembly{
		command: c, terminal: t, log: log, level: level,
		routes: http.NewServeMux(), operations: http.NewServeMux(), health: new(health),
	}
	a.supervisor = &supervisor{log: a.log}
	a.health.require("keys", a.keysAvailable)
	a.health.handle(a.routes)
	a.health.handleOperations(a.operations)
	return a
}

// check checks all flags, before anything is started.
func (c *serveCommand) check() error {
	errs := append(slices.Clone(c.problems), c.checkEffects(), c.checkLives())
	for _, p := range c.parts() {
		errs = append(errs, p.check(c))
	}
	return c.located(joined(errs...))
}

// checkLives returns an error for durations that must not be negative.
func (c *serveCommand) checkLives() error {
	return notNegative("--recovery", c.Recovery)
}

// start starts the parts. The caller must call close, also if it fails.
func (a *assembly) start(ctx context.Context) error {
	for _, p := range a.command.parts() {
		if err := p.start(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// observe makes what is made later tell an Observer about operations, besides those that are
// told already.
func (a *assembly) observe(o observe.Observer) {
	a.keySets.Observer = observe.Join(a.keySets.Observer, o)
	a.bus.Observer = observe.Join(a.bus.Observer, o)
	a.gate.Observer = observe.Join(a.gate.Observer, o)
	a.sockets.Observer = observe.Join(a.sockets.Observer, o)
	a.asking.Observer = observe.Join(a.asking.Observer, o)
}

// closing registers a function that ends a part. It is called after those registered later,
// when nothing is served any more, or when a later part has failed to start.
func (a *assembly) closing(end func()) { a.closers = append(a.closers, end) }

// close ends the parts in reverse order.
func (a *assembly) close() {
	for len(a.closers) > 0 {
		last := len(a.closers) - 1
		end := a.closers[last]
		a.closers = a.closers[:last]
		end()
	}
}

// silent is the log of checks.
var silent = slog.New(slog.DiscardHandler)
