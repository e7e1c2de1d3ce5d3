package logout_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/auth/logout"
	"socketiojwt/internal/leaktest"
	"socketiojwt/token"
	"socketiojwt/token/jwks"
	"socketiojwt/token/mint"
	"socketiojwt/token/profile"
	"socketiojwt/token/tokentest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

const (
	client = "chat-web"
	event  = "http://schemas.openid.net/event/backchannel-logout"
)

// revoked is a call of Revoke.
type revoked struct {
	match        auth.Match
	issuedBefore int64 // zero means all
}

// recorder is a Revoker that notes its calls, and fails with err.
type recorder struct {
	mu    sync.Mutex
	calls []revoked
	err   error
}

func (r *recorder) Revoke(ctx context.Context, m auth.Match, opts auth.RevokeOptions) (auth.Revoked, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil {
		return auth.Revoked{}, ctx.Err()
	}
	call := revoked{match: m}
	if !opts.IssuedBefore.IsZero() {
		call.issuedBefore = opts.IssuedBefore.Unix()
	}
	r.calls = append(r.calls, call)
	return auth.Revoked{}, r.err
}

func (r *recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

func (r *recorder) take() []revoked {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls
	r.calls = nil
	return calls
}

type fixture struct {
	t       *testing.T
	issuer  *tokentest.Issuer
	rules   token.Options
	gate    *recorder
	handler *logout.Handler
	log     bytes.Buffer
}

// newFixture returns a handler for the logout tokens of one issuer. adapt changes its options.
func newFixture(t *testing.T, adapt func(*logout.Options)) *fixture {
	t.Helper()
	f := &fixture{t: t, issuer: tokentest.NewIssuer(t, tokentest.Options{}), gate: new(recorder)}
	f.rules = profile.LogoutToken(f.issuer.URL(), client)
	opts := logout.Options{
		Verifier: verifierOf(t, f.issuer, f.rules), Gates: []logout.Revoker{f.gate},
		Logger: slog.New(slog.NewTextHandler(&f.log, nil)),
	}
	if adapt != nil {
		adapt(&opts)
	}
	handler, err := logout.NewHandler(opts)
	if err != nil {
		t.Fatal(err)
	}
	f.handler = handler
	return f
}

func verifierOf(t *testing.T, issuer *tokentest.Issuer, rules token.Options) *token.Verifier {
	t.Helper()
	keys, err := jwks.New(issuer.JWKSURL(), jwks.Options{Client: issuer.Client()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = keys.Close() })
	verifier, err := token.NewVerifier(keys, rules)
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

type claims = map[string]any

// claims returns those of a good logout token, with changes. nil removes a claim.
func (f *fixture) claims(changes claims) claims {
	all := claims{
		"iss": f.issuer.URL(), "aud": client, "iat": time.Now().Unix(), "exp": time.Now().Add(2 * time.Minute).Unix(), "jti": randomID(), "sub": "ada", "sid": "s1",
		"events": claims{event: claims{}},
	}
	maps.Copy(all, changes)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	return all
}

func (f *fixture) sign(changes claims) string {
	return f.signAs(mint.Header{Type: "logout+jwt"}, changes)
}

func (f *fixture) signAs(header mint.Header, changes claims) string {
	f.t.Helper()
	compact, err := mint.Sign(f.issuer.Key(), f.claims(changes), header)
	if err != nil {
		f.t.Fatal(err)
	}
	return compact
}

// send posts a logout token.
func (f *fixture) send(compact string) *httptest.ResponseRecorder {
	return f.post(url.Values{"logout_token": {compact}}.Encode())
}

func (f *fixture) post(body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/logout", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return f.do(r)
}

func (f *fixture) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		f.t.Errorf("Cache-Control is %q", got)
	}
	return w
}

// wantFailure checks the status and body of an answer that is not 200.
func wantFailure(t *testing.T, w *httptest.ResponseRecorder, status int, code string) (description string) {
	t.Helper()
	var told struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &told); err != nil || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%v: %q, %s", err, w.Body, w.Header().Get("Content-Type"))
	}
	if w.Code != status || told.Error != code || told.Description == "" {
		t.Errorf("%d %s, want %d %s", w.Code, w.Body, status, code)
	}
	if retry := w.Header().Get("Retry-After") != ""; retry != (status == http.StatusServiceUnavailable) {
		t.Errorf("%d with Retry-After: %t", status, retry)
	}
	return told.Description
}

func (f *fixture) wantCalls(want ...revoked) {
	f.t.Helper()
	got := f.gate.take()
	if len(got) != len(want) {
		f.t.Fatalf("revoked %+v, want %+v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			f.t.Errorf("revoked %+v, want %+v", got[i], want[i])
		}
	}
}
