package introspect_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/token"
	"socketiojwt/token/introspect"
)

var _ auth.Verifier = (*introspect.Verifier)(nil)

// The request is that of RFC 7662, section 2.1, and the token has the claims of the
// response. Its hash is that of the credential, by which it can be revoked.
func TestActiveToken(t *testing.T) {
	bubble(t, func(s *server) {
		s.activate("good", members{"scope": "read write", "client_id": "web", "jti": "7", "username": "ada l."})
		usual := s.ServeHTTP
		var checked bool
		s.answers(func(w http.ResponseWriter, r *http.Request) {
			user, password, ok := r.BasicAuth()
			if r.Method != "POST" || !ok || user != "chat" || password != "s3cret+of+the+client" || r.Header.Get("Accept") != "application/json" ||
				r.PostFormValue("token_type_hint") != "access_token" || r.URL.Query().Get("token") != "" {
				t.Errorf("%s %v %v", r.Method, r.Header, r.Form)
			}
			checked = true
			s.answers(nil)
			usual(w, r)
		})
		v := s.verifier(basic, introspect.Options{})
		defer func() { _ = v.Close() }()
		got, err := v.Verify(s.t.Context(), "good")
		if err != nil || !checked {
			t.Fatal(err, checked)
		}
		var scope string
		if err := got.Claim("scope", &scope); err != nil || scope != "read write" {
			t.Error(scope, err)
		}
		if got.Subject != "ada" || got.Issuer != "https://login.example.com" || got.ID != "7" || got.Hash != sha256.Sum256([]byte("good")) || !got.ValidUntil().Equal(time.Now().Add(time.Hour)) {
			t.Errorf("%+v until %s", got, got.ValidUntil())
		}
	})
}

// A response without iss gets that of the options, so that a Match by subject finds the token.
// One with iss keeps it, and the rules decide about it.
func TestIssuer(t *testing.T) {
	for name, c := range map[string]struct {
		iss  any
		want string
		err  error
	}{
		"none":    {nil, "https://login.example.com", nil},
		"another": {"https://evil.example", "", token.ErrIssuer},
		"same":    {"https://login.example.com", "https://login.example.com", nil},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(s *server) {
				s.activate("good", members{"iss": c.iss, "sid": "s"})
				v := s.verifier(basic, introspect.Options{Issuer: "https://login.example.com"})
				defer func() { _ = v.Close() }()
				got, err := v.Verify(s.t.Context(), "good")
				if !errors.Is(err, c.err) || err == nil && (got.Issuer != c.want || got.Subject != "ada" || got.SessionID != "s") {
					t.Errorf("%+v, %v", got, err)
				}
			})
		})
	}
	if _, err := introspect.New(endpointURL, basic, introspect.Options{Rules: rules, Issuer: "https://other.example"}); err == nil {
		t.Error("an issuer that the rules refuse is accepted")
	}
}

// The claims of the response are checked by the rules of a signed token.
func TestRules(t *testing.T) {
	for name, c := range map[string]struct {
		more members
		want error
	}{
		"good":                 {nil, nil},
		"a list of audiences":  {members{"aud": []string{"x", "chat"}}, nil},
		"no exp":               {members{"exp": nil}, token.ErrClaimMissing},
		"expired":              {members{"exp": 1}, token.ErrExpired},
		"exp in milliseconds":  {members{"exp": 1e12}, token.ErrClaim},
		"not yet valid":        {members{"nbf": 1e10}, token.ErrNotYetValid},
		"another issuer":       {members{"iss": "https://evil.example"}, token.ErrIssuer},
		"no issuer":            {members{"iss": nil}, token.ErrIssuer},
		"another audience":     {members{"aud": "other"}, token.ErrAudience},
		"no audience":          {members{"aud": nil}, token.ErrAudience},
		"an audience of 1":     {members{"aud": 1}, token.ErrClaim},
		"Bearer":               {members{"token_type": "bearer"}, nil},
		"DPoP":                 {members{"token_type": "DPoP"}, token.ErrType},
		"a type of 1":          {members{"token_type": 1}, token.ErrType},
		"bound":                {members{"cnf": members{"jkt": "x"}}, token.ErrType},
		"another client":       {members{"client_id": "other"}, token.ErrClaim},
		"another spelling":     {members{"Sub": "eve", "sub": nil}, nil},
		"a member with spaces": {members{"active ": false}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := rules
			r.Claims = map[string]string{"client_id": "web"}
			with(t, introspect.Options{Rules: r}, func(s *server, v *introspect.Verifier) {
				more := members{"client_id": "web"}
				for k, value := range c.more {
					more[k] = value
				}
				s.activate("t", more)
				want(t, name, verify(v, "t"), c.want)
				if got, err := v.Verify(s.t.Context(), "t"); err == nil && name == "another spelling" && got.Subject != "" {
					t.Errorf("sub %q", got.Subject)
				}
				s.wantAsked(1, "the second call is answered from memory")
			})
		})
	}
}

