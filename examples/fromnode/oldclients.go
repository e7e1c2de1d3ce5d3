package fromnode

import (
	"net/http"
	"net/netip"

	"socketiojwt/engineio"
)

// OldClients returns options that accept clients of Socket.IO 1 and 2, and pages of these
// origins. List the proxies in front of the server, or all clients share their address.
func OldClients(pages []string, proxies ...netip.Prefix) engineio.Options {
	return engineio.Options{
		AllowEIO3:      true,
		Bind:           TokenOrAddress(proxies...),
		Origins:        pages,
		TrustedProxies: proxies,
	}
}

// TokenOrAddress binds a session to the token in its URL, or to its address if it has none.
func TokenOrAddress(proxies ...netip.Prefix) func(*http.Request) string {
	address := engineio.BindToAddress(proxies...)
	return func(r *http.Request) string {
		if token := r.URL.Query().Get("token"); token != "" {
			return "token " + token // so that ?token=192.0.2.7 does not pass for that address
		}
		return "address " + address(r)
	}
}
