package engineio

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestOrigins checks which origins each entry of Options.Origins allows.
func TestOrigins(t *testing.T) {
	cases := []struct {
		listed  string
		allowed []string
		refused []string
	}{
		{"https://app.example.com",
			[]string{"https://app.example.com", "https://APP.example.com:443", "wss://app.example.com"},
			[]string{"http://app.example.com", "https://app.example.com:8443", "https://a.app.example.com", "https://app.example.com.", "https://app.example.com/", "ws://app.example.com"}},
		{"wss://app.example.com:8443", []string{"https://app.example.com:8443", "wss://app.example.com:8443"}, []string{"https://app.example.com"}},
		{"ws://app.example.com", []string{"http://app.example.com:80", "ws://app.example.com"}, []string{"https://app.example.com"}},
		{"http://[::1]:3000", []string{"http://[::1]:3000", "ws://[::1]:3000"}, []string{"http://[::1]", "http://[::2]:3000", "http://::1:3000"}},
		{"null", []string{"null"}, []string{"NULL", "", "nul", "file://"}},
		{"file://", []string{"file://"}, []string{"FILE://", "file:///", "file://host", "file:", "null", "file"}},
		{"capacitor://localhost", []string{"capacitor://localhost"}, []string{"Capacitor://localhost", "capacitor://LOCALHOST", "capacitor://localhost/", "capacitor://localhost:80", "http://localhost", "ionic://localhost"}},
		{"ionic://localhost", []string{"ionic://localhost"}, []string{"capacitor://localhost"}},
		{"app://x", []string{"app://x"}, []string{"app://", "app://x?y", "app://u@x", "app://y"}},
		{"tauri://localhost", []string{"tauri://localhost"}, []string{"https://localhost", "https://tauri.localhost"}},
		{"chrome-extension://abcdefghijklmnop", []string{"chrome-extension://abcdefghijklmnop"}, []string{"chrome-extension://abcdefghijklmnoq"}},
		{"https://*.example.com",
			[]string{"https://a.example.com", "https://pr-12_x.EXAMPLE.com", "wss://a.example.com:443", "https://xn--bcher-kva.example.com"},
			[]string{"https://example.com", "https://.example.com", "https://a.b.example.com", "http://a.example.com", "https://a.example.com:8443",
				"https://a.example.com.evil.com", "https://aexample.com", "https://evil.com/.example.com", "https://evil.com?.example.com", "https://evil.com#.example.com",
				"https://evil@a.example.com", "https://evil.com\\.example.com", "https://evil.com%2f.example.com", "https://*.example.com", "https://a:1.example.com",
				"https://[::1].example.com", "app://a.example.com", "https:// .example.com", "https://a.example.com, https://b.example.com"}},
		{"http://*.localhost:3000", []string{"http://a.localhost:3000"}, []string{"http://localhost:3000", "http://a.localhost", "http://a.localhost:30000", "http://a.b.localhost:3000"}},
	}
	for _, tc := range cases {
		if err := (Options{Path: "/", Origins: []string{tc.listed}}).checkOrigins(); err != nil {
			t.Errorf("%s: %v", tc.listed, err)
		}
		rule := newOriginRule(&Options{Origins: []string{tc.listed}})
		allows := func(origin string) bool {
			r := httptest.NewRequest("GET", "/", nil)
			r.Host = "chat.example"
			r.Header.Set("Origin", origin)
			return rule.allows(r)
		}
		for _, origin := range tc.allowed {
			if !allows(origin) {
				t.Errorf("%s refuses %q", tc.listed, origin)
			}
		}
		for _, origin := range tc.refused {
			if allows(origin) {
				t.Errorf("%s allows %q", tc.listed, origin)
			}
		}
	}
}

