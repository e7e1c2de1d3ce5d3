package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// stopping holds the flags of serve that say how it ends.
type stopping struct {
	DrainWait       time.Duration  `env:"SOCKETIO_JWT_DRAIN_WAIT" group:"Shutdown" default:"0s" help:"After SIGTERM, how long the server goes on as before while /ready and /readyz answer 503, so that load balancers send new clients elsewhere. Default: ${default}."`
	DrainTime       *time.Duration `env:"SOCKETIO_JWT_DRAIN_TIME" group:"Shutdown" placeholder:"15s" help:"After that, over which time the connections are closed, one after the other, so that their clients do not reach the other nodes all at once. Default: 15s with --redis, and 0s without, because then there is no other node."`
	ShutdownTimeout time.Duration  `env:"SOCKETIO_JWT_SHUTDOWN_TIMEOUT" group:"Shutdown" default:"5s" help:"After that, how long handlers may still run and connections may take to close in order. Default: ${default}."`
}

// defaultDrainTime is the default of --drain-time for one of several nodes. With the defaults of
// the other flags, and with --drain-wait 5s, the whole shutdown fits into the 30 s that Kubernetes
// gives.
const defaultDrainTime = 15 * time.Second

// check implements part.
func (s *stopping) check(*serveCommand) error {
	errs := []error{notNegative("--drain-wait", s.DrainWait), notNegative("--shutdown-timeout", s.ShutdownTimeout)}
	if s.DrainTime != nil {
		errs = append(errs, notNegative("--drain-time", *s.DrainTime))
	}
	return joined(errs...)
}

// start implements part.
func (s *stopping) start(_ context.Context, a *assembly) error {
	a.sockets.ShutdownSpread = s.drainTime(a.command)
	return nil
}

func (s *stopping) drainTime(c *serveCommand) time.Duration {
	switch {
	case s.DrainTime != nil:
		return *s.DrainTime
	case c.Redis != "":
		return defaultDrainTime
	}
	return 0
}

// stop shuts down in order. If it is asked for, and the server has not failed, load balancers get
// time to notice. Then the connections are closed over some time, and after them the rest.
// Meanwhile new sessions are refused, so that their clients try another node, or try again.
func (a *assembly) stop(server *http.Server, asked bool) error {
	began := time.Now()
	defer func() { a.log.Info("stopped", "after", time.Since(began).Round(time.Millisecond)) }()
	s := &a.command.stopping
	drain, wait := s.drainTime(a.command), time.Duration(0)
	if asked {
		wait = s.DrainWait
	}
	a.health.enter(draining)
	sessions := a.server.Stats().Engine
	a.log.Info("shutting down; a second signal ends the process at once",
		"connections", sessions.Polling+sessions.WebSocket, "wait", wait, "drain", drain)
	a.supervisor.stopping(wait + drain + s.ShutdownTimeout)
	time.Sleep(wait)
	if a.activated && drain == 0 {
		closeAll(a.listeners) // copies of those of the service manager
		a.log.Info("no longer accepting connections: they wait for the next process")
	}
	ending, cancel := context.WithTimeout(context.Background(), drain+s.ShutdownTimeout)
	defer cancel()
	// The sockets first, because the HTTP server would wait for their transports.
	ended := errors.Join(a.server.Shutdown(ending), shutDown(ending, server))
	if errors.Is(ended, context.DeadlineExceeded) { // for example, a peer that polled is gone
		a.log.Warn("shutdown timed out: closing the remaining connections", "cause", ended)
		ended = errors.Join(a.server.Close(), server.Close())
	}
	return ended
}

// shutDown is server.Shutdown, which also fails if a listener was closed before and Serve has not noticed that yet.
func shutDown(ctx context.Context, server *http.Server) error {
	err := server.Shutdown(ctx)
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
