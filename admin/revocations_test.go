package admin_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio/sockettest"
)

type ended struct{ Sockets int }

type revocations struct {
	Revocations []struct {
		ID, Gate, Match, Reason string
		Block                   *struct{ Issuer, Subject string }
	}
	Next string
}

// gone checks that the server sent a peer DISCONNECT.
func gone(t *testing.T, peer *sockettest.Peer) {
	t.Helper()
	if err := peer.Ended(t.Context()); !errors.Is(err, sockettest.ErrDisconnected) {
		t.Errorf("the socket ended with %v, want DISCONNECT", err)
	}
}

// Each kind of match ends the sockets that it selects and no other, and the token is refused
// afterwards.
func TestRevoke(t *testing.T) {
	for name, body := range map[string]string{
		"subject": `{"issuer":"i","subject":"ada","reason":"left the company"}`,
		"token":   `{"issuer":"i","tokenId":"7"}`,
		"session": `{"issuer":"i","sessionId":"s"}`,
		"claim":   `{"claim":{"name":"device","value":12}}`,
		"issuer":  `{"issuer":"i","wholeIssuer":true}`,
		"gate":    `{"gate":"main","issuer":"i","tokenId":"7","until":"2999-01-01T00:00:00Z"}`,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			claims := map[string]any{"iss": "i", "sub": "ada", "jti": "7", "sid": "s", "device": 12, "iat": time.Now().Unix()}
			ada := f.dial(claims)
			f.dial(map[string]any{"iss": "j", "sub": "ada", "jti": "7", "sid": "s", "device": 13})
			var e ended
			f.call("POST", "/revocations", body, http.StatusOK, &e)
			if e.Sockets != 1 {
				t.Errorf("%d sockets ended, want ada's", e.Sockets)
			}
			gone(t, ada)
			if refused := f.srv.Refused(sockettest.Options{Auth: map[string]any{"token": f.sign(claims)}}); refused.Message != "jwt revoked" {
				t.Errorf("refused with %q", refused.Message)
			}
			if !strings.Contains(f.log.String(), "admin: revoked") {
				t.Errorf("log: %s", &f.log)
			}
		})
	}
}

// The bytes of a hash select one token.
func TestRevokeByHash(t *testing.T) {
	f := newFixture(t)
	ada := f.dial(map[string]any{"sub": "ada"})
	var p page
	f.call("GET", "/leases", "", http.StatusOK, &p)
	var e ended
	f.call("POST", "/revocations", fmt.Sprintf(`{"tokenHash":%q}`, p.Leases[0].TokenHash), http.StatusOK, &e)
	if e.Sockets != 1 {
		t.Errorf("%d sockets ended, want ada's", e.Sockets)
	}
	gone(t, ada)
}

// A blocked subject stays out, also with a token that is issued later, until the block is
// removed.
func TestBlock(t *testing.T) {
	f := newFixture(t)
	ada := f.dial(map[string]any{"sub": "ada"})
	var e ended
	f.call("POST", "/blocks", `{"subject":"ada","reason":"abuse"}`, http.StatusOK, &e)
	if e.Sockets != 1 {
		t.Errorf("%d sockets ended, want ada's", e.Sockets)
	}
	gone(t, ada)
	later := map[string]any{"sub": "ada", "iat": time.Now().Add(5 * time.Second).Unix()}
	f.srv.Refused(sockettest.Options{Auth: map[string]any{"token": f.sign(later)}})
	var list revocations
	f.call("GET", "/revocations?gate=main", "", http.StatusOK, &list)
	if len(list.Revocations) != 1 || list.Revocations[0].Block == nil || list.Revocations[0].Block.Subject != "ada" || list.Revocations[0].Reason != "abuse" {
		t.Errorf("%+v", list)
	}
	f.call("POST", "/blocks/remove", `{"subject":"ada"}`, http.StatusOK, nil)
	f.dial(later)
	f.call("GET", "/revocations", "", http.StatusOK, &list)
	if len(list.Revocations) != 0 {
		t.Errorf("after the block was removed: %+v", list)
	}
}

// The denylists of all gates are listed page by page without repeats.
func TestListRevocations(t *testing.T) {
	f := newFixture(t)
	for i := range 7 {
		f.call("POST", "/revocations", fmt.Sprintf(`{"issuer":"i","tokenId":"%d"}`, i), http.StatusOK, nil)
	}
	seen := map[string]bool{}
	var list revocations
	for after := ""; ; after = list.Next {
		list = revocations{}
		f.call("GET", "/revocations?limit=3"+then("&after=", after), "", http.StatusOK, &list)
		for _, r := range list.Revocations {
			if seen[r.ID] || r.Block != nil {
				t.Errorf("%+v", r)
			}
			seen[r.ID] = true
		}
		if list.Next == "" {
			break
		}
	}
	if len(seen) != 14 {
		t.Errorf("%d entries, want 7 for each of two gates", len(seen))
	}
}

// A body that does not select exactly one thing revokes nothing.
func TestBadRevocations(t *testing.T) {
	f := newFixture(t)
	f.dial(map[string]any{"iss": "i", "sub": "ada"})
	for _, body := range []string{
		``, `{}`, `{"issuer":"i"}`, `{"issuer":"i","subject":"ada","tokenId":"7"}`, `{"subject":""}`, `{"wholeIssuer":true}`, `{"tokenHash":"12"}`,
		`{"claim":{"name":"a"}}`, `{"claim":{"name":"","value":1}}`, `{"claim":{"name":"a","value":[1]}}`, `{"claim":{"name":"a","value":null}}`, `{"issuer":"i","sub":"ada"}`,
		`{"issuer":"i","subject":"ada","until":"2001-01-01T00:00:00Z"}`, `{"issuer":"i","subject":"ada","until":"tomorrow"}`,
		`{"issuer":"i","subject":"ada","reason":"` + strings.Repeat("x", 501) + `"}`, `{"issuer":"i","subject":"ada","subject":"ada"}`, `[]`,
	} {
		f.call("POST", "/revocations", body, http.StatusBadRequest, nil)
	}
	for _, body := range []string{``, `{}`, `{"issuer":"i"}`, `{"subject":"ada","until":"2001-01-01T00:00:00Z"}`} {
		f.call("POST", "/blocks", body, http.StatusBadRequest, nil)
	}
	f.call("POST", "/blocks/remove", `{"subject":"ada","until":"2999-01-01T00:00:00Z"}`, http.StatusBadRequest, nil)
	f.call("POST", "/revocations", `{"gate":"other","issuer":"i","subject":"ada"}`, http.StatusNotFound, nil)
	var c struct{ Count int }
	f.call("GET", "/leases/count?state="+string(auth.LeaseRunning), "", http.StatusOK, &c)
	if c.Count != 1 {
		t.Errorf("%d sockets are left, want 1", c.Count)
	}
}

// The peer is asked to refresh, and a socket without a lease cannot be.
func TestAskRefresh(t *testing.T) {
	f := newFixture(t)
	ada := f.dial(map[string]any{"sub": "ada"})
	var p page
	f.call("GET", "/leases", "", http.StatusOK, &p)
	f.call("POST", "/leases/"+p.Leases[0].ID+"/refresh", "", http.StatusNoContent, nil)
	e, err := ada.Expect(t.Context(), "token_expiring")
	var told struct {
		ExpiresIn int
		Now       bool
	}
	if err := errors.Join(err, e.Scan(&told)); err != nil || !told.Now || told.ExpiresIn < 3000 {
		t.Errorf("%+v, %v", told, err)
	}
	f.call("POST", "/leases/main.x/refresh", "", http.StatusNotFound, nil)
}
