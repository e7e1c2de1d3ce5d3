package engineio

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// The peer chooses the origins that are logged. These bound the number of lines, and the
// bytes of the origin, the Host and Sec-Fetch-Site in one line. A host name has at most 253
// bytes.
const (
	originLinesPerMinute = 10
	originRepeat         = time.Hour
	maxLoggedOrigin      = 1024
)

// refuseOrigin refuses a request from an origin that is not allowed, and logs how to allow
// it.
func (srv *Server) refuseOrigin(w http.ResponseWriter, r *http.Request) {
	srv.logOrigin(r)
	srv.refuseBecause(w, r, refuseForbidden, causeOrigin)
}

func (srv *Server) logOrigin(r *http.Request) {
	text := strings.Join(r.Header.Values("Origin"), ", ")
	site := r.Header.Get("Sec-Fetch-Site")
	if len(text)+len(r.Host)+len(site) > maxLoggedOrigin { // a browser sends less
		srv.origins.refused.Skip()
		return
	}
	attrs := []any{"origin", text, "host", r.Host, "sec-fetch-site", site,
		"fix", "if pages of this origin may connect, list it: Options.Engine.Origins of socketio, Options.Origins of engineio, or --origin of socketio-jwt serve"}
	if cause := srv.origins.causeInProxy(text, r); cause != "" {
		attrs = append(attrs, "proxy", cause)
	}
	srv.origins.refused.Log(r.Context(), srv.log, slog.LevelWarn, text+"\n"+r.Host+"\n"+site,
		"engineio: request refused: origin not allowed", attrs...)
}

// causeInProxy returns what a proxy in front of the server must do so that text is the
// server's own origin. It is empty unless text and the Host of r differ in a way that a
// proxy causes.
func (rule *originRule) causeInProxy(text string, r *http.Request) string {
	o, ok := parseOrigin(text)
	if !ok || !o.web {
		return ""
	}
	host := strings.ToLower(r.Host)
	forwarded := strings.ToLower(forwardedFields(r, "X-Forwarded-Host")[0])
	switch name := hostName(host); {
	case o.host == withoutDefaultPort(o.scheme, host):
		return "the page came by " + o.scheme + " and this request by " + rule.proxies.scheme(r) +
			"; if both used the same scheme, the proxy must pass it: proxy_set_header X-Forwarded-Proto $scheme (nginx)"
	case o.host == withoutDefaultPort(o.scheme, forwarded),
		name == hostName(o.host) && name == host && !isInternal(name), // without its port, as in $host of nginx
		name != hostName(o.host) && isInternal(name):
		return "if the page was served under the same address as this server, the proxy must pass the Host header: proxy_set_header Host $http_host (nginx)"
	}
	return ""
}

// hostName returns a host without its port.
func hostName(host string) string {
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		return host[:i]
	}
	return host
}

// isInternal reports whether a browser elsewhere cannot have requested this host: an
// address of this machine or of a private network, or the name of a container.
func isInternal(name string) bool {
	if addr, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		addr = addr.Unmap()
		return addr.IsLoopback() || addr.IsPrivate() || addr.IsUnspecified() || addr.IsLinkLocalUnicast()
	}
	if !strings.Contains(name, ".") {
		return true
	}
	for _, suffix := range []string{".localhost", ".local", ".internal", ".svc"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}
