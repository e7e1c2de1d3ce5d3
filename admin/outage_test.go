package admin_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/admin"
	"socketiojwt/auth"
	"socketiojwt/auth/authtest"
	"socketiojwt/token"
	"socketiojwt/token/mint"
)

// slowDenylist is a list that cannot be written for a while.
type slowDenylist struct{ auth.Denylist }

func (slowDenylist) Add(context.Context, auth.Revocation) error {
	time.Sleep(2 * time.Second)
	return errors.New("a server with a secret name does not answer")
}

// TestRevokeDuringAnOutage checks that gates do not wait one after the other, and that the answer
// says where the revocation is in force.
func TestRevokeDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := map[string]*auth.Gate{}
		for _, name := range []string{"a", "b", "c"} {
			gates[name], _ = authtest.NewGate(t, auth.Options{Denylist: slowDenylist{auth.NewDenylist(auth.DenylistOptions{})}})
		}
		key, err := mint.Generate(token.HS256)
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := token.NewVerifier(key.Key(), token.Options{})
		if err != nil {
			t.Fatal(err)
		}
		api, err := admin.New(gates, verifier, admin.Options{})
		if err != nil {
			t.Fatal(err)
		}
		compact, err := mint.Sign(key, map[string]any{"sub": "op", "scope": "socketio:admin", "exp": time.Now().Add(time.Hour).Unix()}, mint.Header{})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, "/revocations", strings.NewReader(`{"issuer": "i", "subject": "ada"}`))
		r.Header.Set("Authorization", "Bearer "+compact)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		began := time.Now()
		api.ServeHTTP(w, r)
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("the answer took %v", took)
		}
		if body := w.Body.String(); w.Code != http.StatusServiceUnavailable || !strings.Contains(body, "in force on this node only, where 0 sockets ended") || strings.Contains(body, "secret name") {
			t.Errorf("%d %s", w.Code, body)
		}
	})
}
