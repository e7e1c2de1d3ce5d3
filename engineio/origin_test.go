package engineio

import (
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
)

func TestOriginRule(t *testing.T) {
	cases := []struct {
		host    string
		headers []string
		want    bool
	}{
		{"chat.example", nil, true}, // a program
		{"chat.example", []string{"Sec-Fetch-Site", "same-origin"}, true},
		{"chat.example", []string{"Sec-Fetch-Site", "none"}, true},
		{"chat.example", []string{"Sec-Fetch-Site", "cross-site"}, false},
		{"chat.example", []string{"Sec-Fetch-Site", "same-site"}, false},
		{"chat.example", []string{"Sec-Fetch-Site", "something new"}, false},
		{"chat.example", []string{"Origin", "https://chat.example"}, true},
		{"chat.example", []string{"Origin", "http://chat.example"}, true}, // TLS may end at a proxy
		{"chat.example", []string{"Origin", "https://CHAT.example"}, true},
		{"Chat.Example", []string{"Origin", "https://chat.example"}, true},
		{"chat.example:443", []string{"Origin", "https://chat.example"}, true},
		{"chat.example", []string{"Origin", "https://chat.example:443"}, true},
		{"chat.example:80", []string{"Origin", "http://chat.example"}, true},
		{"chat.example:80", []string{"Origin", "https://chat.example"}, false},
		{"localhost:3000", []string{"Origin", "http://localhost:3000"}, true},
		{"localhost:3000", []string{"Origin", "http://localhost:3001"}, false},
		{"localhost:3000", []string{"Origin", "http://localhost"}, false},
		{"localhost:3000", []string{"Origin", "http://127.0.0.1:3000"}, false},
		{"[::1]:3000", []string{"Origin", "http://[::1]:3000"}, true},
		{"chat.example", []string{"Origin", "https://evil.example"}, false},
		{"chat.example", []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "same-origin"}, false},
		{"chat.example", []string{"Origin", "https://chat.example.evil.example"}, false},
		{"chat.example", []string{"Origin", "https://evilchat.example"}, false},
		{"chat.example", []string{"Origin", "https://chat.example@evil.example"}, false},
		{"chat.example", []string{"Origin", "https://evil@chat.example"}, false},
		{"chat.example", []string{"Origin", "https://chat.example/"}, false},
		{"chat.example", []string{"Origin", "https://chat.example#"}, false},
		{"chat.example", []string{"Origin", "//chat.example"}, false},
		{"chat.example", []string{"Origin", "chat.example"}, false},
		{"chat.example", []string{"Origin", "null"}, false},
		{"chat.example", []string{"Origin", ""}, false},
		{"chat.example", []string{"Origin", "https://chat.example", "Origin", "https://evil.example"}, false},
		{"chat.example", []string{"Origin", "https://app.example"}, true}, // listed
		{"chat.example", []string{"Origin", "https://APP.example:443", "Sec-Fetch-Site", "cross-site"}, true},
		{"chat.example", []string{"Origin", "http://app.example"}, false}, // listed by its scheme
		{"chat.example", []string{"Origin", "https://app.example:8443"}, false},
		{"", []string{"Origin", "https://"}, false},
		{"chat.example:443", []string{"Origin", "wss://chat.example"}, true}, // a native client
		{"chat.example", []string{"Origin", "wss://chat.example:443"}, true},
		{"chat.example:80", []string{"Origin", "ws://chat.example"}, true},
		{"chat.example:3000", []string{"Origin", "WS://chat.example:3000"}, true},
		{"chat.example", []string{"Origin", "wss://evil.example"}, false},
		{"chat.example", []string{"Origin", "wss://app.example"}, true}, // listed as https
		{"chat.example", []string{"Origin", "ws://app.example"}, false},
		{"localhost", []string{"Origin", "capacitor://localhost"}, false}, // no scheme of the web is ours
		{"localhost", []string{"Origin", "ftp://localhost"}, false},
		{"", []string{"Origin", "file://"}, false},
		{"chat.example", []string{"Origin", "https://chat.example:0443"}, false},
		{"chat.example", []string{"Origin", "https://chat.example:"}, false},
		{"chat.example", []string{"Origin", "https://chat.example:99999"}, false},
	}
	rule := newOriginRule(&Options{Origins: []string{"https://App.example"}})
	for _, tc := range cases {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = tc.host
		for i := 0; i < len(tc.headers); i += 2 {
			r.Header.Add(tc.headers[i], tc.headers[i+1])
		}
		if got := rule.allows(r); got != tc.want {
			t.Errorf("host %q, %q: allowed %v, want %v", tc.host, tc.headers, got, tc.want)
		}
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Origin", "null")
	if !newOriginRule(&Options{Origins: []string{"null"}}).allows(r) {
		t.Error("null is refused although listed")
	}
	if !newOriginRule(&Options{InsecureAnyOrigin: true}).allows(r) {
		t.Error("null is refused although every origin may come in")
	}
}

