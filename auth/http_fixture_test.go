package auth_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"socketiojwt/auth"
)

// route is a route behind Gate.HTTP, on a real server. It answers with the values of the
// lease that a handler can read.
type route struct {
	t   *testing.T
	url string
	log lockedBuffer
	ran record
}

func newRoute(t *testing.T, v auth.Verifier, opts auth.Options) *route {
	t.Helper()
	r := &route{t: t}
	opts.Logger = slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	gate := newGate(t, v, opts)
	mux := http.NewServeMux()
	mux.Handle("/me", gate.HTTP(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		ctx := req.Context()
		r.ran.mu.Lock()
		r.ran.lines = append(r.ran.lines, req.Method)
		r.ran.mu.Unlock()
		fmt.Fprintf(w, "%s %v %d", auth.Token(ctx).Subject, userName.From(ctx), len(auth.Encoded(ctx)))
	})))
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	t.Cleanup(func() {
		if found := jwt.FindString(r.log.String()); found != "" {
			t.Errorf("a token is in the log: %s", found)
		}
	})
	r.url = web.URL
	return r
}

// ask makes a request and returns the response and its body. It checks that neither has a
// token.
func (r *route) ask(method, path string, header http.Header) (*http.Response, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if found := jwt.FindString(fmt.Sprint(string(body), response.Header)); found != "" {
		r.t.Errorf("a token is in the response: %s", found)
	}
	return response, string(body)
}

// refused makes a request, and checks the status, challenge, reason and body of its refusal,
// and the line in the log.
func (r *route) refused(header http.Header, status int, challenge, reason string) {
	r.t.Helper()
	response, body := r.ask(http.MethodGet, "/me", header)
	told, ok := auth.ParseRefusal([]byte(body))
	if !ok || response.StatusCode != status || string(told.Reason) != reason {
		r.t.Errorf("got %d %s, want %d and reason %s", response.StatusCode, body, status, reason)
		return
	}
	if got := response.Header.Get("WWW-Authenticate"); got != challenge {
		r.t.Errorf("challenge %q, want %q", got, challenge)
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "Content-Type": "application/json", "X-Content-Type-Options": "nosniff"} {
		if got := response.Header.Get(name); got != want {
			r.t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if (response.Header.Get("Retry-After") != "") != (status == http.StatusServiceUnavailable) {
		r.t.Errorf("status %d with Retry-After %q", status, response.Header.Get("Retry-After"))
	}
	if !strings.Contains(r.log.String(), "id="+told.ID) {
		r.t.Errorf("ID %s is not in the log:\n%s", told.ID, r.log.String())
	}
}

// never fails the test if the handler has run.
func (r *route) never() {
	r.t.Helper()
	r.ran.mu.Lock()
	defer r.ran.mu.Unlock()
	if len(r.ran.lines) > 0 {
		r.t.Errorf("the handler ran: %q", r.ran.lines)
	}
}

func bearer(compact string) http.Header { return http.Header{"Authorization": {"Bearer " + compact}} }
