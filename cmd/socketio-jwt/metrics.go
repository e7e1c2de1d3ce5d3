package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"socketiojwt/metrics"
	"socketiojwt/token/jwks"
)

// metricsListener holds the flags of serve for metrics. The listener also answers what load
// balancers and Kubernetes ask about health.
type metricsListener struct {
	Metrics string `env:"SOCKETIO_JWT_METRICS" group:"Operators" placeholder:"HOST:PORT" help:"Also serve figures for Prometheus here, by GET /metrics, such as localhost:9002. Anyone who can reach it can read them: how many users are connected, the issuers, and the names of namespaces and events. Default: no metrics."`

	exported *metrics.Metrics // nil without --metrics
}

// check implements part.
func (l *metricsListener) check(*serveCommand) error {
	if l.Metrics == "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(l.Metrics); err != nil {
		return errors.New("--metrics must be HOST:PORT, such as localhost:9002")
	}
	return nil
}

// start implements part. It makes what is made later report to the metrics.
func (l *metricsListener) start(_ context.Context, a *assembly) error {
	if l.Metrics == "" {
		return nil
	}
	l.exported = metrics.New()
	a.observe(l.exported)
	a.operations.Handle("GET /metrics", l.exported.Handler())
	return nil
}

// exportFigures exports the figures of what the assembly has made.
func exportFigures(_ context.Context, a *assembly) error {
	m := a.command.metricsListener.exported
	if m == nil {
		return nil
	}
	trusted := a.trusted // nothing is added after the start
	m.Server(a.server)
	for name, gate := range a.gates {
		m.Gate(name, gate)
	}
	m.KeysFrom(func() (sets []*jwks.Set) {
		for _, t := range trusted {
			sets = append(sets, t.keySets()...)
		}
		return sets
	})
	if a.backend != nil {
		m.Backend(a.backend)
	}
	if a.node != nil {
		m.Denylist(a.node.denylistState)
	}
	if a.certificate != nil {
		m.Certificate(a.certificate.expires)
	}
	return nil
}

// denylistState is the state of the list of revocations, for metrics.
func (m *member) denylistState() metrics.DenylistState {
	return metrics.DenylistState{Available: m.list.Available(), Age: time.Since(m.list.Health().Fresh)}
}

// listenForMetrics serves metrics and health.
func listenForMetrics(ctx context.Context, a *assembly) error {
	if a.command.Metrics == "" {
		return nil
	}
	listeners, err := a.listen(ctx, "--metrics", a.command.Metrics)
	if err != nil {
		return err
	}
	a.closing(serveMetrics(listeners, a.operations, a.log))
	return nil
}

// serveMetrics serves metrics and health until the returned function is called.
func serveMetrics(listeners []net.Listener, handler http.Handler, log *slog.Logger) (stop func()) {
	server := &http.Server{
		Handler: handler, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	var running sync.WaitGroup
	for _, listener := range listeners {
		log.Info("listening for metrics", "addr", listener.Addr())
		running.Go(func() {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				log.Error("the listener for metrics ended", "error", err)
			}
		})
	}
	return func() {
		_ = server.Close()
		running.Wait()
	}
}
