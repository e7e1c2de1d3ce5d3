package jwks

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"socketiojwt/internal/logging"
	"socketiojwt/token"
)

// Options configure a Set. The zero value is ready to use.
type Options struct {
	// Algorithms are those that the keys may be for. Zero means all that work with
	// public keys. A shared secret's is an error: who publishes it has none.
	Algorithms []token.Algorithm

	// Refresh is how long keys are used before they are fetched again, if the issuer
	// does not say so by Cache-Control; what it says counts between RefreshLeast and
	// RefreshMost. They are fetched a little early, at a random time, so that many
	// servers do not ask at once. Zero means 1 h, 1 min and 24 h.
	Refresh, RefreshLeast, RefreshMost time.Duration
	// Stale is how long keys are used after they should have been fetched again,
	// while that fails. Zero means 24 h, negative not at all.
	Stale time.Duration
	// MissInterval is the least time between two fetches for tokens whose key ID is
	// unknown. They wait for it. Zero means 1 s.
	MissInterval time.Duration

	// Timeout bounds one fetch. Zero means 5 s.
	Timeout time.Duration
	// MaxBody bounds one response in bytes, MaxKeys the keys in a set; more is an
	// error. Zero means 1 MiB and 100.
	MaxBody int64
	MaxKeys int

	// InsecurePlainHTTP accepts http URLs of hosts other than this machine, for an issuer
	// inside a network of one's own: anyone on the path can replace the keys, and with them
	// sign any token. Metadata that came by https must still name an https URL, and a
	// redirect never leaves its origin. Zero means that such a URL is an error.
	InsecurePlainHTTP bool

	// Client makes the requests; its Timeout and CheckRedirect are not used. Zero
	// means one of the Set's own, which knows proxies by the environment.
	Client *http.Client
	// Now tells the time. Zero means time.Now.
	Now func() time.Time
	// Logger gets a warning for each fetch that fails, and below that level the keys
	// that were fetched and those that were left out. Nil means that warnings and
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
	o.MaxBody = min(o.MaxBody, math.MaxInt64-1) // one more is asked for
	if o.Algorithms == nil {
		o.Algorithms = public
	}
	o.Algorithms = slices.Clone(o.Algorithms)
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Logger = logging.OrDefault(o.Logger)
	client := &http.Client{}
	if o.Client != nil {
		*client = *o.Client
	}
	client.Timeout, client.CheckRedirect = 0, sameOrigin
	o.Client = client

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
			return o, fmt.Errorf("jwks: Algorithms: %q is none of those for public keys", alg)
		case slices.Contains(o.Algorithms[:i], alg):
			return o, fmt.Errorf("jwks: Algorithms: %s is listed twice", alg)
		}
	}
	return o, nil
}

// newTransport returns the transport of a Set that was given no Client. A connection is
// kept from the metadata to the set, and while many tokens name unknown keys.
func newTransport(timeout time.Duration) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		ForceAttemptHTTP2:      true,
		IdleConnTimeout:        10 * time.Second,
		TLSHandshakeTimeout:    timeout,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// maxRedirects bounds how often one request may be sent on.
const maxRedirects = 3

var errRedirect = errors.New("jwks: redirect to another origin, or one too many")

// sameOrigin lets a redirect stay where the request was sent, and go nowhere else.
func sameOrigin(r *http.Request, via []*http.Request) error {
	first := via[0].URL
	if len(via) > maxRedirects || r.URL.Scheme != first.Scheme || r.URL.Host != first.Host || r.URL.User != nil {
		return errRedirect
	}
	return nil
}

// parseURL reads a URL that keys may come from.
func parseURL(text string, opts *Options) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "":
		return nil, errors.New("jwks: not an absolute URL without a user and a fragment")
	case u.Scheme == "https", u.Scheme == "http" && (opts.InsecurePlainHTTP || isLoopback(u.Hostname())):
		return u, nil
	}
	return nil, fmt.Errorf("jwks: the URL at %q is not https, and not on this machine; Options.InsecurePlainHTTP accepts http inside a network of your own", u.Host)
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