// Only a strict response with a boolean active is a verdict. Anything else is a failure, after which the
// peer may try again.
func TestResponses(t *testing.T) {
	good := fmt.Sprintf(`"iss":"https://login.example.com","sub":"ada","aud":"chat","exp":%d`, time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC).Unix())
	for body, wanted := range map[string]error{
		`{"active":true,` + good + `}`:                           nil,
		`{"active":false}`:                                       token.ErrRevoked,
		`{"active":false,` + good + `}`:                          token.ErrRevoked,
		`{"active":"true",` + good + `}`:                         token.ErrKeysUnavailable,
		`{"active":1,` + good + `}`:                              token.ErrKeysUnavailable,
		`{"active":null,` + good + `}`:                           token.ErrKeysUnavailable,
		`{"Active":true,` + good + `}`:                           token.ErrKeysUnavailable,
		`{` + good + `}`:                                         token.ErrKeysUnavailable,
		`{"active":false,"active":true,` + good + `}`:            token.ErrKeysUnavailable,
		`{"active":true,"sub":"eve",` + good + `}`:               token.ErrKeysUnavailable,
		`{"active":true,` + good + `} x`:                         token.ErrKeysUnavailable,
		`{"active":true,` + good + `}{}`:                         token.ErrKeysUnavailable,
		`[{"active":true,` + good + `}]`:                         token.ErrKeysUnavailable,
		`true`:                                                   token.ErrKeysUnavailable,
		``:                                                       token.ErrKeysUnavailable,
		`{"active":true,"x":` + strings.Repeat("[", 100):         token.ErrKeysUnavailable,
		`{"active":true,` + good + strings.Repeat(" ", 64<<10):   token.ErrKeysUnavailable,
		"{\"active\":true,\"x\":\"\xff\"," + good + "}":          token.ErrKeysUnavailable,
		`{"\u0061ctive":true,` + good + `}`:                      nil,
		`{"active":true,"active ":false,"x":{},` + good + `}`:    nil,
		`{"active":true,"x":{"y":1,"y":2},` + good + `}`:         token.ErrKeysUnavailable,
		`{"active":true,"` + strings.Repeat("y", 9) + `":1e999}`: token.ErrClaimMissing,
	} {
		with(t, introspect.Options{}, func(s *server, v *introspect.Verifier) {
			s.says(body)
			want(t, fmt.Sprintf("%.100s", body), verify(v, "t"), wanted)
		})
	}
}

