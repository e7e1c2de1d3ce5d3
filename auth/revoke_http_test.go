package auth_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"socketiojwt/auth"
)

// The middleware for HTTP routes asks the denylist too.
func TestRevokedTokensOfRequests(t *testing.T) {
	list := &failing{Denylist: auth.NewDenylist(auth.DenylistOptions{})}
	gate := newGate(t, verifier(t), auth.Options{Denylist: list})
	route := gate.HTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	compact := sign(issued("7"))
	get := func(want int, reason auth.Reason) {
		t.Helper()
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", "Bearer "+compact)
		route.ServeHTTP(w, r)
		var got auth.Reason
		if refusal, ok := auth.ParseRefusal(w.Body.Bytes()); ok {
			got = refusal.Reason
		}
		if w.Code != want || got != reason {
			t.Errorf("status %d, %q, want %d %q", w.Code, got, want, reason)
		}
	}
	get(http.StatusNoContent, "")
	if _, err := gate.Revoke(t.Context(), ada, auth.RevokeOptions{}); err != nil {
		t.Error(err)
	}
	get(http.StatusUnauthorized, "token_revoked")
	list.err = errors.New("away")
	get(http.StatusServiceUnavailable, "auth_unavailable")
}

// Operators can list the leases of an issuer, and those with a value of a claim.
func TestLeasesOfAnIssuerOrClaim(t *testing.T) {
	inModes(t, setup{}, func(f *fixture, mode string) {
		f.enter(mode, sign(issued("7").with("tenants", []string{"acme", "b"})))
		f.enter(mode, sign(claims{"iss": "https://elsewhere", "tenants": "acme"}))
		for m, want := range map[auth.Match]string{
			auth.ByIssuer("https://issuer"): "running", auth.ByIssuer("https://none"): "", auth.ByIssuer(""): "",
			auth.ByClaim("tenants", "acme"): "running running", auth.ByClaim("tenants", "b"): "running", auth.ByClaim("tenants", 1): "", {}: "",
		} {
			if got := states(f.gate, m); got != want {
				f.t.Errorf("%s: %q, want %q", m, got, want)
			}
		}
	})
}
