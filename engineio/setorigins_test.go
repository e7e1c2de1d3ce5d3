package engineio

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// SetOrigins replaces the list for the requests that come later, and changes nothing if it fails.
func TestSetOrigins(t *testing.T) {
	open := func(*Session, *http.Request) Conn { return nil }
	srv, err := NewServer(open, Options{Path: "/", Origins: []string{"https://a.example"}})
	if err != nil {
		t.Fatal(err)
	}
	allowed := func(origin string) bool {
		r := httptest.NewRequest(http.MethodOptions, "http://server.example/?EIO=4&transport=polling", nil)
		r.Header.Set("Origin", origin)
		w := httptest.NewRecorder()
		srv.ServeHTTP(w, r)
		if got := w.Header().Get("Access-Control-Allow-Origin"); (got == origin) != (w.Code != http.StatusForbidden) {
			t.Errorf("%s: status %d, and Access-Control-Allow-Origin %q", origin, w.Code, got)
		}
		return w.Code != http.StatusForbidden
	}
	check := func(a, b bool) {
		t.Helper()
		if gotA, gotB := allowed("https://a.example"), allowed("https://x.b.example"); gotA != a || gotB != b {
			t.Errorf("allowed: %t, %t; want %t, %t", gotA, gotB, a, b)
		}
	}
	check(true, false)
	list := []string{"https://*.b.example"}
	if err := srv.SetOrigins(list); err != nil {
		t.Fatal(err)
	}
	list[0] = "https://a.example"
	check(false, true)
	if err := srv.SetOrigins([]string{"https://a.example", "https://b.example/path"}); err == nil {
		t.Error("an entry that matches no request is accepted")
	}
	check(false, true)
	if err := srv.SetOrigins(nil); err != nil {
		t.Fatal(err)
	}
	check(false, false)
	waived, err := NewServer(open, Options{InsecureAnyOrigin: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := waived.SetOrigins([]string{"https://a.example"}); err == nil {
		t.Error("a list is accepted although all origins are allowed")
	}
}
