package engineio

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// remoteAddr tells who sent r. An address in trusted is a proxy of ours, which
// says in X-Forwarded-For whom it speaks for. Each proxy appends to that
// header, so it is walked from the right, and the first address that is not
// trusted is the answer: everything left of it may be invented.
func remoteAddr(r *http.Request, trusted []netip.Prefix) string {
	if len(trusted) == 0 {
		return r.RemoteAddr
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !contains(trusted, peer.Addr()) {
		return r.RemoteAddr
	}
	found := r.RemoteAddr
	for _, field := range slices.Backward(strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")) {
		addr, ok := parseForwarded(strings.TrimSpace(field))
		if !ok {
			break
		}
		found = addr.String()
		if !contains(trusted, addr) {
			break
		}
	}
	return found
}

// parseForwarded reads an address with or without a port.
func parseForwarded(field string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(strings.Trim(field, "[]")); err == nil {
		return addr, true
	}
	withPort, err := netip.ParseAddrPort(field)
	return withPort.Addr(), err == nil
}

// unmapped returns prefixes with those of IPv4 that are written in IPv6 as IPv4 has
// them, since addresses are compared so.
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