// TestOriginsThatMatchNothing checks that an entry that can match no request is an error
// that says what to write.
func TestOriginsThatMatchNothing(t *testing.T) {
	for _, tc := range []struct{ listed, write string }{
		{"*", "InsecureAnyOrigin"},
		{"", `"https://app.example.com:8443"`},
		{"app.example.com", `write "https://app.example.com"`},
		{"localhost:3000", `write "http://localhost:3000"`},
		{"https://app.example.com/", `write "https://app.example.com"`},
		{"https://app.example.com/path?query#fragment", `write "https://app.example.com"`},
		{"https://user:pass@app.example.com", `write "https://app.example.com"`},
		{" https://app.example.com", `write "https://app.example.com"`},
		{"https://app.example.com:0443", `"https://app.example.com:8443"`},
		{"https://app.example.com:99999", `"https://app.example.com:8443"`},
		{"https://app.example.com:", `"https://app.example.com:8443"`},
		{"https://", `"https://app.example.com:8443"`},
		{"https://bücher.example", "xn--"},
		{"NULL", `write "null"`},
		{"file:///", `write "file://"`},
		{"FILE://", `write "file://"`},
		{"Capacitor://localhost", `write "capacitor://localhost"`},
		{"capacitor://", "as browsers do"},
		{"*.example.com", `write "https://*.example.com"`},
		{"https://*.example.com/", `write "https://*.example.com"`},
		{"https://*", "OriginFunc"},
		{"https://*.com", "OriginFunc"},
		{"https://*.com:8443", "OriginFunc"},
		{"https://*.com.", "OriginFunc"},
		{"https://*..com", "OriginFunc"},
		{"https://*.example..com", "OriginFunc"},
		{"https://*.0.0.1", "OriginFunc"},
		{"https://*.*.example.com", "OriginFunc"},
		{"https://app-*.example.com", "OriginFunc"},
		{"https://app.*.com", "OriginFunc"},
		{"http://localhost:*", "OriginFunc"},
		{"*://app.example.com", "OriginFunc"},
		{"app://*.example.com", "OriginFunc"},
	} {
		err := (Options{Origins: []string{"https://good.example", tc.listed}}).checkOrigins()
		if err == nil || !strings.Contains(err.Error(), tc.write) {
			t.Errorf("%q: error %v, want one with %s", tc.listed, err, tc.write)
		}
		if _, err := NewServer(func(*Session, *http.Request) Conn { return nil }, Options{Origins: []string{tc.listed}}); err == nil {
			t.Errorf("%q: NewServer starts", tc.listed)
		}
	}
}

// TestOriginFunc checks that OriginFunc is called only for valid foreign origins, in one
// form.
func TestOriginFunc(t *testing.T) {
	var asked []string
	rule := newOriginRule(&Options{Origins: []string{"https://listed.example"}, OriginFunc: func(origin string) bool {
		asked = append(asked, origin)
		return strings.HasSuffix(origin, "-team.vercel.app")
	}})
	for origin, want := range map[string]bool{
		"https://PR-1-team.vercel.app:443": true, "wss://pr-1-team.vercel.app": true, "https://evil.vercel.app": false,
		"capacitor://localhost": false,
		"null":                  false, "https://evil.com/-team.vercel.app": false, "https://evil.com#-team.vercel.app": false, "-team.vercel.app": false,
		"http://chat.example": true, "https://listed.example": true,
	} {
		asked = nil
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = "chat.example"
		r.Header.Set("Origin", origin)
		if got := rule.allows(r); got != want {
			t.Errorf("%s: allowed %v, want %v", origin, got, want)
		}
		for _, form := range asked {
			if form != "https://pr-1-team.vercel.app" && form != "https://evil.vercel.app" && form != "capacitor://localhost" {
				t.Errorf("%s: OriginFunc was asked for %q", origin, form)
			}
		}
	}
	open := func(*Session, *http.Request) Conn { return nil }
	if _, err := NewServer(open, Options{InsecureAnyOrigin: true, OriginFunc: func(string) bool { return false }}); err == nil {
		t.Error("OriginFunc with InsecureAnyOrigin, which ignores it, is no error")
	}
}

// FuzzParseOrigin checks that the canonical form of an origin is an origin, and only a
// scheme, a host and a port.
func FuzzParseOrigin(f *testing.F) {
	for _, seed := range []string{"https://app.example.com:443", "wss://[::1]:3000", "file://", "capacitor://localhost", "null", "https://*.example.com", "http://a:80:80"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, ok := parseOrigin(text)
		if !ok {
			return
		}
		again, ok := parseOrigin(o.String())
		if !ok || again != o {
			t.Errorf("%q is %q, which is %+v, %v", text, o, again, ok)
		}
		if strings.ContainsAny(o.host, "/?#@\\*, \t\r\n%") {
			t.Errorf("%q has host %q", text, o.host)
		}
		if !o.web && text != o.String() {
			t.Errorf("%q became %q", text, o)
		}
	})
}
