package engineio

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestRefusedOriginIsExplained checks that the log line about a refused origin names the
// option that allows it, and what a proxy must do if it caused the difference between the
// origin and the Host.
func TestRefusedOriginIsExplained(t *testing.T) {
	const (
		none   = ""
		host   = "proxy_set_header Host $http_host"
		scheme = "proxy_set_header X-Forwarded-Proto $scheme"
	)
	for _, tc := range []struct {
		name, origin, host string
		headers            []string
		want               string
	}{
		{"Vite", "http://localhost:5173", "localhost:3000", nil, none},
		{"another site", "https://evil.example", "chat.example.com", nil, none},
		{"another port", "https://chat.example.com:8443", "chat.example.com:9443", nil, none},
		{"default Host of nginx, by address", "https://chat.example.com", "127.0.0.1:3000", nil, host},
		{"default Host of nginx, by name", "https://chat.example.com", "backend", nil, host},
		{"default Host of nginx, by name and port", "http://localhost:8080", "backend:3000", nil, host},
		{"private address", "https://chat.example.com", "10.1.2.3", nil, host},
		{"IPv6", "https://chat.example.com", "[::1]:3000", nil, host},
		{"Kubernetes", "https://chat.example.com", "chat.default.svc:3000", nil, host},
		{"$host without its port", "https://chat.example.com:8443", "chat.example.com", nil, host},
		{"X-Forwarded-Host", "https://chat.example.com", "chat-7f.provider.example", []string{"X-Forwarded-Host", "Chat.example.com:443"}, host},
		{"X-Forwarded-Host of another", "https://evil.example", "chat-7f.provider.example", []string{"X-Forwarded-Host", "chat.example.com"}, none},
		{"scheme", "https://chat.example.com", "chat.example.com", []string{"X-Forwarded-Proto", "http"}, scheme},
		{"null", "null", "127.0.0.1:3000", nil, none},
		{"a form", "", "127.0.0.1:3000", []string{"Sec-Fetch-Site", "cross-site"}, none},
	} {
		var log logBuffer
		srv, _ := newServer(t, Options{Logger: log.logger(), TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}}, nil)
		r := httptest.NewRequest("GET", "/engine.io/?"+pollingQuery, nil)
		r.Host = tc.host
		if tc.origin != "" {
			r.Header.Set("Origin", tc.origin)
		}
		for i := 0; i < len(tc.headers); i += 2 {
			r.Header.Set(tc.headers[i], tc.headers[i+1])
		}
		w := httptest.NewRecorder()
		srv.ServeHTTP(w, r)
		got := log.String()
		if w.Code != 403 || strings.Count(got, "level=WARN") != 1 {
			t.Errorf("%s: %d, log %q", tc.name, w.Code, got)
		}
		for _, option := range []string{"Options.Engine.Origins", "Options.Origins", "--origin", "host=", "origin="} {
			if !strings.Contains(got, option) {
				t.Errorf("%s: the log does not have %s: %q", tc.name, option, got)
			}
		}
		for _, hint := range []string{host, scheme} {
			if strings.Contains(got, hint) != (hint == tc.want) {
				t.Errorf("%s: want the hint %q, got %q", tc.name, tc.want, got)
			}
		}
	}
}

// TestRefusedOriginWithoutLogger checks that a program without a Logger gets the line too.
func TestRefusedOriginWithoutLogger(t *testing.T) {
	was := slog.Default()
	defer slog.SetDefault(was)
	var log logBuffer
	srv, _ := newServer(t, Options{}, nil)
	silent, _ := newServer(t, Options{Logger: slog.New(slog.DiscardHandler)}, nil)
	slog.SetDefault(log.logger())
	r := httptest.NewRequest("GET", "/engine.io/?"+pollingQuery, nil)
	r.Header.Set("Origin", "http://localhost:5173")
	silent.ServeHTTP(httptest.NewRecorder(), r)
	if got := log.String(); got != "" {
		t.Errorf("slog.DiscardHandler does not silence: %q", got)
	}
	srv.ServeHTTP(httptest.NewRecorder(), r)
	if got := log.String(); !strings.Contains(got, "localhost:5173") {
		t.Errorf("log %q", got)
	}
}

