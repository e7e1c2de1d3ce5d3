package console

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// operatorsPage returns the handler of the page of operators in front of an API that answers 418.
func operatorsPage(t *testing.T) http.Handler {
	t.Helper()
	handler, err := Operators(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

// The page has its files, with the policies of the other page, and everything else is the API's.
func TestOperators(t *testing.T) {
	handler := operatorsPage(t)
	get := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w
	}
	for _, path := range []string{"/", "/operators.js", "/api.js", "/nodes.js", "/rows.js", "/operators.css", "/style.css", "/dom.js", "/icon.svg"} {
		w := get("GET", path)
		policy := w.Header().Get("Content-Security-Policy")
		if w.Code != http.StatusOK || w.Body.Len() == 0 || !strings.Contains(policy, "default-src 'none'; script-src 'self'") || !strings.Contains(policy, "connect-src 'self';") || w.Header().Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: %d, %v", path, w.Code, w.Header())
		}
		if post := get("POST", path); post.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", path, post.Code)
		}
	}
	for _, path := range []string{"/leases", "/leases/x", "/openapi.json", "/index.html", "/app.js", "/console.json", "//"} {
		if w := get("GET", path); w.Code != http.StatusTeapot {
			t.Errorf("%s: %d, want the answer of the API", path, w.Code)
		}
	}
}

// The files that the page and its scripts name are served.
func TestOperatorsNameServedFiles(t *testing.T) {
	handler := operatorsPage(t)
	named := regexp.MustCompile(`(?:href|src|from) ?=?"(?:\./)?([a-z]+\.(?:js|css|svg))"|from "\./([a-z]+\.js)"`)
	for name, content := range embeddedIn(t, operatorFiles) {
		for _, match := range named.FindAllStringSubmatch(content, -1) {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest("GET", "/"+match[1]+match[2], nil))
			if w.Code != http.StatusOK {
				t.Errorf("%s names %s: %d", name, match[0], w.Code)
			}
		}
	}
}
