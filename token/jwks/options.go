package jwks

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"slices"
	"time"

	"socketiojwt/internal/endpoint"
	"socketiojwt/internal/logging"
	"socketiojwt/observe"
	"socketiojwt/token"
)

// Options configure a Set. The zero value is ready to use.
type Options struct {
	// Algorithms lists the algorithms that keys may be for. Zero means all public-key
	// algorithms. An HMAC algorithm is an error, because a published secret is not secret.
	Algorithms []token.Algorithm

	// Refresh is how long keys are used before they are fetched again, if the response
	// has no Cache-Control. If it has one, RefreshLeast and RefreshMost bound its value.
	// Keys are fetched a little early, at a random time, so that many
	// servers do not ask at once. Zero means 1 h, 1 min and 24 h.
	Refresh, RefreshLeast, RefreshMost time.Duration
	// Stale is how long keys stay in use after they should have been fetched again,
	// while fetching fails. Zero means 24 h; a negative value means not at all.
	Stale time.Duration
	// MissInterval is the minimum time between two fetches for tokens whose key ID is
	// unknown. Such tokens wait for the next fetch. Zero means 1 s.
	MissInterval time.Duration

	// Timeout bounds one fetch. After that, the fetch has failed. Zero means 5 s.
	Timeout time.Duration
	// MaxBody bounds one response, in bytes, and MaxKeys the number of keys in a set.
	// More is an error. Zero means 1 MiB and 100.
	MaxBody int64
	MaxKeys int

	// InsecurePlainHTTP accepts http URLs of hosts other than this machine, for an issuer
	// inside a private network. Anyone on the path can then replace the keys and sign any
	// token. Metadata fetched over https must still name an https URL, and a
	// redirect never leaves its origin. If false, such a URL is an error.
	InsecurePlainHTTP bool

	// Client makes the requests; its Timeout and CheckRedirect are not used. Nil means
	// a client of the Set, which uses the proxies of the environment (see
	// http.ProxyFromEnvironment).
	Client *http.Client
	// Now returns the current time. Nil means time.Now.
	Now func() time.Time
	// Observer is told about fetches: see package observe. Nil costs nothing.
	Observer observe.Observer
	// Logger gets a warning when fetches fail, and messages below that level for
	// fetched keys and for keys that were left out. Nil means that warnings and
	// errors go to slog.Default; give one with slog.DiscardHandler to log nothing.
	Logger *slog.Logger
}

// public are the algorithms that work with public keys.
var public = []token.Algorithm{
	token.RS256, token.RS384, token.RS512, token.PS256, token.PS384, token.PS512,
	token.ES256, token.ES384, token.ES512, token.EdDSA, token.Ed25519,
}

func (o Options) withDefaults() (Options, error) {
	setDefault(&o.Refresh, time.Hour)
	setDefault(&o.RefreshLeast, time.Minute)
	setDefault(&o.RefreshMost, 24*time.Hour)
	setDefault(&o.Stale, 24*time.Hour)
	setDefault(&o.MissInterval, time.Second)
	setDefault(&o.Timeout, 5*time.Second)
	setDefault(&o.MaxBody, 1<<20)
	setDefault(&o.MaxKeys, 100)
	o.Stale = max(o.Stale, 0)
	o.MaxBody = min(o.MaxBody, math.MaxInt64-1) // request reads one byte more
	if o.Algorithms == nil {
		o.Algorithms = public
	}
	o.Algorithms = slices.Clone(o.Algorithms)
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Logger = logging.OrDefault(o.Logger)
	o.Client = endpoint.Client(o.Client, sameOrigin)

	switch {
	case o.Refresh < 0 || o.RefreshLeast < 0 || o.RefreshMost < o.RefreshLeast:
		return o, errors.New("jwks: Refresh or RefreshLeast is negative, or RefreshMost less than RefreshLeast")
	case o.MissInterval < 0 || o.Timeout < 0 || o.MaxBody < 0 || o.MaxKeys < 0:
		return o, errors.New("jwks: MissInterval, Timeout, MaxBody or MaxKeys is negative")
	case len(o.Algorithms) == 0:
		return o, errors.New("jwks: Algorithms is empty; leave it nil for all")
	}
	for i, alg := range o.Algorithms {
		switch {
		case !slices.Contains(public, alg):
			return o, fmt.Errorf("jwks: Algorithms: %q is not a public-key algorithm", alg)
		case slices.Contains(o.Algorithms[:i], alg):
			return o, fmt.Errorf("jwks: Algorithms: %s is listed twice", alg)
		}
	}
	return o, nil
}

// idleTimeout is how long a connection of a Set without Options.Client is kept: long enough
// for the request after the metadata, and for repeated fetches while tokens name unknown
// keys.
const idleTimeout = 10 * time.Second

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// maxRedirects is the maximum number of redirects of one request.
const maxRedirects = 3

var errRedirect = errors.New("jwks: redirect to another origin, or too many redirects")

// sameOrigin allows only redirects within the origin of the first request.
func sameOrigin(r *http.Request, via []*http.Request) error {
	first := via[0].URL
	if len(via) > maxRedirects || r.URL.Scheme != first.Scheme || r.URL.Host != first.Host || r.URL.User != nil {
		return errRedirect
	}
	return nil
}

// parseURL parses a URL and checks that keys may be fetched from it.
func parseURL(text string, opts *Options) (*url.URL, error) {
	u, err := endpoint.Parse(text, opts.InsecurePlainHTTP)
	if err != nil {
		return nil, fmt.Errorf("jwks: %w", err)
	}
	return u, nil
}
