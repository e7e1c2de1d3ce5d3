package introspect

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"socketiojwt/internal/endpoint"
	"socketiojwt/internal/logging"
	"socketiojwt/token"
)

// Options configure a Verifier. Rules must have Audiences or one of its alternatives.
type Options struct {
	// Rules decide about the members of the response. See token.NewRules for those that do
	// not apply. Rules.MaxSize bounds a token; zero means 4 KiB here. Rules.Now is the clock
	// of the Verifier, and Rules.Logger receives a warning when requests fail.
	Rules token.Options
	// Issuer is the iss of tokens whose response has none, as the responses of many servers. Set
	// it, so that auth.BySubject and the logout tokens of the issuer find these tokens. It must
	// be one of Rules.Issuers, if there are any. Empty leaves such tokens without iss.
	Issuer string
	// InsecureIgnoreBinding accepts tokens that are bound to a key of their holder, by cnf
	// or by a token_type other than Bearer. Anyone who has such a token can then use it
	// without the key. False means that they are refused.
	InsecureIgnoreBinding bool

	// MaxAge is how long an accepted token is accepted without asking again, unless it
	// ends earlier. A revocation at the issuer is noticed after that time. Zero means 30 s;
	// negative means that each call asks.
	MaxAge time.Duration
	// RefusedMaxAge is how long a refused token is refused without asking again. Zero means
	// 5 s; negative means that each call asks.
	RefusedMaxAge time.Duration
	// MaxAccepted and MaxRefused bound the accepted and the refused tokens that are
	// remembered, separately, so that invalid tokens do not displace valid ones. The least
	// recently used one is forgotten first. Zero means 10,000 each.
	MaxAccepted, MaxRefused int

	// Timeout bounds one request. After that, the request has failed. Make it less than
	// auth.Options.Timeout. Zero means 3 s.
	Timeout time.Duration
	// MaxRequests bounds the requests under way, and MaxWaiting the tokens that wait for
	// one. One more token is refused with token.ErrKeysUnavailable. Zero means 16 and 1000.
	MaxRequests, MaxWaiting int
	// MaxBody bounds one response, in bytes. A longer one is a failure. Zero means 64 KiB.
	MaxBody int64

	// InsecurePlainHTTP accepts an http URL of a host other than this machine, inside a
	// private network. Anyone on the path can then read the tokens and the credentials of
	// the client, and accept any token. If false, such a URL is an error.
	InsecurePlainHTTP bool
	// Client makes the requests. Its Timeout and CheckRedirect are not used: no redirect is
	// followed. Nil means a client of the Verifier, which uses the proxies of the environment
	// (see http.ProxyFromEnvironment).
	Client *http.Client
}

const defaultMaxSize = 4 << 10

// withDefaults returns o with defaults, and its rules.
func (o Options) withDefaults() (Options, token.Rules, error) {
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"MaxAccepted", int64(o.MaxAccepted)}, {"MaxRefused", int64(o.MaxRefused)}, {"Timeout", int64(o.Timeout)},
		{"MaxRequests", int64(o.MaxRequests)}, {"MaxWaiting", int64(o.MaxWaiting)}, {"MaxBody", o.MaxBody},
	} {
		if n.value < 0 {
			return o, token.Rules{}, fmt.Errorf("introspect: %s is negative; set a positive value, or zero for the default", n.name)
		}
	}
	if len(o.Rules.Issuers) > 0 && o.Issuer != "" && !slices.Contains(o.Rules.Issuers, o.Issuer) {
		return o, token.Rules{}, errors.New("introspect: Issuer is not one of Rules.Issuers")
	}
	rules, err := token.NewRules(o.Rules)
	if err != nil {
		return o, rules, fmt.Errorf("introspect: Rules: %w", err)
	}
	o.MaxAge = max(cmp.Or(o.MaxAge, 30*time.Second), 0)
	o.RefusedMaxAge = max(cmp.Or(o.RefusedMaxAge, 5*time.Second), 0)
	o.MaxAccepted = cmp.Or(o.MaxAccepted, 10_000)
	o.MaxRefused = cmp.Or(o.MaxRefused, 10_000)
	o.Timeout = cmp.Or(o.Timeout, 3*time.Second)
	o.MaxRequests = cmp.Or(o.MaxRequests, 16)
	o.MaxWaiting = cmp.Or(o.MaxWaiting, 1000)
	o.MaxBody = min(cmp.Or(o.MaxBody, 64<<10), math.MaxInt64-1) // one byte more is read
	o.Rules.MaxSize = cmp.Or(o.Rules.MaxSize, defaultMaxSize)
	if o.Rules.Now == nil {
		o.Rules.Now = time.Now
	}
	o.Rules.Logger = logging.OrDefault(o.Rules.Logger)
	given := o.Client != nil
	o.Client = endpoint.Client(o.Client, noRedirect)
	if !given {
		o.Client.Transport = endpoint.NewTransport(o.Timeout, idleTimeout)
	}
	return o, rules, nil
}

// idleTimeout is how long a connection is kept for the next request.
const idleTimeout = time.Minute

var errRedirect = errors.New("a redirect, which is not followed")

// noRedirect refuses every redirect, because it would carry the token and the credentials of
// the client to another URL.
func noRedirect(*http.Request, []*http.Request) error { return errRedirect }
