package metrics

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"socketiojwt/auth"
	"socketiojwt/internal/buildversion"
	"socketiojwt/internal/guard"
	"socketiojwt/internal/logging"
	"socketiojwt/observe"
	"socketiojwt/socketio"
	"socketiojwt/token/introspect"
	"socketiojwt/token/jwks"
	"socketiojwt/upstream"
)

// Metrics are the metrics of one server. Make them with New. All methods may be called
// concurrently.
type Metrics struct {
	durations [len(timings)]*timed // by observe.Kind

	mu             sync.Mutex
	server         *socketio.Server
	gates          map[string]*auth.Gate
	keys           []func() []*jwks.Set
	introspections map[string]*introspect.Verifier
	backend        *upstream.Backend
	denylist       func() DenylistState
	certificate    func() time.Time
}

var (
	_ observe.Observer     = (*Metrics)(nil)
	_ prometheus.Collector = (*Metrics)(nil)
)

// New returns Metrics that export only durations until other methods add what to export.
func New() *Metrics {
	m := &Metrics{gates: make(map[string]*auth.Gate), introspections: make(map[string]*introspect.Verifier)}
	for kind, t := range timings {
		if t.name != "" {
			m.durations[kind] = newTimed(t)
		}
	}
	return m
}

// Server exports the figures of a server and of its Bus. A second call replaces the server of
// the first: to export several servers, make Metrics for each, and tell them apart by
// prometheus.WrapRegistererWith.
func (m *Metrics) Server(s *socketio.Server) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.server = s
}

// Gate exports the figures of a gate. The name is the label gate, such as the namespace that it
// guards. A second call with the same name replaces the gate of the first.
func (m *Metrics) Gate(name string, g *auth.Gate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gates[clean(name)] = g
}

// Keys exports the figures of the keys of issuers. Set.Name is the label issuer; sets of the same
// issuer are counted together. Do not call it for issuers that come and go.
func (m *Metrics) Keys(sets ...*jwks.Set) {
	m.KeysFrom(func() []*jwks.Set { return sets })
}

// KeysFrom is Keys for sets that change. The function returns those in use. It is called at each
// scrape, and must be cheap.
func (m *Metrics) KeysFrom(sets func() []*jwks.Set) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keys = append(m.keys, sets)
}

// Introspection exports the figures of an introspection endpoint. The name is the label
// endpoint. A second call with the same name replaces the verifier of the first.
func (m *Metrics) Introspection(name string, v *introspect.Verifier) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.introspections[clean(name)] = v
}

// Backend exports the figures of the backend that is asked about sockets and events. A second call
// replaces the backend of the first.
func (m *Metrics) Backend(b *upstream.Backend) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.backend = b
}

// A DenylistState is the state of a denylist that is kept elsewhere, such as in Redis.
type DenylistState struct {
	Available bool          // tokens can be looked up
	Age       time.Duration // since the list was last read to the end
}

// Denylist exports the state of a denylist that is kept elsewhere. The function must be cheap
// and may be called concurrently. The number of entries is exported by Gate.
func (m *Metrics) Denylist(state func() DenylistState) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.denylist = state
}

// Certificate exports when the certificate of the server expires. The function must be cheap and
// may be called concurrently.
func (m *Metrics) Certificate(expires func() time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.certificate = expires
}

// Handler returns a handler that answers a scrape with these metrics and those of the Go runtime
// and the process. The figures say how many users are connected and which issuers they have, so
// serve it where only operators can reach it. To use another registry, register the Metrics there
// instead.
func (m *Metrics) Handler() http.Handler {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes, Timeout: scrapeTimeout})
}

const (
	maxScrapes    = 4 // that are answered at one time
	scrapeTimeout = 10 * time.Second
)

// clean returns a label that Prometheus accepts.
func clean(label string) string { return strings.ToValidUTF8(label, "?") }

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(out chan<- *prometheus.Desc) {
	for _, f := range figures {
		out <- f.desc
	}
	for _, t := range m.durations {
		if t != nil {
			t.vec.Describe(out)
		}
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(out chan<- prometheus.Metric) {
	m.mu.Lock()
	server, backend, denylist, certificate := m.server, m.backend, m.denylist, m.certificate
	gates, keys, introspections := maps.Clone(m.gates), slices.Clone(m.keys), maps.Clone(m.introspections)
	m.mu.Unlock()
	s := sink{out}
	s.put(buildInfo, 1, buildversion.Version(), runtime.Version())
	if server != nil {
		safely(func() {
			stats := server.Stats()
			s.engine(&stats.Engine)
			s.sockets(&stats)
			s.bus(stats.Bus)
		})
	}
	for name, gate := range gates {
		safely(func() { s.gate(name, gate) })
	}
	safely(func() {
		for issuer, stats := range statsOf(keys) {
			s.keys(issuer, stats)
		}
	})
	for name, verifier := range introspections {
		s.introspection(name, verifier.Stats())
	}
	if backend != nil {
		s.backend(backend.Stats())
	}
	if denylist != nil {
		safely(func() {
			state := denylist()
			s.put(denylistAvailable, truth(state.Available))
			s.put(denylistAge, state.Age.Seconds())
		})
	}
	if certificate != nil {
		safely(func() { s.put(certificateExpires, timestamp(certificate())) })
	}
	for _, t := range m.durations {
		if t != nil {
			t.vec.Collect(out)
		}
	}
}

// panicked bounds the lines about panics.
var panicked = logging.Sampler{PerMinute: 10, Repeat: time.Minute}

// safely calls f, which may run code of the program, such as the method Len of a denylist. A panic
// on the goroutine of a scrape would end the program.
func safely(f func()) {
	defer func() {
		if value := recover(); value != nil {
			p := guard.Recovered(value)
			panicked.Log(context.Background(), logging.OrDefault(nil), slog.LevelError, p.At, "metrics: panic while figures were read; they are missing in this scrape", p.Attr())
		}
	}()
	f()
}
