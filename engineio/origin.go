package engineio

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

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
	waived  bool
	origins atomic.Pointer[originList]
	ask     func(origin string) bool // nil means that no other origin is allowed
	proxies proxies

	refused logging.Sampler
}

// originList is Options.Origins. It does not change.
type originList struct {
	listed   map[string]struct{} // origin.String, and nullOrigin
	patterns []originPattern
}

// newOriginList returns the list of origins that checkOrigin accepts.
func newOriginList(origins []string) *originList {
	list := &originList{listed: make(map[string]struct{}, len(origins))}
	for _, text := range origins {
		if p, ok := parseOriginPattern(text); ok {
			list.patterns = append(list.patterns, p)
		} else {
			list.listed[canonicalOrigin(text)] = struct{}{}
		}
	}
	return list
}

// SetOrigins replaces Options.Origins. It applies to each request that comes later, also to
// those of existing sessions; WebSockets that are open stay. It fails, and changes nothing, if
// NewServer would fail. It may be called concurrently.
func (srv *Server) SetOrigins(origins []string) error {
	opts := srv.opts
	opts.Origins = origins
	if opts.InsecureAnyOrigin && len(origins) > 0 {
		return errAnyOrigin
	}
	if err := opts.checkOrigins(); err != nil {
		return err
	}
	srv.origins.origins.Store(newOriginList(origins))
	return nil
}

func newOriginRule(opts *Options) *originRule {
	rule := &originRule{
		waived:  opts.InsecureAnyOrigin,
		ask:     opts.OriginFunc,
		proxies: opts.proxies(),
		refused: logging.Sampler{PerMinute: originLinesPerMinute, Repeat: originRepeat},
	}
	rule.origins.Store(newOriginList(opts.Origins))
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
	list := rule.origins.Load()
	if _, ok := list.listed[canonicalOrigin(text)]; ok {
		return true
	}
	o, ok := parseOrigin(text)
	if !ok {
		return false
	}
	return slices.ContainsFunc(list.patterns, func(p originPattern) bool { return p.matches(o) }) ||
		rule.ask != nil && rule.ask(o.String())
}

// opens reports whether any foreign origin can be allowed.
func (rule *originRule) opens() bool {
	list := rule.origins.Load()
	return rule.waived || len(list.listed)+len(list.patterns) > 0 || rule.ask != nil
}

// sameOrigin compares origin with the first one that a request of the session had,
// because browsers omit it in a same-origin GET.
func (p *polling) sameOrigin(origin string) bool {
	if origin = canonicalOrigin(origin); p.origin == "" {
		p.origin = strings.Clone(origin)
	}
	return origin == "" || origin == p.origin
}
