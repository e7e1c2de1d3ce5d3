package upstream

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"socketiojwt/internal/circuit"
	"socketiojwt/internal/endpoint"
	"socketiojwt/internal/hidden"
	"socketiojwt/internal/logging"
	"socketiojwt/internal/mac"
	"socketiojwt/socketio"
)

// A Backend passes connects and events to an HTTP server. Make one with New; the caller must call
// Close. It may be used concurrently, for any number of namespaces, and prints no secret.
type Backend struct {
	opts    Options // with defaults
	url     *url.URL
	secrets atomic.Pointer[[]*mac.Key]
	own     *http.Transport // nil if Options.Client is set
	log     logging.Sampler

	events, connects queue
	notices          notices
	visits           *socketio.Key[*visit]

	life context.Context
	stop context.CancelFunc

	mu      sync.Mutex // guards the fields below
	circuit circuit.Circuit
	hung    int       // requests in a row without an answer in time
	down    time.Time // since when requests fail; zero if they do not
	counts  Stats
}

// New returns a Backend that sends requests to a URL. It sends nothing yet. It fails if the URL
// is not https, unless its host is this machine or Options.InsecurePlainHTTP is set, if a secret
// is missing or malformed, or if another option is invalid.
func New(url string, opts Options) (*Backend, error) {
	at, err := endpoint.Parse(url, opts.InsecurePlainHTTP)
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	keys, err := parseSecrets(opts.Secrets)
	if err != nil {
		return nil, err
	}
	opts.Secrets = nil
	given := opts.Client != nil
	if opts, err = opts.withDefaults(); err != nil {
		return nil, err
	}
	b := &Backend{
		opts: opts, url: at, visits: socketio.NewKey[*visit](), log: logging.Sampler{PerMinute: 30, Repeat: time.Minute},
		events: newQueue(opts.MaxRequests, opts.MaxWaiting), connects: newQueue(opts.MaxRequests, opts.MaxWaiting),
	}
	b.secrets.Store(&keys)
	if !given {
		b.own = opts.Client.Transport.(*http.Transport)
	}
	b.life, b.stop = context.WithCancel(context.Background())
	return b, nil
}

// SetSecrets replaces Options.Secrets for requests that begin from now on. It fails, and changes
// nothing, if a secret is missing or malformed.
func (b *Backend) SetSecrets(secrets []string) error {
	keys, err := parseSecrets(secrets)
	if err == nil {
		b.secrets.Store(&keys)
	}
	return err
}

// Register passes the connects and events of a namespace, or of the namespaces of a rule, to the
// backend: it adds Connect, Connected and Disconnected to the Mux, and makes Handle handle all
// events that have no handler. Call it after the gate was added.
func (b *Backend) Register(m *socketio.Mux) {
	m.Use(b.Connect)
	m.OnConnect(b.Connected)
	m.OnDisconnect(b.Disconnected)
	m.HandleAny(b.Handle)
}

// Close tells the backend about the sockets that have ended, until ctx ends, and cancels the
// requests that are left. Sockets that connect later are refused, and events fail. Close the
// server first. Close may be called more than once.
func (b *Backend) Close(ctx context.Context) {
	b.dropped(b.notices.drain(ctx))
	b.stop()
	b.notices.running.Wait()
	if b.own != nil {
		b.own.CloseIdleConnections()
	}
}

// Stats are the figures of a Backend at one time. Counters start at zero and never decrease.
type Stats struct {
	// Connects, Events and Disconnects count the requests of each kind that were sent, with all
	// attempts. Failed counts those without an answer that could be carried out.
	Connects, Events, Disconnects, Failed uint64
	// Unsent counts the connects and events that were not sent, because requests fail or too many
	// wait.
	Unsent uint64
	// Refused counts the sockets that the backend has refused.
	Refused uint64
	// Dropped counts the disconnects of which the backend was not told.
	Dropped uint64

	// Running is the number of requests for connects and events that are under way, and Waiting
	// the number of those that wait for their turn. Notices is the number of disconnects of which
	// the backend has not been told yet.
	Running, Waiting, Notices int
	// Down is since when requests fail. The zero time means that the last one succeeded.
	Down time.Time
}

// Stats returns the figures of the backend. It may be called concurrently, and is cheap.
func (b *Backend) Stats() Stats {
	b.mu.Lock()
	s := b.counts
	s.Down = b.down
	b.mu.Unlock()
	s.Running = len(b.events.turns) + len(b.connects.turns)
	s.Waiting = int(b.events.waiting.Load() + b.connects.waiting.Load())
	s.Notices = b.notices.length()
	return s
}

// count changes the figures.
func (b *Backend) count(change func(s *Stats)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.counts)
}

// warn logs a failure, sampled.
func (b *Backend) warn(ctx context.Context, key, text string, attrs ...any) {
	b.log.Log(ctx, b.opts.Logger, slog.LevelWarn, key, text, attrs...)
}

func (b *Backend) describe() hidden.Text {
	return hidden.Text("upstream.Backend(" + b.url.Host + ")")
}

// String describes the Backend by the host of its URL.
func (b *Backend) String() string { return b.describe().String() }

// Format writes the text of String for every verb.
func (b *Backend) Format(f fmt.State, verb rune) { b.describe().Format(f, verb) }

// MarshalText returns the text of String.
func (b *Backend) MarshalText() ([]byte, error) { return b.describe().MarshalText() }

// LogValue returns the text of String, for slog.
func (b *Backend) LogValue() slog.Value { return b.describe().LogValue() }
