package logout_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/auth/logout"
	"socketiojwt/token/mint"
)

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

// The sessions of a user that are revoked one by one are bounded. Further logouts revoke the user's
// tokens that were issued before, with entries that are one in a denylist.
func TestManySessionsOfAUser(t *testing.T) {
	f := newFixture(t, func(o *logout.Options) { o.MaxSessions = 3 })
	iat := time.Now().Unix()
	for n := range 6 {
		if w := f.send(f.sign(claims{"sid": fmt.Sprint("s", n), "iat": iat})); w.Code != http.StatusOK {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if n < 3 {
			f.wantCalls(revoked{match: auth.BySession(f.issuer.URL(), fmt.Sprint("s", n))})
		} else {
			f.wantCalls(revoked{auth.BySubject(f.issuer.URL(), "ada"), iat})
		}
	}
	if w := f.send(f.sign(claims{"sub": "bob"})); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	f.wantCalls(revoked{match: auth.BySession(f.issuer.URL(), "s1")})
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
