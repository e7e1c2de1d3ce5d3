package engineio

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// proxies are the peers whose X-Forwarded headers are trusted. The zero value trusts none.
type proxies struct {
	prefixes []netip.Prefix
	unix     bool // those that connect over a unix socket
}

// trusts reports whether r was sent by a trusted proxy.
func (p proxies) trusts(r *http.Request) bool {
	if p.unix && isUnixPeer(r) {
		return true
	}
	if len(p.prefixes) == 0 {
		return false
	}
	// An address without a port was set by middleware and not by net/http, so it is not
	// the address of the peer.
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && contains(p.prefixes, peer.Addr())
}

// isUnixPeer reports whether r came over a unix socket, and still has the RemoteAddr that
// net/http gave it: "@" or "", or the name of the peer's socket.
func isUnixPeer(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok || local.Network() != "unix" {
		return false
	}
	return r.RemoteAddr == "" || r.RemoteAddr[0] == '@' || r.RemoteAddr[0] == '/'
}

// remoteAddr returns the address of the client that sent r.
func (p proxies) remoteAddr(r *http.Request) string {
	addr, _ := p.client(r)
	return addr
}

// client returns the address of the client that sent r, and which field of
// X-Forwarded-For has it: -1 if it is r.RemoteAddr. Each proxy appends to that header, so
// it is read from the right, and the first address that is not trusted is the client's:
// the client may have written the fields left of it.
func (p proxies) client(r *http.Request) (addr string, field int) {
	addr, field = r.RemoteAddr, -1
	if !p.trusts(r) {
		return addr, field
	}
	for i, text := range slices.Backward(forwardedFields(r, "X-Forwarded-For")) {
		one, ok := parseForwarded(text)
		if !ok {
			break
		}
		addr, field = one.String(), i
		if !contains(p.prefixes, one) {
			break
		}
	}
	return addr, field
}

// scheme returns the scheme of the URL that the client asked for, "http" or "https". It
// is empty if the scheme is not known, because an untrusted proxy may have terminated TLS.
func (p proxies) scheme(r *http.Request) string {
	if p.trusts(r) {
		fields := forwardedFields(r, "X-Forwarded-Proto")
		said := fields[len(fields)-1]
		// A proxy that appends to both headers writes the scheme and the address of its
		// peer in the same place.
		if _, i := p.client(r); i >= 0 && len(fields) == len(forwardedFields(r, "X-Forwarded-For")) {
			said = fields[i]
		}
		switch strings.ToLower(said) {
		case "https", "wss": // some proxies say wss for a WebSocket
			return "https"
		case "http", "ws":
			return "http"
		}
	}
	if r.TLS != nil {
		return "https"
	}
	return ""
}

// forwardedFields returns the fields of a header that proxies append to. There is at
// least one, which is empty if there is no header.
func forwardedFields(r *http.Request, name string) []string {
	fields := strings.Split(strings.Join(r.Header.Values(name), ","), ",")
	for i, field := range fields {
		fields[i] = strings.TrimSpace(field)
	}
	return fields
}

// parseForwarded parses an address with or without a port.
func parseForwarded(field string) (netip.Addr, bool) {
	if withPort, err := netip.ParseAddrPort(field); err == nil { // no text is both
		return withPort.Addr(), true
	}
	addr, err := netip.ParseAddr(strings.Trim(field, "[]"))
	return addr, err == nil
}

// unmapped returns prefixes with IPv4-mapped IPv6 prefixes as IPv4, because addresses are
// compared in that form.
func unmapped(prefixes []netip.Prefix) []netip.Prefix {
	const mapped = 96 // bits before an IPv4 address in an IPv6 one (RFC 4291, section 2.5.5.2)
	all := slices.Clone(prefixes)
	for i, p := range all {
		if p.Addr().Is4In6() && p.Bits() >= mapped {
			all[i] = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
		}
	}
	return all
}

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}
