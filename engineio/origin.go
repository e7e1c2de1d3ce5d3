package engineio

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// A browser lets any page open a WebSocket to any server and sends that
// server's cookies along; CORS headers do not stop it. So the server looks at
// where a request comes from itself, on every request of a session:
//
//   - Browsers send Origin with a POST, a WebSocket and a cross-origin GET, and
//     leave it out of a same-origin GET, but then say Sec-Fetch-Site:
//     same-origin.
//   - Programs send neither, and have no visitor's cookies to steal.
//
// The scheme of an Origin is not compared with ours, because a proxy that ends
// TLS hides it from us.

// nullOrigin is the Origin of pages that have none to show, such as sandboxed
// frames (RFC 6454, section 7.3).
const nullOrigin = "null"

// maxLoggedOrigins bounds how many refused origins are remembered, since the
// peer chooses them; maxLoggedOrigin, the bytes of one, its Host included. A
// host name has 253 at most.
const (
	maxLoggedOrigins = 100
	maxLoggedOrigin  = 1024
)

// originRule decides which requests may come in. It is safe for concurrent use.
type originRule struct {
	waived bool
	listed map[string]struct{} // in the form of parseOrigin, and nullOrigin

	mu     sync.Mutex
	logged map[string]struct{}
}

func newOriginRule(opts *Options) *originRule {
	rule := &originRule{
		waived: opts.InsecureAnyOrigin,
		listed: make(map[string]struct{}, len(opts.Origins)),
		logged: make(map[string]struct{}),
	}
	for _, origin := range opts.Origins {
		if o, ok := parseOrigin(origin); ok {
			origin = o.String()
		}
		rule.listed[origin] = struct{}{}
	}
	return rule
}

// allows reports whether r comes from where it may.
func (rule *originRule) allows(r *http.Request) bool {
	if rule.waived {
		return true
	}
	switch values := r.Header["Origin"]; len(values) {
	case 0:
		// "none" is a person who typed the address; browsers that do not send
		// the header at all are too old to be told from programs.
		site := r.Header.Get("Sec-Fetch-Site")
		return site == "" || site == "same-origin" || site == "none"
	case 1:
		return rule.lists(values[0]) || sameHost(values[0], r.Host)
	default:
		return false
	}
}

// lists reports whether origin is one of Options.Origins.
func (rule *originRule) lists(origin string) bool {
	if o, ok := parseOrigin(origin); ok {
		origin = o.String()
	}
	_, ok := rule.listed[origin]
	return ok
}

// firstRefusal reports whether origin is refused for the first time, so that
// it is worth a line in the log.
func (rule *originRule) firstRefusal(origin string) bool {
	rule.mu.Lock()
	defer rule.mu.Unlock()
	if _, seen := rule.logged[origin]; seen || len(rule.logged) >= maxLoggedOrigins {
		return false
	}
	rule.logged[strings.Clone(origin)] = struct{}{}
	return true
}

// sameHost reports whether origin names the host and port that the request
// was sent to.
func sameHost(origin, host string) bool {
	o, ok := parseOrigin(origin)
	return ok && o.Host == withoutDefaultPort(o.Scheme, strings.ToLower(host))
}

// parseOrigin reads the serialization of an origin: a scheme, a host, perhaps
// a port, and nothing else (RFC 6454, section 6.2). Letters become small and a
// default port is left out, so that equal origins are equal strings.
func parseOrigin(origin string) (*url.URL, bool) {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return nil, false
	}
	bare := url.URL{Scheme: u.Scheme, Host: u.Host}
	if !strings.EqualFold(bare.String(), origin) {
		return nil, false
	}
	bare.Host = withoutDefaultPort(bare.Scheme, strings.ToLower(bare.Host))
	return &bare, true
}

func withoutDefaultPort(scheme, host string) string {
	switch scheme {
	case "http":
		return strings.TrimSuffix(host, ":80")
	case "https":
		return strings.TrimSuffix(host, ":443")
	}
	return host
}
