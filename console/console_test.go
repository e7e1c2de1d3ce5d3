package console

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"socketiojwt/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func ask(t *testing.T, opts Options, method, path string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	handler, err := Handler(opts)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(method, path, nil)
	r.Header = header
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func TestEveryResponseIsProtected(t *testing.T) {
	for _, path := range []string{"/", "/app.js", "/console.json", "/nothing"} {
		w := ask(t, Options{}, "GET", path, nil)
		policy := w.Header().Get("Content-Security-Policy")
		for _, rule := range []string{"default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
			if !strings.Contains(policy, rule) {
				t.Errorf("%s: the policy %q lacks %s", path, policy, rule)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
			t.Errorf("%s: the policy %q is too wide", path, policy)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
	}
}

func TestPolicyForOtherServers(t *testing.T) {
	for _, test := range []struct {
		opts Options
		want string
	}{
		{Options{}, "connect-src 'self';"},
		{Options{OtherServers: true}, "connect-src 'self' http: https: ws: wss:;"},
	} {
		policy := ask(t, test.opts, "GET", "/", nil).Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, test.want) || !strings.Contains(policy, "default-src 'none'; script-src 'self';") {
			t.Errorf("OtherServers %t: the policy is %q, want it to have %s", test.opts.OtherServers, policy, test.want)
		}
	}
}

func TestFiles(t *testing.T) {
	for path, mediaType := range map[string]string{
		"/":             "text/html; charset=utf-8",
		"/app.js":       "text/javascript; charset=utf-8",
		"/socket.js":    "text/javascript; charset=utf-8",
		"/style.css":    "text/css; charset=utf-8",
		"/icon.svg":     "image/svg+xml",
		"/console.json": "application/json",
	} {
		w := ask(t, Options{}, "GET", path, nil)
		if w.Code != 200 || w.Header().Get("Content-Type") != mediaType || w.Body.Len() == 0 {
			t.Errorf("%s: %d, %q, %d bytes", path, w.Code, w.Header().Get("Content-Type"), w.Body.Len())
		}
		known := http.Header{"If-None-Match": {w.Header().Get("ETag")}}
		if again := ask(t, Options{}, "GET", path, known); again.Code != http.StatusNotModified {
			t.Errorf("%s: %d with the current ETag, want 304", path, again.Code)
		}
		if head := ask(t, Options{}, "HEAD", path, nil); head.Code != 200 || head.Body.Len() != 0 {
			t.Errorf("HEAD %s: %d, %d bytes", path, head.Code, head.Body.Len())
		}
		if post := ask(t, Options{}, "POST", path, nil); post.Code != http.StatusMethodNotAllowed || post.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("POST %s: %d", path, post.Code)
		}
	}
	for _, path := range []string{"/index.html", "/page/app.js", "/../console.go", "/console.go", "/app.js/", "//", "/favicon.ico"} {
		if w := ask(t, Options{}, "GET", path, nil); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", path, w.Code)
		}
	}
}

func TestEmbeddedFilesHaveAType(t *testing.T) {
	for name, content := range embedded(t) {
		if newFile(name, []byte(content)).mediaType == "" {
			t.Errorf("%s has no media type", name)
		}
	}
}

func TestSettings(t *testing.T) {
	for _, test := range []struct {
		opts Options
		want settings
	}{
		{Options{}, settings{Path: "/socket.io/", Handshake: "/", Event: "/admin"}},
		{
			Options{Path: "/io/", Handshake: "/chat", Event: "/staff", Login: true, TokenLife: 90 * time.Second, Leeway: 10 * time.Second, OtherServers: true},
			settings{Path: "/io/", Handshake: "/chat", Event: "/staff", Login: true, TokenLife: 90, Leeway: 10, OtherServers: true},
		},
	} {
		var got settings
		if err := json.Unmarshal(ask(t, test.opts, "GET", "/console.json", nil).Body.Bytes(), &got); err != nil || got != test.want {
			t.Errorf("%+v, %v; want %+v", got, err, test.want)
		}
	}
	for _, opts := range []Options{
		{Login: true}, {TokenLife: time.Hour}, {Login: true, TokenLife: time.Millisecond}, {Path: "socket.io"}, {Event: "admin"},
	} {
		if _, err := Handler(opts); err == nil {
			t.Errorf("%+v is accepted", opts)
		}
	}
}

// TestPageKeepsItsRules checks that the page has no inline scripts or styles, which the policy
// would block, and that its scripts never parse text as HTML.
func TestPageKeepsItsRules(t *testing.T) {
	keepsRules(t, embedded(t), "page/index.html")
	keepsRules(t, embeddedIn(t, operatorFiles), "operators/index.html")
}

func keepsRules(t *testing.T, files map[string]string, index string) {
	t.Helper()
	page := files[index]
	for _, inline := range []string{`(?i)<style`, `(?i)\sstyle=`, `(?i)\son[a-z]+=`, `(?i)javascript:`, `(?i)(src|href)="(https?:)?//`} {
		if found := regexp.MustCompile(inline).FindString(page); found != "" {
			t.Errorf("%s has %q", index, found)
		}
	}
	if got := strings.Count(page, "<script"); got != strings.Count(page, `<script type="module" src="`) {
		t.Errorf("%s has an inline script among its %d scripts", index, got)
	}
	for name, content := range files {
		if !strings.HasSuffix(name, ".js") {
			continue
		}
		for _, parses := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "eval(", "new Function", "localStorage", "sessionStorage"} {
			if parses == "localStorage" && name == "page/setup.js" {
				continue // it saves settings, and never a token: see interop/page.test.mjs
			}
			if strings.Contains(content, parses) {
				t.Errorf("%s uses %s", name, parses)
			}
		}
	}
}

// TestScriptsAndPageAgree checks that every element that a script gets by its id is on the page
// once, and that every field has a label.
func TestScriptsAndPageAgree(t *testing.T) {
	agree(t, embedded(t), "page/index.html")
	agree(t, embeddedIn(t, operatorFiles), "operators/index.html")
}

func agree(t *testing.T, files map[string]string, index string) {
	t.Helper()
	page := files[index]
	asked := regexp.MustCompile(`\$\("([^"]+)"\)`)
	for name, content := range files {
		if !strings.HasSuffix(name, ".js") {
			continue
		}
		for _, match := range asked.FindAllStringSubmatch(content, -1) {
			if n := strings.Count(page, ` id="`+match[1]+`"`); n != 1 {
				t.Errorf("%s gets the element %q, which is on the page %d times", name, match[1], n)
			}
		}
	}
	for _, match := range regexp.MustCompile(`<(?:input|select|textarea) id="([^"]+)"[^>]*>`).FindAllStringSubmatch(page, -1) {
		wrapped := strings.Contains(page, `<label class="check">`+match[0])
		if !wrapped && !strings.Contains(page, `for="`+match[1]+`"`) {
			t.Errorf("%q has no label", match[1])
		}
	}
	for _, match := range regexp.MustCompile(`aria-labelledby="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if !strings.Contains(page, ` id="`+match[1]+`"`) {
			t.Errorf("a label %q is missing", match[1])
		}
	}
}

func embedded(t *testing.T) map[string]string {
	t.Helper()
	return embeddedIn(t, pageFiles)
}

func embeddedIn(t *testing.T, from fs.FS) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(from, name)
		files[name] = string(content)
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	return files
}
