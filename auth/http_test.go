package auth_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

const (
	realm     = `Bearer realm="socketio-jwt"`
	badFormat = realm + `, error="invalid_request", error_description="Format is Authorization: Bearer [token]"`
)

// A handler runs with the lease of the token.
func TestHTTPAdmits(t *testing.T) {
	everywhere := []auth.Source{auth.FromAuth("token"), auth.FromHeader(), auth.FromQuery("token"), auth.FromCookie("session")}
	r := newRoute(t, verifier(t), auth.Options{
		Sources: everywhere, KeepEncoded: true,
		Authorize: userName.By(func(_ context.Context, t *token.Token, h *socketio.Handshake) (string, error) {
			return strings.ToUpper(t.Subject) + h.Path, nil
		}),
	})
	compact := sign(nil)
	want := fmt.Sprintf("ada ADA/me %d", len(compact))
	for name, test := range map[string]struct {
		query  string
		header http.Header
	}{
		"header":              {"", bearer(compact)},
		"query":               {"?token=" + compact, nil},
		"cookie":              {"", http.Header{"Cookie": {"session=" + compact}}},
		"the same one twice":  {"?token=" + compact, bearer(compact)},
		"cookie, same origin": {"", http.Header{"Cookie": {"session=" + compact}, "Sec-Fetch-Site": {"same-origin"}}},
	} {
		response, body := r.ask(http.MethodPost, "/me"+test.query, test.header)
		if response.StatusCode != http.StatusOK || body != want {
			t.Errorf("%s: got %d %s, want %s", name, response.StatusCode, body, want)
		}
		if got := response.Header.Get("Cache-Control"); got != "private" {
			t.Errorf("%s: Cache-Control %q", name, got)
		}
	}
}

func TestHTTPRefusesBadCredentials(t *testing.T) {
	r := newRoute(t, verifier(t), auth.Options{Sources: []auth.Source{auth.FromHeader(), auth.FromQuery("token")}, Guests: &auth.GuestOptions{}})
	invalid := func(message string) string {
		return realm + `, error="invalid_token", error_description="` + message + `"`
	}
	r.refused(nil, 401, realm, "token_missing")
	r.refused(http.Header{"Authorization": {"Basic YWRhOnNlY3JldA=="}}, 401, realm, "token_malformed")
	r.refused(http.Header{"Authorization": {"Bearer"}}, 400, badFormat, "token_malformed")
	r.refused(http.Header{"Authorization": {"Bearer a b"}}, 400, badFormat, "token_malformed")
	r.refused(http.Header{"Authorization": {"Bearer " + sign(nil), "Bearer " + sign(nil)}}, 400,
		realm+`, error="invalid_request", error_description="more than one token provided"`, "token_conflict")
	r.refused(bearer("guesswork"), 401, invalid("jwt malformed"), "token_malformed")
	r.refused(bearer(sign(claims{"exp": 1})), 401, invalid("jwt expired"), "token_expired")
	r.refused(bearer(signWith("another secret, just as long as the first", map[string]any{"alg": "HS256"}, claims{"sub": "mallory"})), 401, invalid("invalid signature"), "token_signature")
	r.never()
	if log := r.log.String(); !strings.Contains(log, "reason=token_expired temporary=false cause=\"token: expired at 1970-01-01T00:00:01Z\" issuer=\"\" subject=ada token=") || strings.Contains(log, "mallory") {
		t.Errorf("the log does not name the subject of the expired token only:\n%s", log)
	}

	header := newRoute(t, verifier(t), auth.Options{Sources: []auth.Source{auth.FromHeader()}, Realm: "chat", ThreamTexts: true})
	header.refused(nil, 401, `Bearer realm="chat"`, "token_missing")
	header.refused(bearer(sign(claims{"exp": 1})), 401, `Bearer realm="chat", error="invalid_token", error_description="`+threamText+`"`, "token_expired")
}

// The error of a hook decides the status. The value of a panic is not sent.
func TestHTTPHooks(t *testing.T) {
	for name, test := range map[string]struct {
		authorize error
		status    int
		challenge string
		reason    string
	}{
		"an error":       {errors.New("no such user"), 403, realm + `, error="insufficient_scope", error_description="not authorized"`, "not_authorized"},
		"its own words":  {&auth.Error{Message: "say \"please\"\r\n\\é", Reason: "banned"}, 403, realm + `, error="insufficient_scope", error_description="say ?please?????"`, "banned"},
		"a long message": {&auth.Error{Message: strings.Repeat("x", 1000)}, 403, realm + `, error="insufficient_scope", error_description="` + strings.Repeat("x", 200) + `"`, "not_authorized"},
		"a revoked one":  {&auth.Error{Message: "revoked", Reason: auth.ReasonTokenExpired}, 401, realm + `, error="invalid_token", error_description="revoked"`, "token_expired"},
		"for now":        {&auth.Error{Message: "come back", Temporary: true}, 503, "", "not_authorized"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoute(t, verifier(t), auth.Options{Authorize: auth.Check(func(context.Context, *token.Token, *socketio.Handshake) error {
				return test.authorize
			})})
			r.refused(bearer(sign(nil)), test.status, test.challenge, test.reason)
			r.never()
			if !strings.Contains(r.log.String(), "subject=ada") {
				t.Errorf("the log does not name the subject:\n%s", r.log.String())
			}
		})
	}
	t.Run("a panic", func(t *testing.T) {
		r := newRoute(t, verifier(t), auth.Options{Authorize: auth.Check(func(context.Context, *token.Token, *socketio.Handshake) error {
			panic(sign(nil))
		})})
		r.refused(bearer(sign(nil)), 500, "", "internal_error")
		r.never()
	})
	t.Run("a source", func(t *testing.T) {
		r := newRoute(t, verifier(t), auth.Options{Sources: []auth.Source{auth.SourceFunc(func(context.Context, *socketio.Handshake) (string, error) {
			return "", errors.New("no")
		})}})
		r.refused(nil, 401, realm+`, error="invalid_token", error_description="not authorized"`, "not_authorized")
	})
	t.Run("too late", func(t *testing.T) {
		r := newRoute(t, verifier(t), auth.Options{Timeout: time.Millisecond, Authorize: auth.Check(func(ctx context.Context, _ *token.Token, _ *socketio.Handshake) error {
			<-ctx.Done()
			return nil
		})})
		r.refused(bearer(sign(nil)), 503, "", "auth_unavailable")
		r.never()
	})
	t.Run("no keys", func(t *testing.T) {
		r := newRoute(t, strict(t), auth.Options{})
		r.refused(bearer(signWith(secret, map[string]any{"alg": "HS256", "kid": "down"}, claims{})), 503, "", "keys_unavailable")
		r.never()
	})
}

