package main

import (
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// engineStarts tells what the server refuses to start with.
func engineStarts(e *examination) []finding {
	if e.engineErr != nil {
		return fail("Give each origin as browsers do, with scheme, host and port, such as https://app.example.com. There is no flag for all of them: every page on the web could then use this server in its visitor's name.",
			"%s", plain(e.engineErr))
	}
	if len(e.Origin) == 0 {
		return ok("pages of this server's own origin alone may connect")
	}
	return ok("pages of this server's own origin and of %s may connect", amount(len(e.Origin), "other origin"))
}

// originsAreSafe looks at each foreign origin.
func originsAreSafe(e *examination) (found []finding) {
	for _, origin := range e.Origin {
		if origin == "null" {
			found = append(found, warn("Leave it out, and serve those pages from an origin that has a name.",
				`origin "null" is that of every page without one: files, and frames that any site may put up`)...)
			continue
		}
		u, err := url.Parse(origin)
		switch {
		case err != nil: // engineStarts says so
		case strings.EqualFold(u.Scheme, "file"):
			found = append(found, warn("Leave it out if devices and applications can do without it.",
				"origin %s is that of every local file and of many devices", quoted(origin))...)
		case strings.Contains(u.Host, "*") && e.engineErr == nil:
			found = append(found, warn("Give each origin by itself, unless only you can get names there: below vercel.app, github.io and such anyone can.",
				"origin %s allows the pages of every name that it matches", quoted(origin))...)
		}
		if err == nil && (strings.EqualFold(u.Scheme, "http") || strings.EqualFold(u.Scheme, "ws")) && !isLoopbackName(u.Hostname()) {
			found = append(found, warn("Serve those pages by https, and name that origin.",
				"the pages of origin %s come unencrypted: whoever is on the way can change them, and take the tokens of their visitors", quoted(origin))...)
		}
	}
	return found
}

func isLoopbackName(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// proxiesAreFew looks at whose X-Forwarded-For is believed.
func proxiesAreFew(e *examination) (found []finding) {
	const advice = "Name the addresses of the proxies alone, such as 10.1.2.3/32."
	for _, proxy := range e.Proxy {
		bits, narrow := proxy.Bits(), 8
		switch addr := proxy.Addr(); {
		case addr.Is4In6() && bits >= 96: // IPv4, written in IPv6
			bits -= 96
		case addr.Is6():
			narrow = 16
		}
		switch {
		case bits == 0:
			found = append(found, fail(advice, "--trusted-proxy %s is everybody: anyone can write into X-Forwarded-For whom they like to be", proxy)...)
		case bits < narrow:
			found = append(found, warn(advice, "--trusted-proxy %s is a large part of all addresses: whoever has one of them can claim any other", proxy)...)
		}
	}
	return found
}

// oldClientsAreBound looks at Engine.IO 3.
func oldClientsAreBound(e *examination) (found []finding) {
	if !e.EIO3 {
		return nil
	}
	found = warn("Leave --eio3 out when the last of these clients is gone; until then keep queries out of the logs of proxies, and tokens short.",
		"with --eio3 namespace / takes tokens from the query, which proxies and browsers write down")
	if len(e.Proxy) == 0 && e.exposed() {
		found = append(found, warn("Give --trusted-proxy with its address if there is a proxy; if there is none, all is well.",
			"with --eio3 behind a reverse proxy that --trusted-proxy does not name, all peers have one address, and can take part in each other's sessions")...)
	}
	return found
}

// addressIsCovered looks at who reaches the server.
func addressIsCovered(e *examination) []finding {
	switch {
	case e.addrErr != nil:
		return fail("Give --addr as HOST:PORT, with a host that resolves to an address of this machine.", "%s", plain(e.addrErr))
	case e.exposed():
		return warn("Put a proxy in front that speaks TLS, and listen where it alone gets through.",
			"serve listens on %s, where other machines reach it, and speaks no TLS: whoever is on the way can read the tokens", quoted(e.Addr))
	}
	return ok("serve listens on %s, which this machine alone reaches", quoted(e.Addr))
}

// loginIsLocal looks at the development issuer.
func loginIsLocal(e *examination) (found []finding) {
	const longLife = time.Hour
	_, secret, _ := e.secret()
	switch {
	case e.login == nil:
		return nil
	case e.InsecureRemoteLogin:
		found = fail("Leave --insecure-remote-login out.", "the development issuer serves other machines (--insecure-remote-login): whoever reaches it is whoever they say")
	case secret:
		found = warn("Give --no-login where tokens come from elsewhere.",
			"the development issuer signs with the secret that was given: everybody on this machine gets a token for any name, which is good wherever that secret counts")
	case e.exposed():
		found = warn("Give a key or an issuer before others use this server; behind a proxy on this machine at the latest, which makes the whole world look local.",
			"there is a development issuer, which asks for no password, although other machines reach this server")
	default:
		found = ok("the development issuer, which asks for no password, answers to this machine alone")
	}
	if e.login.life > longLife {
		found = append(found, warn("Make --token-life shorter: clients fetch a new token by themselves.",
			"tokens of the development issuer are good for %s", length(e.login.life))...)
	}
	return found
}

// filesSuffice looks at how many connections there may be: each is an open file.
func filesSuffice(e *examination) []finding {
	const few, ours = 10_000, 50 // ours: listeners, logs and what the runtime has
	switch {
	case e.openFiles == 0:
		return nil
	case e.openFiles < few:
		return warn("Raise it for the user of the server (ulimit -n, or LimitNOFILE= of systemd).",
			"this process may have %d files open, enough for some %d connections", e.openFiles, max(e.openFiles, ours)-ours)
	}
	return ok("files enough for more than %d connections may be open", min(e.openFiles, 1_000_000)-ours)
}
