package fromnode

import (
	"net/http"
	"net/netip"

	"socketiojwt/engineio"
)

// OldClients lets in clients of Socket.IO 1 and 2, and pages of these origins.
func OldClients(pages ...string) engineio.Options {
	return engineio.Options{
		AllowEIO3: true,
		Bind:      func(r *http.Request) string { return r.URL.Query().Get("token") },
		Origins:   pages,
	}
}

func TokenOrAddress(proxies ...netip.Prefix) func(*http.Request) string {
	address := engineio.BindToAddress(proxies...)
	return func(r *http.Request) string {
		if token := r.URL.Query().Get("token"); token != "" {
			return "token " + token
		}
		return "address " + address(r)
	}
}
