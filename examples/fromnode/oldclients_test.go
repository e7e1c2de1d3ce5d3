package fromnode_test

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"socketiojwt/examples/fromnode"
)

// A client of Socket.IO 1 or 2, by polling: a session belongs to the peer that opened it.
func TestOldClients(t *testing.T) {
	serving(t, func(*testing.T) (http.Handler, func() error) {
		return must(fromnode.OneRoundTrip(secret)), func() error { return nil }
	}, func(r room) {
		client := http.Client{Transport: &http.Transport{DialContext: r.dial, DisableKeepAlives: true}}
		get := func(token, sid string) (int, string) {
			query := url.Values{"EIO": {"3"}, "transport": {"polling"}, "b64": {"1"}}
			for name, value := range map[string]string{"token": token, "sid": sid} {
				if value != "" {
					query.Set(name, value)
				}
			}
			response := must(client.Do(must(http.NewRequestWithContext(r.ctx, http.MethodGet, "http://server/socket.io/?"+query.Encode(), nil))))
			defer func() { _ = response.Body.Close() }()
			return response.StatusCode, string(must(io.ReadAll(response.Body)))
		}
		begin := func(token string) (sid, open string) {
			_, open = get(token, "")
			match := regexp.MustCompile(`"sid":"([^"]+)"`).FindStringSubmatch(open)
			if match == nil {
				t.Fatalf("no session: %s", open)
			}
			return match[1], open
		}
		compact := ada(t)
		sid, open := begin(compact)
		for _, thief := range []string{"", "another"} {
			if status, body := get(thief, sid); status != http.StatusBadRequest {
				t.Errorf("a thief who shows %q: %d %s", thief, status, body)
			}
		}
		// The answer may be part of the first response. The next poll is then answered when the session ends.
		if status, body := get(compact, sid); status != http.StatusOK || !strings.Contains(open+body, "2:40") {
			t.Errorf("its owner: %d %s, after %s", status, body, open)
		}

		sid, open = begin("")
		address := "pipe" // the address of connections in memory
		if status, body := get(address, sid); status != http.StatusBadRequest {
			t.Errorf("a thief who knows the address: %d %s", status, body)
		}
		const refused = `44{"message":"no token provided","code":"credentials_required"`
		if status, body := get("", sid); status != http.StatusOK || !strings.Contains(open+body, refused) {
			t.Errorf("without a token: %d %s, after %s", status, body, open)
		}
	})
}
