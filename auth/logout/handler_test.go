package logout_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
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

// A logout token ends the session that it names, or all of the user's sockets if it names
// none.
func TestLogout(t *testing.T) {
	f := newFixture(t, nil)
	iat := time.Now().Add(-time.Minute).Unix()
	session := revoked{match: auth.BySession(f.issuer.URL(), "s1")}
	user := revoked{auth.BySubject(f.issuer.URL(), "ada"), iat}
	for name, test := range map[string]struct {
		header  mint.Header
		changes claims
		want    revoked
	}{
		"both":                   {changes: nil, want: session},
		"sid only":               {changes: claims{"sub": nil}, want: session},
		"sub only":               {changes: claims{"sid": nil}, want: user},
		"sid is null":            {changes: claims{"sid": json.RawMessage("null")}, want: user},
		"aud is a list":          {changes: claims{"aud": []string{"mail", client}}, want: session},
		"another event too":      {changes: claims{"events": claims{event: claims{}, "urn:x": 1}}, want: session},
		"an event with members":  {changes: claims{"events": claims{event: claims{"reason": "x"}}}, want: session},
		"typ as a media type":    {header: mint.Header{Type: "application/logout+jwt"}, want: session},
		"typ in capital letters": {header: mint.Header{Type: "LOGOUT+JWT"}, want: session},
		"typ JWT":                {header: mint.Header{Type: "JWT"}, want: session},
		"Keycloak's claim typ":   {header: mint.Header{Type: "JWT"}, changes: claims{"typ": "Logout"}, want: session},
	} {
		t.Run(name, func(t *testing.T) {
			if test.header.Type == "" {
				test.header.Type = "logout+jwt"
			}
			changes := claims{"iat": iat}
			maps.Copy(changes, test.changes)
			w := f.send(f.signAs(test.header, changes))
			if w.Code != http.StatusOK || w.Body.Len() != 0 {
				t.Errorf("%d %s\n%s", w.Code, w.Body, f.log.String())
			}
			f.wantCalls(test.want)
		})
	}
}

// WholeUser ends all sockets of the user where the token names one.
func TestWholeUser(t *testing.T) {
	f := newFixture(t, func(o *logout.Options) { o.WholeUser = true })
	iat := time.Now().Unix()
	if w := f.send(f.sign(claims{"iat": iat})); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	f.wantCalls(revoked{auth.BySubject(f.issuer.URL(), "ada"), iat})
	if w := f.send(f.sign(claims{"iat": iat, "sub": nil})); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	f.wantCalls(revoked{match: auth.BySession(f.issuer.URL(), "s1")})
}

