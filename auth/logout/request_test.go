package logout_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/auth/logout"
	"socketiojwt/token"
	"socketiojwt/token/profile"
	"socketiojwt/token/tokentest"
)

func TestRequests(t *testing.T) {
	f := newFixture(t, nil)
	const form = "application/x-www-form-urlencoded"
	field := func(compact string) string { return url.Values{"logout_token": {compact}}.Encode() }
	for name, test := range map[string]struct {
		method, target, kind, body string
		want                       int
	}{
		"a parameter besides":         {"POST", "/", form, "x=1&" + field(f.sign(nil)), 200},
		"a charset":                   {"POST", "/", form + "; charset=utf-8", field(f.sign(nil)), 200},
		"GET":                         {"GET", "/?" + field(f.sign(nil)), "", "", 405},
		"PUT":                         {"PUT", "/", form, field(f.sign(nil)), 405},
		"HEAD":                        {"HEAD", "/", "", "", 405},
		"in the query":                {"POST", "/?" + field(f.sign(nil)), form, "", 400},
		"no body":                     {"POST", "/", form, "", 400},
		"no type":                     {"POST", "/", "", field(f.sign(nil)), 400},
		"JSON":                        {"POST", "/", "application/json", `{"logout_token":"` + f.sign(nil) + `"}`, 400},
		"multipart":                   {"POST", "/", "multipart/form-data; boundary=x", "--x--", 400},
		"an empty token":              {"POST", "/", form, "logout_token=", 400},
		"another parameter":           {"POST", "/", form, "token=" + f.sign(nil), 400},
		"two tokens":                  {"POST", "/", form, field(f.sign(nil)) + "&" + field(f.sign(nil)), 400},
		"a bad escape":                {"POST", "/", form, "logout_token=%zz", 400},
		"a body that is too long":     {"POST", "/", form, field(f.sign(nil)) + "&x=" + strings.Repeat("x", 64<<10), 400},
		"the longest body":            {"POST", "/", form, fill(field(f.sign(nil))+"&x=", 64<<10), 200},
		"a thousand other parameters": {"POST", "/", form, strings.Repeat("x=1&", 1000) + field(f.sign(nil)), 200},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(test.method, test.target, strings.NewReader(test.body))
			if test.kind != "" {
				r.Header.Set("Content-Type", test.kind)
			}
			w := f.do(r)
			if test.want == http.StatusOK {
				if w.Code != http.StatusOK {
					t.Errorf("%d %s", w.Code, w.Body)
				}
				f.gate.take()
				return
			}
			wantFailure(t, w, test.want, "invalid_request")
			if (test.want == http.StatusMethodNotAllowed) != (w.Header().Get("Allow") == "POST") {
				t.Errorf("Allow is %q", w.Header().Get("Allow"))
			}
			f.wantCalls()
		})
	}
}

func fill(text string, size int) string { return text + strings.Repeat("x", size-len(text)) }

// randomID returns a new jti.
func randomID() string { return rand.Text() }

// An issuer that cannot be reached, and a gate that fails, are not the token's fault.
func TestTemporaryFailures(t *testing.T) {
	f := newFixture(t, nil)
	f.issuer.Misbehave(tokentest.Fault{Status: http.StatusServiceUnavailable})
	compact := f.sign(nil)
	wantFailure(t, f.send(compact), http.StatusServiceUnavailable, "temporarily_unavailable")
	f.wantCalls()

	failing := &recorder{err: errors.New("the disk is full")}
	both := newFixture(t, func(o *logout.Options) { o.Gates = append(o.Gates, failing) })
	compact = both.sign(nil)
	wantFailure(t, both.send(compact), http.StatusServiceUnavailable, "temporarily_unavailable")
	both.wantCalls(revoked{match: auth.BySession(both.issuer.URL(), "s1")}) // in spite of the other gate
	failing.fail(nil)
	if w := both.send(compact); w.Code != http.StatusOK {
		t.Errorf("sent again: %d %s", w.Code, w.Body)
	}
	if calls := failing.take(); len(calls) != 2 {
		t.Errorf("the failing gate was called %d times", len(calls))
	}
	if !strings.Contains(both.log.String(), "level=ERROR") || !strings.Contains(both.log.String(), "the disk is full") {
		t.Errorf("the log does not have the failure:\n%s", both.log.String())
	}
}

// panicking is a Revoker and a Verifier that panics.
type panicking struct{}

func (panicking) Revoke(context.Context, auth.Match, auth.RevokeOptions) (auth.Revoked, error) {
	panic("secret")
}

func (panicking) Verify(context.Context, string) (*token.Token, error) { panic("secret") }