// TestRefusedOriginsAreBounded checks that refused origins do not fill the log, and do not
// hide another one.
func TestRefusedOriginsAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log logBuffer
		f := newPipe(t, Options{Logger: log.logger()}, nil)
		from := func(origin string) { f.must("GET", pollingQuery, "", "Origin", origin) }
		for range 100 {
			from("https://loud.example")
		}
		from("https://second.example")
		if got := log.String(); strings.Count(got, "loud.example") != 1 || strings.Count(got, "second.example") != 1 || !strings.Contains(got, "suppressed=99") {
			t.Errorf("one loud origin: %s", got)
		}
		time.Sleep(time.Minute)
		for i := range 500 {
			from(fmt.Sprintf("https://flood%d.example", i))
		}
		from("https://third.example")
		if got := log.String(); strings.Count(got, "\n") != 2+originLinesPerMinute || strings.Contains(got, "third.example") {
			t.Errorf("many origins: %d lines: %s", strings.Count(got, "\n"), got)
		}
		time.Sleep(time.Minute)
		from("https://third.example")
		if got := log.String(); !strings.Contains(got, "third.example") || !strings.Contains(got, "suppressed=491") {
			t.Errorf("a minute later: %s", got)
		}
		huge := "https://" + strings.Repeat("evil.", 20_000) + "example"
		before := len(log.String())
		for _, header := range []string{"Origin", "Sec-Fetch-Site"} {
			if a := f.must("GET", pollingQuery, "", header, huge); a.status != 403 {
				t.Errorf("%s: %d", header, a.status)
			}
		}
		if n := len(log.String()) - before; n > 0 {
			t.Errorf("%d bytes logged for what no browser sends", n)
		}
	})
}

// TestSchemeOfTheOwnOrigin checks that a page without TLS is foreign if the request is known
// to use TLS.
func TestSchemeOfTheOwnOrigin(t *testing.T) {
	srv, _ := newServer(t, Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, nil)
	for _, tc := range []struct {
		origin string
		tls    bool
		peer   string
		proto  string
		want   int
	}{
		{"http://chat.example", false, "192.0.2.1:1", "", 200},
		{"https://chat.example", false, "192.0.2.1:1", "", 200}, // a proxy may end TLS
		{"http://chat.example", true, "192.0.2.1:1", "", 403},
		{"ws://chat.example", true, "192.0.2.1:1", "", 403},
		{"https://chat.example", true, "192.0.2.1:1", "", 200},
		{"wss://chat.example", true, "192.0.2.1:1", "", 200},
		{"http://chat.example", false, "10.0.0.1:1", "https", 403},
		{"https://chat.example", false, "10.0.0.1:1", "https", 200},
		{"https://chat.example", false, "10.0.0.1:1", "http", 403},
		{"http://chat.example", false, "10.0.0.1:1", "http", 200},
		{"http://chat.example", false, "192.0.2.1:1", "https", 200}, // anyone can say that
		{"http://chat.example", true, "192.0.2.1:1", "http", 403},
	} {
		r := httptest.NewRequest("GET", "/engine.io/?"+pollingQuery, nil)
		r.Host, r.RemoteAddr = "chat.example", tc.peer
		r.Header.Set("Origin", tc.origin)
		if tc.tls {
			r.TLS = &tls.ConnectionState{}
		}
		if tc.proto != "" {
			r.Header.Set("X-Forwarded-Proto", tc.proto)
		}
		w := httptest.NewRecorder()
		srv.ServeHTTP(w, r)
		if w.Code != tc.want {
			t.Errorf("%+v: %d", tc, w.Code)
		}
	}
	srv.Close()
}