// TestForeignOriginIsRefusedEverywhere checks the origin rule for each kind of request,
// including those of a session.
func TestForeignOriginIsRefusedEverywhere(t *testing.T) {
	var log logBuffer
	f := newTCP(t, Options{Logger: log.logger()}, nil)
	query, c := f.open()
	evil := []string{"Origin", "https://evil.example"}
	for method, query := range map[string]string{"GET": pollingQuery, "POST": query, "OPTIONS": pollingQuery} {
		if a := f.must(method, query, "", evil...); a.status != 403 || a.body != `{"code":4,"message":"Forbidden"}` || a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %q", method, a.status, a.body)
		}
	}
	if _, err := f.trySocket(socketQuery, evil...); err == nil {
		t.Error("a websocket was opened")
	}
	if _, err := f.trySocket(strings.Replace(query, "polling", "websocket", 1), evil...); err == nil {
		t.Error("an upgrade was accepted")
	}
	// Some browsers send this header instead of Origin for a form on a foreign page.
	if a := f.must("POST", query, "4x", "Sec-Fetch-Site", "cross-site"); a.status != 403 {
		t.Errorf("form: %d", a.status)
	}
	if n := strings.Count(log.String(), "evil.example"); n != 1 || !strings.Contains(log.String(), "Options.Origins") {
		t.Errorf("logged %d times: %s", n, log.String())
	}
	expectAlive(t, c)
	if !c.s.OriginChecked() {
		t.Error("OriginChecked is false")
	}
	if got := c.got(); len(got) > 0 {
		t.Errorf("messages %q", got)
	}
}

// TestOriginsWithinASession checks a page of the same origin, whose first GET has no Origin
// and whose later requests have one.
func TestOriginsWithinASession(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{Origins: []string{"https://a.example", "https://b.example"}}, nil)
		query, c := f.open()
		post := func(origin string) int {
			if origin == "" {
				return f.must("POST", query, "3").status
			}
			return f.must("POST", query, "3", "Origin", origin).status
		}
		for _, step := range []struct {
			origin string
			want   int
		}{{"", 200}, {"http://pipe", 200}, {"", 200}, {"https://a.example", 400}, {"http://pipe", 200}} {
			if got := post(step.origin); got != step.want {
				t.Errorf("origin %q: %d, want %d", step.origin, got, step.want)
			}
		}
		query, _ = f.open("Origin", "https://a.example")
		if got := post("https://b.example"); got != 400 {
			t.Errorf("another listed origin: %d", got)
		}
		if _, err := f.trySocket(strings.Replace(query, "polling", "websocket", 1), "Origin", "https://b.example"); err == nil {
			t.Error("another listed origin upgraded the session")
		}
		w := f.socket(strings.Replace(query, "polling", "websocket", 1), "Origin", "wss://A.example") // the same
		w.write("2probe")
		w.expect("3probe")
		synctest.Wait()
		expectAlive(t, c)
	})
}

