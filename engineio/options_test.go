package engineio

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestPanicsInOptions checks that a panic in a function of the Options ends that request,
// and that neither our log nor that of net/http contains its value.
func TestPanicsInOptions(t *testing.T) {
	boom := func() { panic("Bearer boom") }
	for name, opts := range map[string]Options{
		"Allow": {Allow: func(*http.Request) error { boom(); return nil }},
		"Bind":  {Bind: func(*http.Request) string { boom(); return "" }},
	} {
		t.Run(name, func(t *testing.T) {
			var log logBuffer
			opts.Logger = log.logger()
			f := newTCP(t, opts, nil, func(web *http.Server) { web.ErrorLog = slog.NewLogLogger(opts.Logger.Handler(), slog.LevelError) })
			if _, err := f.do(t.Context(), "GET", pollingQuery, ""); err == nil {
				t.Error("the request was answered")
			}
			if strings.Count(log.String(), "panic=string") == 0 || strings.Contains(log.String(), "Bearer") {
				t.Errorf("log %q", log.String())
			}
			if n := f.srv.Sessions(); n != 0 {
				t.Errorf("%d sessions", n)
			}
		})
	}
}

func TestCookie(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{Cookie: &http.Cookie{Name: "io", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}}, nil)
		a := f.must("GET", pollingQuery, "")
		c := <-f.opened
		if got, want := a.header.Get("Set-Cookie"), "io="+c.s.ID()+"; Path=/; HttpOnly; SameSite=Lax"; got != want {
			t.Errorf("cookie %q, want %q", got, want)
		}
		if a := f.must("POST", pollingQuery+"&sid="+c.s.ID(), "3"); a.header.Get("Set-Cookie") != "" {
			t.Error("the cookie was sent again")
		}
	})
}

func TestMaxSessions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{MaxSessions: 2}, nil)
		f.openSocket()
		_, c := f.open()
		f.expect("GET", pollingQuery, "", 503, `{"code":4,"message":"Service unavailable"}`)
		if _, err := f.trySocket(socketQuery); err == nil {
			t.Error("a third session")
		}
		c.s.Abort(ForcedClose)
		synctest.Wait()
		f.open()
	})
}

func TestPathIsAPrefix(t *testing.T) {
	srv, _ := newServer(t, Options{Path: "/a/b/"}, nil)
	for path, want := range map[string]int{"/a/b/": 200, "/a/b/foo": 200, "/a/b": 200, "/a/bc": 404, "/a": 404, "/": 404, "/engine.io/": 404} {
		w := httptest.NewRecorder()
		srv.ServeHTTP(w, httptest.NewRequest("GET", path+"?"+pollingQuery, nil))
		if w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	srv.Close()
}

func TestOptionsAreChecked(t *testing.T) {
	for name, opts := range map[string]Options{
		"path":                  {Path: "engine.io"},
		"path without its end":  {Path: "/engine.io"},
		"short interval":        {PingInterval: time.Microsecond},
		"negative timeout":      {PingTimeout: -1},
		"negative limit":        {MaxPayload: -1},
		"no transports":         {Transports: []Transport{}},
		"unknown transport":     {Transports: []Transport{"carrier pigeon"}},
		"any and some origins":  {InsecureAnyOrigin: true, Origins: []string{"https://a.example"}},
		"any with credentials":  {InsecureAnyOrigin: true, CORS: CORS{Credentials: true}},
		"star":                  {Origins: []string{"*"}},
		"origin with a path":    {Origins: []string{"https://a.example/"}},
		"origin without scheme": {Origins: []string{"a.example"}},
		"cookie without a name": {Cookie: &http.Cookie{}},
	} {
		if _, err := NewServer(func(*Session, *http.Request) Conn { return nil }, opts); err == nil || !strings.HasPrefix(err.Error(), "engineio: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewServer(nil, Options{}); err == nil {
		t.Error("no function: accepted")
	}
}

// TestOptionsAreCopied checks that the caller's slices are copied.
func TestOptionsAreCopied(t *testing.T) {
	origins := []string{"https://a.example"}
	srv, _ := newServer(t, Options{Origins: origins}, nil)
	origins[0] = "https://evil.example"
	r := httptest.NewRequest("GET", "/engine.io/?"+pollingQuery, nil)
	r.Header.Set("Origin", "https://evil.example")
	w := httptest.NewRecorder()
	if srv.ServeHTTP(w, r); w.Code != 403 {
		t.Errorf("status %d", w.Code)
	}
}