// Tokens that must not log anyone out. Each differs from a good logout token in one thing.
func TestHostileLogoutTokens(t *testing.T) {
	f := newFixture(t, nil)
	other, err := mint.Generate(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	otherKey, err := mint.Sign(other.WithID(f.issuer.Key().Key().ID()), f.claims(nil), mint.Header{Type: "logout+jwt"})
	if err != nil {
		t.Fatal(err)
	}
	hmac, err := mint.Secret(strings.Repeat("s", 32), token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	shared, err := mint.Sign(hmac.WithID(f.issuer.Key().Key().ID()), f.claims(nil), mint.Header{Type: "logout+jwt"})
	if err != nil {
		t.Fatal(err)
	}
	payload, _ := json.Marshal(f.claims(nil))
	encode := base64.RawURLEncoding.EncodeToString
	good := f.sign(nil)
	now := time.Now()
	for name, test := range map[string]struct {
		compact string
		cause   error // nil means only that it is refused
	}{
		"an ID token":                      {f.signAs(mint.Header{Type: "JWT"}, claims{"events": nil, "nonce": "n", "auth_time": 1}), token.ErrClaimMissing},
		"an ID token without nonce":        {f.signAs(mint.Header{}, claims{"events": nil}), token.ErrClaimMissing},
		"an access token":                  {f.signAs(mint.Header{Type: "at+jwt"}, claims{"events": nil, "client_id": client}), token.ErrType},
		"an access token with events":      {f.signAs(mint.Header{Type: "at+jwt"}, nil), token.ErrType},
		"another security event":           {f.signAs(mint.Header{Type: "secevent+jwt"}, nil), token.ErrType},
		"a nonce":                          {f.sign(claims{"nonce": "n"}), token.ErrClaim},
		"a nonce that is null":             {f.sign(claims{"nonce": json.RawMessage("null")}), token.ErrClaim},
		"no events":                        {f.sign(claims{"events": nil}), token.ErrClaimMissing},
		"events is null":                   {f.sign(claims{"events": json.RawMessage("null")}), token.ErrClaimMissing},
		"events is a list":                 {f.sign(claims{"events": []string{event}}), token.ErrClaim},
		"events is a string":               {f.sign(claims{"events": event}), token.ErrClaim},
		"events is empty":                  {f.sign(claims{"events": claims{}}), token.ErrClaim},
		"another event":                    {f.sign(claims{"events": claims{event + "/": claims{}}}), token.ErrClaim},
		"the event is true":                {f.sign(claims{"events": claims{event: true}}), token.ErrClaim},
		"the event is null":                {f.sign(claims{"events": claims{event: nil}}), token.ErrClaim},
		"the event is a list":              {f.sign(claims{"events": claims{event: []int{}}}), token.ErrClaim},
		"the event is a string":            {f.sign(claims{"events": claims{event: "{}"}}), token.ErrClaim},
		"neither sub nor sid":              {f.sign(claims{"sub": nil, "sid": nil}), token.ErrClaimMissing},
		"sub and sid are empty":            {f.sign(claims{"sub": "", "sid": nil}), token.ErrClaimMissing},
		"sid is empty":                     {f.sign(claims{"sid": ""}), token.ErrClaim},
		"sid is a number":                  {f.sign(claims{"sid": 7}), token.ErrClaim},
		"sid is a list":                    {f.sign(claims{"sid": []string{"s1"}}), token.ErrClaim},
		"sub is a number":                  {f.sign(claims{"sub": 7}), token.ErrClaim},
		"no iss":                           {f.sign(claims{"iss": nil}), token.ErrIssuer},
		"another issuer":                   {f.sign(claims{"iss": "https://evil.example"}), token.ErrIssuer},
		"no aud":                           {f.sign(claims{"aud": nil}), token.ErrAudience},
		"another audience":                 {f.sign(claims{"aud": "mail"}), token.ErrAudience},
		"no iat":                           {f.sign(claims{"iat": nil}), token.ErrClaimMissing},
		"issued in the future":             {f.sign(claims{"iat": now.Add(time.Minute).Unix()}), token.ErrNotYetValid},
		"issued long ago":                  {f.sign(claims{"iat": now.Add(-time.Hour).Unix()}), token.ErrMaxAge},
		"no exp":                           {f.sign(claims{"exp": nil}), token.ErrClaimMissing},
		"expired":                          {f.sign(claims{"exp": now.Add(-time.Minute).Unix()}), token.ErrExpired},
		"not yet valid":                    {f.sign(claims{"nbf": now.Add(time.Minute).Unix()}), token.ErrNotYetValid},
		"no jti":                           {f.sign(claims{"jti": nil}), token.ErrClaimMissing},
		"jti is empty":                     {f.sign(claims{"jti": ""}), token.ErrClaimMissing},
		"bound to a key":                   {f.sign(claims{"cnf": claims{"jkt": "0ZcO"}}), token.ErrClaim},
		"alg none":                         {encode([]byte(`{"alg":"none","typ":"logout+jwt"}`)) + "." + encode(payload) + ".", token.ErrUnsigned},
		"signed by another key":            {otherKey, nil},
		"signed by a shared secret":        {shared, nil},
		"signature of another token":       {good[:strings.LastIndex(good, ".")] + f.sign(nil)[strings.LastIndex(f.sign(nil), "."):], token.ErrSignature},
		"not a token":                      {"logout", token.ErrMalformed},
		"a token that is too long":         {strings.Repeat("a", 20<<10), token.ErrTooLarge},
		"two events members":               {f.signText(`"events":{},"events":{"` + event + `":{}}`), token.ErrMalformed},
		"the event given twice":            {f.signText(`"events":{"` + event + `":{},"` + event + `":{}}`), token.ErrMalformed},
		"the event with escapes and twice": {f.signText(`"events":{"` + event + `":{},"\u0068` + event[1:] + `":{}}`), token.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			if test.cause != nil && !causes(f, test.compact, test.cause) {
				t.Errorf("the verifier and the handler do not refuse it with %v", test.cause)
			}
			description := wantFailure(t, f.send(test.compact), http.StatusBadRequest, "invalid_request")
			if description != "the logout token is not valid" {
				t.Errorf("the peer is told %q", description)
			}
			f.wantCalls()
		})
	}
	if strings.Contains(f.log.String(), encode(payload)[:40]) {
		t.Error("a token is in the log")
	}
}

// signText signs a good logout token with other events, which are the text of a member.
func (f *fixture) signText(events string) string {
	f.t.Helper()
	text, err := json.Marshal(f.claims(claims{"events": nil}))
	if err != nil {
		f.t.Fatal(err)
	}
	key := f.issuer.Key()
	header := `{"alg":"ES256","typ":"logout+jwt","kid":"` + key.Key().ID() + `"}`
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(header)) + "." + encode([]byte(string(text[:len(text)-1])+","+events+"}"))
	signature, err := key.Signature(input)
	if err != nil {
		f.t.Fatal(err)
	}
	return input + "." + encode(signature)
}

