package engineio

import (
	"net/http"
	"slices"
	"strings"

	"socketiojwt/internal/logging"
)

// A browser allows any page to open a WebSocket to any server, and sends the cookies of
// that server with the request. CORS headers do not prevent it. So the server checks the
// origin of each request of a session:
//
//   - Browsers send Origin with a POST, a WebSocket and a cross-origin GET. They omit it
//     in a same-origin GET, but then send Sec-Fetch-Site: same-origin.
//   - Other programs send neither header, and have no visitor whose cookies they could
//     use. Native WebSocket clients may send an Origin, with ws or wss.

// originRule decides which requests are allowed. It is safe for concurrent use.
type originRule struct {
	waived   bool
	listed   map[string]struct{} // origin.String, and nullOrigin
	patterns []originPattern
	ask      func(origin string) bool // nil means that no other origin is allowed
	proxies  proxies

	refused logging.Sampler
}

func newOriginRule(opts *Options) *originRule {
	rule := &originRule{
		waived:  opts.InsecureAnyOrigin,
		listed:  make(map[string]struct{}, len(opts.Origins)),
		ask:     opts.OriginFunc,
		proxies: opts.proxies(),
		refused: logging.Sampler{PerMinute: originLinesPerMinute, Repeat: originRepeat},
	}
	for _, text := range opts.Origins {
		if p, ok := parseOriginPattern(text); ok {
			rule.patterns = append(rule.patterns, p)
		} else {
			rule.listed[canonicalOrigin(text)] = struct{}{}
		}
	}
	return rule
}

// allows reports whether r comes from an allowed origin.
func (rule *originRule) allows(r *http.Request) bool {
	if rule.waived {
		return true
	}
	switch values := r.Header["Origin"]; len(values) {
	case 0:
		// "none" means that the user typed the address. A browser that is too old to
		// send the header looks like another program.
		site := r.Header.Get("Sec-Fetch-Site")
		return site == "" || site == "same-origin" || site == "none"
	case 1:
		return rule.isOwn(values[0], r) || rule.lists(values[0])
	default:
		return false
	}
}

// isOwn reports whether text is the origin that r was sent to. The scheme counts only if it
// is known, because a proxy may have terminated TLS.
func (rule *originRule) isOwn(text string, r *http.Request) bool {
	o, ok := parseOrigin(text)
	if !ok || !o.web || o.host != withoutDefaultPort(o.scheme, strings.ToLower(r.Host)) {
		return false
	}
	scheme := rule.proxies.scheme(r)
	return scheme == "" || scheme == o.scheme
}

// lists reports whether a foreign origin is allowed by Options.Origins or
// Options.OriginFunc.
func (rule *originRule) lists(text string) bool {
	if _, ok := rule.listed[canonicalOrigin(text)]; ok {
		return true
	}
	o, ok := parseOrigin(text)
	if !ok {
		return false
	}
	return slices.ContainsFunc(rule.patterns, func(p originPattern) bool { return p.matches(o) }) ||
		rule.ask != nil && rule.ask(o.String())
}

// opens reports whether any foreign origin can be allowed.
func (rule *originRule) opens() bool {
	return rule.waived || len(rule.listed)+len(rule.patterns) > 0 || rule.ask != nil
}

// sameOrigin compares origin with the first one that a request of the session had,
// because browsers omit it in a same-origin GET.
func (p *polling) sameOrigin(origin string) bool {
	if origin = canonicalOrigin(origin); p.origin == "" {
		p.origin = strings.Clone(origin)
	}
	return origin == "" || origin == p.origin
}