// A response of another type or status, and a redirect, are failures.
func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   introspect.FailureKind
	}{
		"another type": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/token-introspection+jwt")
			fmt.Fprint(w, `{"active":true}`)
		}, introspect.FailureInvalid},
		"no type":             {func(w http.ResponseWriter, _ *http.Request) { w.Header()["Content-Type"] = nil; fmt.Fprint(w, `{}`) }, introspect.FailureInvalid},
		"unauthorized client": {func(w http.ResponseWriter, r *http.Request) { http.Error(w, r.PostFormValue("token"), 401) }, introspect.FailureStatus},
		"a redirect":          {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other", 307) }, introspect.FailureUnreachable},
		"a lost connection":   {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, introspect.FailureUnreachable},
		"not HTTP": {func(w http.ResponseWriter, r *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			fmt.Fprintf(conn, "%s %s\r\n\r\n", r.PostFormValue("token"), r.Header.Get("Authorization"))
			_ = conn.Close()
		}, introspect.FailureUnreachable},
		"no response": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, introspect.FailureTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			with(t, introspect.Options{}, func(s *server, v *introspect.Verifier) {
				s.answers(c.answer)
				err := verify(v, "s3cret.token")
				want(t, name, err, token.ErrKeysUnavailable)
				for _, hidden := range []string{"s3cret", "qu3ry", "Basic"} {
					if strings.Contains(err.Error()+s.log.String(), hidden) {
						t.Errorf("%q in %v\n%s", hidden, err, &s.log)
					}
				}
				if !strings.Contains(s.log.String(), "localhost") {
					t.Errorf("the log does not name the host: %s", &s.log)
				}
				if got := v.Stats(); got.Failure != c.kind || got.Failures != 1 || got.Requests != 1 || got.Failing != 1 {
					t.Errorf("%+v, want %q", got, c.kind)
				}
				if name != "a lost connection" { // after which net/http may try again
					s.wantAsked(1, "no redirect is followed")
				}
				s.answers(nil)
				want(t, "the next token", verify(v, "good"), nil)
				if got := v.Stats(); got.Failing != 0 || got.Failure != "" {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

// Text that cannot be a token is not sent to the endpoint.
func TestJunkIsNotAsked(t *testing.T) {
	with(t, introspect.Options{}, func(s *server, v *introspect.Verifier) {
		for _, junk := range []string{"", "=", "a b", "a=b", "a\r\nb", "é", "a\x00", "{}", `"x"`, "a&token=b", "a%20b"} {
			want(t, junk, verify(v, junk), token.ErrMalformed)
		}
		want(t, "too long", verify(v, strings.Repeat("x", 4<<10+1)), token.ErrTooLarge)
		s.wantAsked(0, "for junk")
		s.activate("aZ09-._~+/==", nil)
		want(t, "all characters", verify(v, "aZ09-._~+/=="), nil)
		want(t, "the longest", verify(v, strings.Repeat("x", 4<<10)), token.ErrRevoked)
	})
}

// New refuses what is unsafe or contradicts itself.
func TestNewRefuses(t *testing.T) {
	good := introspect.Options{Rules: rules}
	for name, c := range map[string]struct {
		url  string
		auth introspect.ClientAuth
		opts introspect.Options
	}{
		"plain http":      {"http://login.example.com/i", basic, good},
		"a user":          {"https://a:b@login.example.com/i", basic, good},
		"no URL":          {"", basic, good},
		"no credentials":  {"https://login.example.com/i", introspect.ClientAuth{}, good},
		"an empty secret": {"https://login.example.com/i", introspect.ClientSecretBasic("chat", ""), good},
		"no function":     {"https://login.example.com/i", introspect.BearerToken(nil), good},
		"no audience":     {"https://login.example.com/i", basic, introspect.Options{}},
		"a type":          {"https://login.example.com/i", basic, introspect.Options{Rules: token.Options{Audiences: []string{"x"}, Type: "JWT"}}},
		"negative":        {"https://login.example.com/i", basic, introspect.Options{Rules: rules, MaxWaiting: -1}},
	} {
		if v, err := introspect.New(c.url, c.auth, c.opts); err == nil {
			t.Errorf("%s: no error", name)
			_ = v.Close()
		}
	}
	for _, url := range []string{"https://login.example.com/i", "http://127.0.0.1:1/i", "http://[::1]/i"} {
		v, err := introspect.New(url, basic, good)
		if err != nil {
			t.Fatal(err)
		}
		_ = v.Close()
	}
	plain := good
	plain.InsecurePlainHTTP = true
	v, err := introspect.New("http://login.example.com/i", basic, plain)
	if err != nil {
		t.Fatal(err)
	}
	_ = v.Close()
	want(t, "after Close", verify(v, "good"), token.ErrKeysUnavailable)
	if v.Available() {
		t.Error("available after Close")
	}
}
