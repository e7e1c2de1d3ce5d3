package introspect_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"socketiojwt/token"
	"socketiojwt/token/introspect"
	"socketiojwt/token/mint"
)

func signingKey(t *testing.T) mint.SigningKey {
	t.Helper()
	key, err := mint.Generate(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Each way to authenticate sends its credentials where it should.
func TestClientAuth(t *testing.T) {
	key := signingKey(t)
	for name, c := range map[string]struct {
		auth  introspect.ClientAuth
		check func(r *http.Request) bool
	}{
		"post": {introspect.ClientSecretPost("chat", clientSecret), func(r *http.Request) bool {
			return r.PostFormValue("client_id") == "chat" && r.PostFormValue("client_secret") == clientSecret && r.Header.Get("Authorization") == ""
		}},
		"bearer": {introspect.BearerToken(func(context.Context) (string, error) { return "access", nil }), func(r *http.Request) bool {
			return r.Header.Get("Authorization") == "Bearer access"
		}},
		"assertion": {introspect.PrivateKeyJWT("chat", key, ""), func(r *http.Request) bool {
			checker, err := token.NewVerifier(key.Key(), token.Options{Issuers: []string{"chat"}, Audiences: []string{endpointURL}, Required: []string{"jti", "iat"}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = checker.Verify(context.Background(), r.PostFormValue("client_assertion"))
			return err == nil && r.PostFormValue("client_assertion_type") == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
		}},
	} {
		bubble(t, func(s *server) {
			v := s.verifier(c.auth, introspect.Options{})
			defer func() { _ = v.Close() }()
			s.answers(func(w http.ResponseWriter, r *http.Request) {
				if !c.check(r) {
					t.Errorf("%s: %v %v", name, r.Header, r.PostForm)
				}
				s.answers(nil)
				s.ServeHTTP(w, r)
			})
			want(t, name, verify(v, "good"), nil)
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
				if text := fmt.Sprintf(verb+verb+verb, v, c.auth, basic); strings.Contains(text, "s3cret") || strings.Contains(text, "qu3ry") {
					t.Errorf("%s: %s", verb, text)
				}
			}
		})
	}
}

// An error or a panic of the program's code is a failure, whose text is not shown.
func TestBearerTokenFails(t *testing.T) {
	for name, get := range map[string]func(context.Context) (string, error){
		"an error":    func(context.Context) (string, error) { return "", errors.New("s3cret") },
		"a panic":     func(context.Context) (string, error) { panic("s3cret") },
		"not a token": func(context.Context) (string, error) { return "a\r\nb", nil },
	} {
		bubble(t, func(s *server) {
			v := s.verifier(introspect.BearerToken(get), introspect.Options{})
			defer func() { _ = v.Close() }()
			err := verify(v, "good")
			want(t, name, err, token.ErrKeysUnavailable)
			if strings.Contains(err.Error()+s.log.String(), "s3cret") {
				t.Errorf("%v\n%s", err, &s.log)
			}
			s.wantAsked(0, name)
			synctest.Wait()
		})
	}
}