// A panic aborts the response, and is not logged with its value. The token can be used again.
func TestPanics(t *testing.T) {
	f := newFixture(t, nil)
	gates := []logout.Revoker{panicking{}, f.gate}
	for name, adapt := range map[string]func(o *logout.Options){
		"a gate":   func(o *logout.Options) { o.Gates = gates },
		"verifier": func(o *logout.Options) { o.Verifier = panicking{} },
	} {
		broken := newFixture(t, adapt)
		func() {
			defer func() {
				if value := recover(); value != http.ErrAbortHandler {
					t.Errorf("%s: panic %v", name, value)
				}
			}()
			broken.send(broken.sign(claims{"jti": "j1"}))
		}()
		if log := broken.log.String(); !strings.Contains(log, "panic") || strings.Contains(log, "secret") {
			t.Errorf("%s: the log is\n%s", name, log)
		}
	}
}

// Each issuer has its own keys and client ID, and logs out only its own users.
func TestSeveralIssuers(t *testing.T) {
	one := newFixture(t, nil)
	two := &fixture{t: t, issuer: tokentest.NewIssuer(t, tokentest.Options{URL: "https://two.test"}), gate: one.gate}
	verifier, err := token.ByIssuer(
		verifierOf(t, one.issuer, one.rules),
		verifierOf(t, two.issuer, profile.LogoutToken(two.issuer.URL(), "chat-two")),
	)
	if err != nil {
		t.Fatal(err)
	}
	handler := newFixture(t, func(o *logout.Options) { o.Verifier, o.Gates = verifier, []logout.Revoker{one.gate} }).handler
	one.handler, two.handler = handler, handler

	if w := one.send(one.sign(claims{"jti": "same"})); w.Code != http.StatusOK {
		t.Errorf("one: %d %s", w.Code, w.Body)
	}
	one.wantCalls(revoked{match: auth.BySession(one.issuer.URL(), "s1")})
	if w := two.send(two.sign(claims{"jti": "same", "aud": "chat-two"})); w.Code != http.StatusOK {
		t.Errorf("two: %d %s", w.Code, w.Body)
	}
	one.wantCalls(revoked{match: auth.BySession(two.issuer.URL(), "s1")})
	wantFailure(t, two.send(two.sign(nil)), http.StatusBadRequest, "invalid_request") // the client ID of the other
	wantFailure(t, two.send(two.sign(claims{"iss": one.issuer.URL()})), http.StatusBadRequest, "invalid_request")
	one.wantCalls()
}

// hanging is a Revoker that waits until its context is done.
type hanging struct{ waited time.Duration }

func (h *hanging) Revoke(ctx context.Context, _ auth.Match, _ auth.RevokeOptions) (auth.Revoked, error) {
	begun := time.Now()
	<-ctx.Done()
	h.waited = time.Since(begun)
	return auth.Revoked{}, ctx.Err()
}

// A request that the issuer has aborted is completed, for at most Timeout.
func TestAbortedRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := new(hanging)
		f := newFixture(t, func(o *logout.Options) { o.Gates = append(o.Gates, hang) })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r := httptest.NewRequest(http.MethodPost, "/logout", strings.NewReader(url.Values{"logout_token": {f.sign(nil)}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		wantFailure(t, f.do(r.WithContext(ctx)), http.StatusServiceUnavailable, "temporarily_unavailable")
		f.wantCalls(revoked{match: auth.BySession(f.issuer.URL(), "s1")})
		if hang.waited != 10*time.Second {
			t.Errorf("the gate was given %v", hang.waited)
		}
	})
}

// A peer that sends its body slowly is disconnected after Timeout.
func TestSlowBody(t *testing.T) {
	f := newFixture(t, func(o *logout.Options) { o.Timeout = 50 * time.Millisecond })
	server := httptest.NewServer(f.handler)
	defer server.Close()
	body, _ := io.Pipe()
	resp, err := http.Post(server.URL, "application/x-www-form-urlencoded", body)
	_ = body.Close()
	if err != nil {
		return // the connection was closed before the answer was read
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestOptions(t *testing.T) {
	verifier, gates := panicking{}, []logout.Revoker{panicking{}}
	for name, opts := range map[string]logout.Options{
		"no verifier":      {Gates: gates},
		"no gate":          {Verifier: verifier},
		"a nil gate":       {Verifier: verifier, Gates: []logout.Revoker{nil}},
		"negative timeout": {Verifier: verifier, Gates: gates, Timeout: -1},
		"negative memory":  {Verifier: verifier, Gates: gates, MaxRemembered: -1},
		"negative bound":   {Verifier: verifier, Gates: gates, MaxSessions: -1},
	} {
		if _, err := logout.NewHandler(opts); err == nil || !strings.HasPrefix(err.Error(), "auth/logout: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
