package engineio

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"testing"
)

func TestRemoteAddr(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	cases := []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:1234", nil, "192.0.2.1:1234"},
		{"192.0.2.1:1234", []string{"203.0.113.9"}, "192.0.2.1:1234"}, // any peer can send that
		{"10.0.0.1:1234", nil, "10.0.0.1:1234"},
		{"10.0.0.1:1234", []string{"203.0.113.9"}, "203.0.113.9"},
		{"10.0.0.1:1234", []string{"127.0.0.1, 203.0.113.9"}, "203.0.113.9"},
		{"10.0.0.1:1234", []string{"127.0.0.1, 203.0.113.9, 10.0.0.2"}, "203.0.113.9"},
		{"10.0.0.1:1234", []string{"127.0.0.1", "203.0.113.9", "10.0.0.2"}, "203.0.113.9"},
		{"10.0.0.1:1234", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"10.0.0.1:1234", []string{"203.0.113.9, nonsense"}, "10.0.0.1:1234"},
		{"10.0.0.1:1234", []string{"nonsense, 10.0.0.2"}, "10.0.0.2"},
		{"10.0.0.1:1234", []string{"203.0.113.9:4711"}, "203.0.113.9"},
		{"[fd00::1]:1234", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"[fd00::1]:1234", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"[::ffff:10.0.0.1]:1234", []string{"203.0.113.9"}, "203.0.113.9"},
		{"pipe", []string{"203.0.113.9"}, "pipe"},
		{"@", []string{"203.0.113.9"}, "@"},
		{"10.0.0.1", []string{"203.0.113.9"}, "10.0.0.1"}, // written by middleware, as chi's RealIP does
	}
	for _, tc := range cases {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = tc.peer
		r.Header["X-Forwarded-For"] = tc.forwarded
		if got := (proxies{prefixes: trusted}).remoteAddr(r); got != tc.want {
			t.Errorf("%s for %q: %s, want %s", tc.peer, tc.forwarded, got, tc.want)
		}
		if got := (proxies{}).remoteAddr(r); got != tc.peer {
			t.Errorf("no proxy trusted: %s, want %s", got, tc.peer)
		}
	}
}

// TestScheme checks that the scheme of the client's URL is taken from TLS, or from a trusted
// proxy.
func TestScheme(t *testing.T) {
	trusted := proxies{prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	const stranger, proxy = "192.0.2.1:1234", "10.0.0.1:1234"
	cases := []struct {
		name        string
		peer        string
		tls         bool
		proto, for_ []string
		want        string
	}{
		{"plain", stranger, false, nil, nil, ""},
		{"TLS", stranger, true, nil, nil, "https"},
		{"not trusted", stranger, false, []string{"https"}, nil, ""},
		{"TLS, not trusted", stranger, true, []string{"http"}, nil, "https"},
		{"trusted, silent", proxy, false, nil, []string{"192.0.2.1"}, ""},
		{"trusted", proxy, false, []string{"https"}, nil, "https"},
		{"trusted, http", proxy, false, []string{"HTTP"}, nil, "http"},
		{"trusted, WebSocket", proxy, false, []string{"wss"}, nil, "https"},
		{"trusted, WebSocket without TLS", proxy, false, []string{"ws"}, nil, "http"},
		{"TLS behind the proxy", proxy, true, []string{"http"}, nil, "http"},
		{"TLS behind the proxy, silent", proxy, true, nil, nil, "https"},
		{"nonsense", proxy, false, []string{"gopher"}, nil, ""},
		{"the last is the proxy's", proxy, false, []string{"https, http"}, []string{"192.0.2.1"}, "http"},
		{"in two headers", proxy, false, []string{"https", "http"}, []string{"192.0.2.1"}, "http"},
		{"two proxies that append", proxy, false, []string{"https, http"}, []string{"192.0.2.1, 10.0.0.2"}, "https"},
		{"two proxies, the client lied", proxy, false, []string{"https, http, http"}, []string{"203.0.113.9, 192.0.2.1, 10.0.0.2"}, "http"},
	}
	for _, tc := range cases {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = tc.peer
		if tc.tls {
			r.TLS = &tls.ConnectionState{}
		}
		r.Header["X-Forwarded-Proto"], r.Header["X-Forwarded-For"] = tc.proto, tc.for_
		if got := trusted.scheme(r); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// TestUnixSocket checks that a proxy on a unix socket is trusted if the options say so, and
// only if RemoteAddr is still that of the socket.
func TestUnixSocket(t *testing.T) {
	for name, tc := range map[string]struct {
		opts   Options
		change string // the value that middleware writes to RemoteAddr
		client string // the name of the client's socket
		want   string
		status int // of a page of http://pipe, where X-Forwarded-Proto is https
	}{
		"not trusted":       {Options{}, "", "", "@", 200},
		"trusted":           {Options{TrustUnixSocket: true}, "", "", "203.0.113.9", 403},
		"trusted, named":    {Options{TrustUnixSocket: true}, "", "client", "203.0.113.9", 403},
		"behind middleware": {Options{TrustUnixSocket: true}, "198.51.100.7", "", "198.51.100.7", 200},
	} {
		t.Run(name, func(t *testing.T) {
			srv, opened := newServer(t, tc.opts, nil)
			path := filepath.Join(t.TempDir(), "s")
			listener, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			web := &http.Server{ErrorLog: testLog(t), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if tc.change != "" {
					r.RemoteAddr = tc.change
				}
				srv.ServeHTTP(w, r)
			})}
			go web.Serve(listener)
			transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
				var local *net.UnixAddr
				if tc.client != "" {
					local = &net.UnixAddr{Name: filepath.Join(t.TempDir(), tc.client), Net: "unix"}
				}
				return net.DialUnix("unix", local, &net.UnixAddr{Name: path, Net: "unix"})
			}}
			t.Cleanup(func() {
				srv.Close()
				transport.CloseIdleConnections()
				web.Close()
			})
			f := &fixture{t: t, srv: srv, client: &http.Client{Transport: transport}, url: "http://pipe/engine.io/", opened: opened}
			forwarded := []string{"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https"}
			_, c := f.open(forwarded...)
			if got := c.s.RemoteAddr(); got != tc.want {
				t.Errorf("RemoteAddr() = %q, want %q", got, tc.want)
			}
			if a := f.must("GET", pollingQuery, "", append(forwarded, "Origin", "http://pipe")...); a.status != tc.status {
				t.Errorf("http://pipe: %d, want %d", a.status, tc.status)
			}
			if a := f.must("GET", pollingQuery, "", append(forwarded, "Origin", "https://pipe")...); a.status != 200 {
				t.Errorf("https://pipe: %d", a.status)
			}
		})
	}
	// Without the server's own address it is not known that a peer uses a unix socket.
	r := httptest.NewRequest("GET", "/", nil)
	for _, r.RemoteAddr = range []string{"", "@", "/client"} {
		if (proxies{unix: true}).trusts(r) {
			t.Errorf("RemoteAddr %q alone is trusted", r.RemoteAddr)
		}
	}
}