// Browsers send cookies with requests of other sites. The gate ignores these cookies.
func TestHTTPReadsNoCookiesOfOtherSites(t *testing.T) {
	trusting := http.NewCrossOriginProtection()
	if err := trusting.AddTrustedOrigin("https://app.example"); err != nil {
		t.Fatal(err)
	}
	r := newRoute(t, verifier(t), auth.Options{Sources: []auth.Source{auth.FromHeader(), auth.FromCookie("session")}, CrossOrigin: trusting})
	for name, test := range map[string]struct {
		method string
		header http.Header
		status int
	}{
		"a program":                 {"POST", http.Header{}, 200},
		"the site itself":           {"POST", http.Header{"Sec-Fetch-Site": {"same-origin"}}, 200},
		"a trusted site":            {"POST", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://app.example"}}, 200},
		"a link":                    {"GET", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 200},
		"another site":              {"POST", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}, 401},
		"another site, old browser": {"POST", http.Header{"Origin": {"https://evil.example"}}, 401},
		"a frame without an origin": {"POST", http.Header{"Origin": {"null"}}, 401},
		"a deletion":                {"DELETE", http.Header{"Sec-Fetch-Site": {"same-site"}}, 401},
		"a WebSocket":               {"GET", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}, "Upgrade": {"websocket"}}, 401},
		"another site with a token": {"POST", http.Header{"Origin": {"https://evil.example"}, "Authorization": {"Bearer " + sign(nil)}}, 200},
	} {
		if name != "another site with a token" {
			test.header.Set("Cookie", "session="+sign(nil))
		}
		response, body := r.ask(test.method, "/me", test.header)
		if response.StatusCode != test.status {
			t.Errorf("%s: got %d %s, want %d", name, response.StatusCode, body, test.status)
		}
	}
	if log := r.log.String(); !strings.Contains(log, "see Options.CrossOrigin") || strings.Contains(log, "level=WARN") {
		t.Errorf("the log says too little or too much:\n%s", log)
	}
}

// A preflight has no token, so it must not reach a handler.
func TestHTTPPreflight(t *testing.T) {
	r := newRoute(t, verifier(t), auth.Options{})
	preflight := http.Header{"Origin": {"https://app.example"}, "Access-Control-Request-Method": {"POST"}}
	response, body := r.ask(http.MethodOptions, "/me", preflight)
	if response.StatusCode != http.StatusNoContent || body != "" || response.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("got %d %q %v", response.StatusCode, body, response.Header)
	}
	if response, _ := r.ask(http.MethodOptions, "/me", nil); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("OPTIONS that is not a preflight: %d", response.StatusCode)
	}
	r.never()
	if strings.Contains(r.log.String(), "preflight") {
		t.Error("preflights fill the log")
	}
}

// A gate whose sources find no token in requests logs an error when the route is made.
func TestHTTPWithoutASource(t *testing.T) {
	r := newRoute(t, verifier(t), auth.Options{Sources: []auth.Source{auth.FromAuth("token")}})
	if !strings.Contains(r.log.String(), "level=ERROR") || !strings.Contains(r.log.String(), "add FromHeader") {
		t.Errorf("log: %s", r.log.String())
	}
	r.refused(bearer(sign(nil)), 401, realm, "token_missing")
	r.never()
}

// A client that has gone causes no warning.
func TestHTTPClientGone(t *testing.T) {
	r := &route{t: t}
	gate := newGate(t, verifier(t), auth.Options{Logger: slog.New(slog.NewTextHandler(&r.log, nil))})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	gate.HTTP(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") })).
		ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
	if r.log.String() != "" {
		t.Errorf("log: %s", r.log.String())
	}
}

func TestRealm(t *testing.T) {
	for _, realm := range []string{`say "a"`, `a\`, "a\r\nb", "é"} {
		if _, err := auth.NewGate(verifier(t), auth.Options{Realm: realm}); err == nil || !regexp.MustCompile(`^auth: Realm must`).MatchString(err.Error()) {
			t.Errorf("realm %q: %v", realm, err)
		}
	}
}
