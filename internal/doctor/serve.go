package doctor

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"socketiojwt/internal/display"
)

// engineStarts reports options with which the server does not start.
func engineStarts(e *examination) []Finding {
	switch n := len(e.Engine.Origins); {
	case e.engineErr != nil:
		return fail("Give each origin as browsers send it, with scheme, host and port, such as https://app.example.com. No flag allows all origins: every page on the web could then connect in the name of its visitor.",
			"%s", Plain(e.engineErr))
	case n == 0:
		return ok("only pages of the server's own origin may connect")
	default:
		return ok("only pages of the server's own origin and of %s may connect", Count(n, "other origin"))
	}
}

// originsAreSafe checks each origin other than the server's own.
func originsAreSafe(e *examination) (found []Finding) {
	for _, origin := range e.Engine.Origins {
		if origin == "null" {
			found = append(found, warn("Remove it, and serve those pages from an origin that has a name.",
				`origin "null" is that of every page without an origin of its own: local files, and sandboxed frames that any site can show`)...)
			continue
		}
		u, err := url.Parse(origin)
		if err != nil { // engineStarts reports it
			continue
		}
		switch {
		case strings.EqualFold(u.Scheme, "file"):
			found = append(found, warn("Remove it if no devices and applications need it.",
				"origin %s is that of every local file and of many devices", quoted(origin))...)
		case strings.Contains(u.Host, "*") && e.engineErr == nil:
			found = append(found, warn("List each origin, unless only you can get names there: anyone can get one below vercel.app or github.io, for example.",
				"origin %s allows the pages of every name that it matches", quoted(origin))...)
		}
		if (strings.EqualFold(u.Scheme, "http") || strings.EqualFold(u.Scheme, "ws")) && !isLoopback(u.Hostname()) {
			found = append(found, warn("Serve those pages by https, and give that origin.",
				"the pages of origin %s are not encrypted: anyone on the network path can change them, and take the tokens of their visitors", quoted(origin))...)
		}
	}
	return found
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// proxiesAreFew checks whose X-Forwarded-For is trusted.
func proxiesAreFew(e *examination) (found []Finding) {
	const advice = "Give only the addresses of the proxies, such as 10.1.2.3/32."
	for _, proxy := range e.Engine.TrustedProxies {
		bits, narrow := proxy.Bits(), 8
		switch addr := proxy.Addr(); {
		case addr.Is4In6() && bits >= 96: // IPv4, written in IPv6
			bits -= 96
		case addr.Is6():
			narrow = 16
		}
		switch {
		case bits == 0:
			found = append(found, fail(advice, "--trusted-proxy %s covers every address: any peer can claim any address in X-Forwarded-For", proxy)...)
		case bits < narrow:
			found = append(found, warn(advice, "--trusted-proxy %s covers a large part of all addresses, and a peer with one of them can claim any other", proxy)...)
		}
	}
	return found
}

// oldClientsAreBound checks what clients of Engine.IO 3 need.
func oldClientsAreBound(e *examination) (found []Finding) {
	if !e.Engine.AllowEIO3 {
		return nil
	}
	found = warn("Remove --eio3 when the last of these clients is gone. Until then keep queries out of the logs of proxies, and the lifetime of tokens short.",
		"with --eio3 namespace / takes tokens from the query, which proxies and browsers record")
	if len(e.Engine.TrustedProxies) == 0 && e.exposed() {
		found = append(found, warn("If there is a reverse proxy, give its address by --trusted-proxy. If there is none, ignore this.",
			"with --eio3 behind a reverse proxy that --trusted-proxy does not name, all peers have one address, and can take over each other's sessions")...)
	}
	return found
}

// addressIsCovered checks who can reach the server.
func addressIsCovered(e *examination) []Finding {
	switch {
	case e.AddrErr != nil:
		return fail("Give --addr as HOST:PORT, with a host that resolves to an address of this machine.", "%s", Plain(e.AddrErr))
	case e.exposed() && e.TLS != nil:
		return ok("serve listens on %s, which other machines can reach, and uses TLS", quoted(e.Addr))
	case e.exposed():
		return warn("Put a reverse proxy with TLS in front, and listen where only the proxy can connect, or give --tls-cert and --tls-key.",
			"serve listens on %s, where other machines can reach it, and does not use TLS: anyone on the network path can read the tokens", quoted(e.Addr))
	}
	return ok("serve listens on %s, which only this machine can reach", quoted(e.Addr))
}

// metricsAreCovered checks who can read the metrics.
func metricsAreCovered(e *examination) []Finding {
	elsewhere := func(ip netip.Addr) bool { return !ip.IsLoopback() }
	switch {
	case e.Metrics == "":
		return nil
	case e.MetricsErr != nil:
		return fail("Give --metrics as HOST:PORT, with a host that resolves to an address of this machine.", "%s", Plain(e.MetricsErr))
	case len(e.MetricsAddresses) == 0:
		return warn("Name the address of the network of operators, such as 10.1.2.3:9002, or localhost:9002 for a Prometheus on this machine.",
			"serve answers scrapes of --metrics %s on all addresses: anyone who can reach this machine can read how many users are connected, the issuers, and the names of namespaces and events", quoted(e.Metrics))
	case slices.ContainsFunc(e.MetricsAddresses, elsewhere):
		return ok("serve answers scrapes on %s; other machines can reach it, so only operators should be able to", quoted(e.Metrics))
	}
	return ok("serve answers scrapes on %s, which only this machine can reach", quoted(e.Metrics))
}

// loginIsLocal checks the development issuer.
func loginIsLocal(e *examination) (found []Finding) {
	const longLife = time.Hour
	switch {
	case e.Login == nil:
		return nil
	case e.Login.Remote:
		found = fail("Remove --insecure-remote-login.", "the development issuer serves other machines (--insecure-remote-login): anyone who can reach it can log in as anyone")
	case e.Secret != nil:
		found = warn("Give --no-login if the tokens come from another issuer.",
			"the development issuer signs with the secret that was given: every user of this machine gets a token for any name, valid wherever that secret is used")
	case e.exposed():
		found = warn("Give a key or an issuer before others use this server. A reverse proxy on this machine makes every client look local.",
			"there is a development issuer, which asks for no password, and other machines can reach this server")
	default:
		found = ok("the development issuer, which asks for no password, serves only this machine")
	}
	if e.Login.Life > longLife {
		found = append(found, warn("Make --token-life shorter: clients fetch a new token when one expires.",
			"tokens of the development issuer are valid for %s", display.Duration(e.Login.Life))...)
	}
	return found
}

// filesSuffice checks how many connections can be open: each needs a file descriptor.
func filesSuffice(e *examination) []Finding {
	const few, ours = 10_000, 50 // ours: listeners, logs and the Go runtime
	switch {
	case e.openFiles == 0:
		return nil
	case e.openFiles < few:
		return warn("Raise the limit for the user of the server (ulimit -n, or LimitNOFILE= of systemd).",
			"this process can have %d files open, enough for some %d connections", e.openFiles, max(e.openFiles, ours)-ours)
	}
	return ok("the limit of open files allows more than %d connections", min(e.openFiles, 1_000_000)-ours)
}