// causes reports whether the log says that a logout token was refused with want.
func causes(f *fixture, compact string, want error) bool {
	var log bytes.Buffer
	handler, err := logout.NewHandler(logout.Options{
		Verifier: verifierOf(f.t, f.issuer, f.rules), Gates: []logout.Revoker{f.gate}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		f.t.Fatal(err)
	}
	second := &fixture{t: f.t, issuer: f.issuer, gate: f.gate, handler: handler}
	second.send(compact)
	return strings.Contains(log.String(), want.Error())
}

// The handler checks the claims of a logout token even if the verifier's rules do not.
func TestLooseVerifier(t *testing.T) {
	f := newFixture(t, nil)
	loose := token.Options{InsecureNoIssuer: true, InsecureNoAudience: true, InsecureNoExpiry: true, Type: "logout+jwt"}
	f.handler = newFixture(t, func(o *logout.Options) {
		o.Verifier, o.Gates = verifierOf(t, f.issuer, loose), []logout.Revoker{f.gate}
	}).handler
	for _, name := range []string{"iss", "iat", "exp", "jti", "events"} {
		wantFailure(t, f.send(f.sign(claims{name: nil})), http.StatusBadRequest, "invalid_request")
	}
	wantFailure(t, f.send(f.sign(claims{"nonce": "n"})), http.StatusBadRequest, "invalid_request")
	f.wantCalls()
	if w := f.send(f.sign(nil)); w.Code != http.StatusOK {
		t.Errorf("a good one: %d %s", w.Code, w.Body)
	}
}

// A logout token is used once. It can be sent again if the first attempt has failed.
func TestReplay(t *testing.T) {
	f := newFixture(t, nil)
	first := f.sign(claims{"jti": "j1"})
	f.gate.fail(errors.New("the disk is full"))
	description := wantFailure(t, f.send(first), http.StatusServiceUnavailable, "temporarily_unavailable")
	if strings.Contains(description, "disk") {
		t.Errorf("the peer is told %q", description)
	}
	f.gate.fail(nil)
	if w := f.send(first); w.Code != http.StatusOK {
		t.Errorf("sent again: %d %s", w.Code, w.Body)
	}
	f.gate.take()
	wantFailure(t, f.send(first), http.StatusBadRequest, "invalid_request")
	wantFailure(t, f.send(f.sign(claims{"jti": "j1", "sid": "s2"})), http.StatusBadRequest, "invalid_request")
	f.wantCalls()
	if w := f.send(f.sign(claims{"jti": "j2"})); w.Code != http.StatusOK {
		t.Errorf("another jti: %d %s", w.Code, w.Body)
	}
	if !strings.Contains(f.log.String(), "used before") {
		t.Errorf("the log does not name the replay:\n%s", f.log.String())
	}
}

// One of many requests with the same token revokes.
func TestConcurrentReplays(t *testing.T) {
	f := newFixture(t, nil)
	compact := f.sign(nil)
	codes := make(chan int, 20)
	for range cap(codes) {
		go func() { codes <- f.send(compact).Code }()
	}
	good := 0
	for range cap(codes) {
		if <-codes == http.StatusOK {
			good++
		}
	}
	if good != 1 {
		t.Errorf("%d of them succeed", good)
	}
	f.wantCalls(revoked{match: auth.BySession(f.issuer.URL(), "s1")})
}

// The memory is bounded, and forgets the oldest tokens first.
func TestReplayMemoryIsBounded(t *testing.T) {
	f := newFixture(t, func(o *logout.Options) { o.MaxRemembered = 4 })
	send := func(id string) int { return f.send(f.sign(claims{"jti": id})).Code }
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		if code := send(id); code != http.StatusOK {
			t.Errorf("%s: %d", id, code)
		}
	}
	for id, want := range map[string]int{"c": 400, "d": 400, "e": 400} {
		if code := send(id); code != want {
			t.Errorf("%s again: %d", id, code)
		}
	}
	if code := send("a"); code != http.StatusOK {
		t.Errorf("a was forgotten: %d", code)
	}
}
