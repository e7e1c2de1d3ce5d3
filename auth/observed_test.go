package auth_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/observe"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
	"socketiojwt/token/mint"
)

// watcher records operations. It uses the gate, so it must be called without a lock.
type watcher struct {
	record
	gate *auth.Gate
}

type spanKey struct{}

func (w *watcher) Start(ctx context.Context, op observe.Operation) (context.Context, func(observe.Outcome)) {
	w.use()
	parent, _ := ctx.Value(spanKey{}).(string)
	return context.WithValue(ctx, spanKey{}, op.Kind.String()), func(o observe.Outcome) {
		w.use()
		line := fmt.Sprint(op.Kind, " ", o.Result)
		if op.Kind == observe.Verify {
			line += fmt.Sprint(" ", o.Algorithm, " ", o.Signature)
		}
		if parent != "" {
			line += " in " + parent
		}
		if o.Count > 0 {
			line += fmt.Sprint(" ", o.Count)
		}
		w.add(line)
	}
}

func (w *watcher) use() {
	w.gate.Stats()
	for info := range w.gate.Leases() {
		w.gate.Lease(info.ID)
	}
}

func (w *watcher) told(t *testing.T, want ...string) {
	t.Helper()
	if got := w.all(); !slices.Equal(got, want) {
		t.Errorf("told\n%q, want\n%q", got, want)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = nil
}

func TestObserverIsToldAboutVerificationsRefreshesAndRevocations(t *testing.T) {
	w := &watcher{}
	bubble(t, setup{server: socketio.Options{Observer: w}, gate: auth.Options{Observer: w}, furnish: func(f *fixture) { w.gate = f.gate }}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(sign(nil))})
		w.told(t, "verify ok HS256 none in connect", "connect ok")
		f.authenticate(p, sign(claims{"x": 1}))
		w.told(t, "verify ok HS256 none in refresh", "refresh ok")
		f.authenticate(p, sign(claims{"sub": "bob"}))
		w.told(t, "verify ok HS256 none in refresh", "refresh refused")
		f.refused(sockettest.Options{Auth: bearing(expiring(-time.Minute))})
		w.told(t, "verify refused HS256 none in connect", "connect refused")
		f.revoke(auth.BySubject("", "ada"), auth.RevokeOptions{}, 1)
		w.told(t, "revoke ok 1")
	})
}

// The peer chooses the header of its token, so a name of an algorithm from there is not told
// unless it is supported.
func TestObserverIsToldAlgorithmsAndRememberedSignatures(t *testing.T) {
	issuer, err := mint.Generate(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	v := verifierOf(t, issuer.Key(), token.Options{Issuers: []string{"https://issuer.example"}, Audiences: []string{"chat"}, Leeway: -1})
	failing := errors.New("of the test")
	w := &watcher{}
	bubble(t, setup{verifier: verifierFunc(func(ctx context.Context, compact string) (*token.Token, error) {
		switch compact {
		case "opaque":
			return nil, failing
		case "panic":
			panic("of the test")
		}
		return v.Verify(ctx, compact)
	}), gate: auth.Options{Observer: w}, furnish: func(f *fixture) { w.gate = f.gate }}, func(f *fixture) {
		compact, err := mint.Sign(issuer, claims{"iss": "https://issuer.example", "aud": "chat", "sub": "ada", "exp": time.Now().Add(time.Hour).Unix()}, mint.Header{})
		if err != nil {
			t.Fatal(err)
		}
		f.dial(sockettest.Options{Auth: bearing(compact)})
		f.dial(sockettest.Options{Auth: bearing(compact)})
		w.told(t, "verify ok ES256 checked", "verify ok ES256 remembered")
		signed := compact[:strings.LastIndex(compact, ".")]
		f.refused(sockettest.Options{Auth: bearing(signed + "." + strings.Repeat("A", 86))})
		f.refused(sockettest.Options{Auth: bearing(signWith(secret, map[string]any{"alg": "chosen by the peer"}, claims{}))})
		f.refused(sockettest.Options{Auth: bearing("malformed")})
		w.told(t, "verify refused ES256 checked", "verify refused other none", "verify refused  none")
		for _, bad := range []string{"opaque", "panic"} {
			if _, err := f.try(sockettest.Options{Auth: bearing(bad)}); err == nil {
				t.Errorf("%s was admitted", bad)
			}
		}
		w.told(t, "verify unavailable  none", "verify unavailable other none")
	})
}
