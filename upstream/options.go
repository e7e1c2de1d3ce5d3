package upstream

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"socketiojwt/internal/endpoint"
	"socketiojwt/internal/logging"
	"socketiojwt/observe"
)

// Options configure a Backend. Secrets must be set. For all others, zero means the default.
type Options struct {
	// Secrets sign the requests, each as Standard Webhooks writes them: "whsec_", which may be
	// missing, and 24 to 64 bytes in Base64. A request has a signature for each of them, so that
	// a secret can be replaced while the backend runs.
	Secrets []string
	// Claims names the claims of the token that the backend gets, besides iss and sub. Nil means
	// none.
	Claims []string
	// Disconnects also tells the backend when a socket has ended, if it has been asked about the
	// connect and has not refused it.
	Disconnects bool

	// Timeout bounds how long an event waits for its turn, and again how long the backend may take
	// to answer. For a connect it bounds both together, with all attempts. Zero means 5 s.
	Timeout time.Duration
	// Attempts is how often the backend is asked about a connect, at most. Zero means 3.
	Attempts int
	// MaxRequests bounds the requests for events that are under way, and those for connects.
	// Further ones wait for their turn. Zero means 64.
	MaxRequests int
	// MaxWaiting bounds the events that wait for their turn, and the connects. One more is
	// answered at once. Zero means 1,000.
	MaxWaiting int
	// MaxNotices bounds the disconnects of which the backend has not been told yet. Further ones
	// are dropped. Zero means 20,000.
	MaxNotices int
	// MaxBody bounds the body of a response, in bytes. A longer one is a failure. Zero means 1 MiB.
	MaxBody int64

	// Reserved reports whether a room of a namespace is one that answers must not make sockets join
	// or leave, such as one that follows from a token: see auth.Gate.Declares. Such an answer is a
	// failure. A backend may join rooms that peers name, and must not so give one user the room of
	// another. It may be called concurrently. Nil means that no room is reserved.
	Reserved func(namespace, room string) bool

	// InsecurePlainHTTP accepts a URL with http from another machine, for a backend inside a
	// private network. Anyone on the path can then read the events, and answer them. If false,
	// such a URL is an error.
	InsecurePlainHTTP bool
	// Client makes the requests. Its Timeout and CheckRedirect are not used: no redirect is
	// followed. Nil means a client of the Backend, which uses the proxies of the environment (see
	// http.ProxyFromEnvironment).
	Client *http.Client
	// Observer is told about the requests: see package observe. A request has the context that it
	// returns, so that a Client can pass a trace on. Nil costs nothing.
	Observer observe.Observer
	// Logger receives failures of the backend as warnings, sampled. Nil means that they go to
	// slog.Default().
	Logger *slog.Logger
}

// idleTimeout is how long a connection is kept for the next request. Servers of Node close idle
// connections after 5 seconds, and an event that is sent at this moment is lost.
const idleTimeout = 4 * time.Second

// most bounds what a program may set, so that no sum overflows.
const most = 1 << 24

// withDefaults returns o with defaults.
func (o Options) withDefaults() (Options, error) {
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"Timeout", int64(o.Timeout)}, {"Attempts", int64(o.Attempts)}, {"MaxRequests", int64(o.MaxRequests)},
		{"MaxWaiting", int64(o.MaxWaiting)}, {"MaxNotices", int64(o.MaxNotices)}, {"MaxBody", o.MaxBody},
	} {
		if n.value < 0 {
			return o, fmt.Errorf("upstream: Options.%s is negative; set a positive value, or zero for the default", n.name)
		}
	}
	if slices.Contains(o.Claims, "") {
		return o, errors.New("upstream: Options.Claims has an empty name")
	}
	o.Claims = slices.Clone(o.Claims)
	o.Timeout = cmp.Or(o.Timeout, 5*time.Second)
	o.Attempts = cmp.Or(o.Attempts, 3)
	o.MaxRequests = min(cmp.Or(o.MaxRequests, 64), most)
	o.MaxWaiting = min(cmp.Or(o.MaxWaiting, 1000), most)
	o.MaxNotices = min(cmp.Or(o.MaxNotices, 20_000), most)
	o.MaxBody = min(cmp.Or(o.MaxBody, 1<<20), 1<<40)
	o.Logger = logging.OrDefault(o.Logger)
	given := o.Client != nil
	o.Client = endpoint.Client(o.Client, noRedirect)
	if !given {
		transport := endpoint.NewTransport(o.Timeout, idleTimeout)
		transport.MaxIdleConnsPerHost = 2*o.MaxRequests + noticeWorkers
		transport.DisableCompression = true
		o.Client.Transport = transport
	}
	return o, nil
}

var errRedirect = errors.New("a redirect, which is not followed")

// noRedirect refuses every redirect, because it would carry a signed request to another URL.
func noRedirect(*http.Request, []*http.Request) error { return errRedirect }