func TestCORS(t *testing.T) {
	preflight := []string{"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization"}
	cases := []struct {
		name    string
		opts    Options
		method  string
		headers []string
		status  int
		want    map[string]string
	}{
		{"no origin listed, own origin", Options{}, "GET", []string{"Origin", "http://pipe"}, 200, map[string]string{"Access-Control-Allow-Origin": "", "Vary": ""}},
		{"listed", Options{Origins: []string{"https://a.example"}}, "GET", []string{"Origin", "https://a.example"}, 200,
			map[string]string{"Access-Control-Allow-Origin": "https://a.example", "Access-Control-Allow-Credentials": "", "Vary": "Origin"}},
		{"listed, with credentials", Options{Origins: []string{"https://a.example"}, CORS: CORS{Credentials: true}}, "GET", []string{"Origin", "https://a.example"}, 200,
			map[string]string{"Access-Control-Allow-Origin": "https://a.example", "Access-Control-Allow-Credentials": "true"}},
		{"listed, preflight", Options{Origins: []string{"https://a.example"}}, "OPTIONS", append([]string{"Origin", "https://a.example"}, preflight...), 204,
			map[string]string{"Access-Control-Allow-Origin": "https://a.example", "Access-Control-Allow-Methods": "GET, POST", "Access-Control-Allow-Headers": "Authorization, Content-Type", "Access-Control-Max-Age": "600"}},
		{"own headers", Options{Origins: []string{"https://a.example"}, CORS: CORS{Headers: []string{"X-Own"}, MaxAge: 5e9}}, "OPTIONS", append([]string{"Origin", "https://a.example"}, preflight...), 204,
			map[string]string{"Access-Control-Allow-Headers": "X-Own", "Access-Control-Max-Age": "5"}},
		{"not listed, preflight", Options{Origins: []string{"https://a.example"}}, "OPTIONS", append([]string{"Origin", "https://b.example"}, preflight...), 403,
			map[string]string{"Access-Control-Allow-Origin": "", "Access-Control-Allow-Methods": ""}},
		{"pattern", Options{Origins: []string{"https://*.a.example"}}, "OPTIONS", append([]string{"Origin", "https://b.a.example"}, preflight...), 204,
			map[string]string{"Access-Control-Allow-Origin": "https://b.a.example", "Access-Control-Allow-Methods": "GET, POST", "Vary": "Origin"}},
		{"pattern, two labels", Options{Origins: []string{"https://*.a.example"}}, "OPTIONS", append([]string{"Origin", "https://c.b.a.example"}, preflight...), 403,
			map[string]string{"Access-Control-Allow-Origin": ""}},
		{"function", Options{OriginFunc: func(origin string) bool { return origin == "https://a.example" }}, "GET", []string{"Origin", "https://A.example:443"}, 200,
			map[string]string{"Access-Control-Allow-Origin": "https://A.example:443", "Vary": "Origin"}},
		{"function, refused", Options{OriginFunc: func(string) bool { return false }}, "GET", []string{"Origin", "https://a.example"}, 403,
			map[string]string{"Access-Control-Allow-Origin": ""}},
		{"function, own origin", Options{OriginFunc: func(string) bool { return false }}, "GET", []string{"Origin", "http://pipe"}, 200,
			map[string]string{"Access-Control-Allow-Origin": "", "Vary": "Origin"}},
		{"application", Options{Origins: []string{"capacitor://localhost"}}, "GET", []string{"Origin", "capacitor://localhost"}, 200,
			map[string]string{"Access-Control-Allow-Origin": "capacitor://localhost"}},
		{"any", Options{InsecureAnyOrigin: true}, "GET", []string{"Origin", "https://b.example"}, 200,
			map[string]string{"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": ""}},
		{"own origin, another listed", Options{Origins: []string{"https://a.example"}}, "GET", []string{"Origin", "http://pipe"}, 200,
			map[string]string{"Access-Control-Allow-Origin": "", "Vary": "Origin"}},
		{"no origin", Options{Origins: []string{"https://a.example"}}, "GET", nil, 200, map[string]string{"Access-Control-Allow-Origin": "", "Vary": "Origin"}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newPipe(t, tc.opts, nil)
				a := f.must(tc.method, pollingQuery, "", tc.headers...)
				if a.status != tc.status {
					t.Errorf("status %d, want %d", a.status, tc.status)
				}
				for name, want := range tc.want {
					if got := a.header.Get(name); got != want {
						t.Errorf("%s: %q, want %q", name, got, want)
					}
				}
			})
		})
	}
}
