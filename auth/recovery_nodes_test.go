package auth_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio/bustest"
)

// On another node, too, the gate is asked before anything is taken or sent again: a good token of
// the same user is needed, the old token must not have been revoked, and MaxLifetime counts from the
// first connection. See socket.io#5491.
func TestRecoveryOnNodesAsksTheGate(t *testing.T) {
	for name, test := range map[string]struct {
		meanwhile func(f *fixture) // on the first node
		token     func() string
		want      []string
		kept      int // sessions that are still kept
	}{
		"a good token":    {token: func() string { return sign(nil) }, want: []string{"missed", "recovered"}},
		"another subject": {token: func() string { return sign(claims{"sub": "eve"}) }, want: []string{"connected"}, kept: 1},
		"another issuer":  {token: func() string { return sign(claims{"iss": "other"}) }, want: []string{"connected"}, kept: 1},
		"an expired token": {
			token: func() string { return expiring(-time.Minute) },
			want:  []string{"refused"}, kept: 1,
		},
		"a token that was revoked": {
			meanwhile: func(f *fixture) { revoke(f, "ada") },
			token:     func() string { return sign(claims{"iat": time.Now().Add(-time.Hour).Unix()}) },
			want:      []string{"refused"}, kept: 1,
		},
		"a newer token after the old one was revoked": {
			meanwhile: func(f *fixture) {
				revoke(f, "ada")
				time.Sleep(2 * time.Second)
			},
			token: func() string { return sign(claims{"iat": time.Now().Unix()}) },
			want:  []string{"connected"},
		},
		"after MaxLifetime": {
			meanwhile: func(*fixture) { time.Sleep(time.Minute) },
			token:     func() string { return sign(nil) },
			want:      []string{"connected"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := bustest.New()
				hub.KeepLog()
				var nodes []*fixture
				for range 2 {
					server := recovering()
					hub.Join(&server)
					f, stop := startNode(t, server, auth.Options{MaxLifetime: time.Minute})
					defer stop()
					nodes = append(nodes, f)
				}
				p := &recoverer{f: nodes[0]}
				p.connect(sign(claims{"iat": time.Now().Unix()}))
				_ = nodes[0].srv.Emit("first")
				synctest.Wait()
				p.lose()
				_ = nodes[1].srv.Emit("missed")
				synctest.Wait()
				if test.meanwhile != nil {
					test.meanwhile(nodes[0])
					synctest.Wait() // the other node hears of it
				}
				p.f = nodes[1]
				p.connect(test.token())
				p.expect("on the other node", test.want...)
				if kept := hub.Sessions(); kept != test.kept {
					t.Errorf("%d sessions are kept, want %d", kept, test.kept)
				}
			})
		})
	}
}

// The log has no pid and no offset.
func TestRecoveryOnNodesLogsNoSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := bustest.New()
		hub.KeepLog()
		server := recovering()
		hub.Join(&server)
		f, stop := startNode(t, server, auth.Options{})
		defer stop()
		p := &recoverer{f: f}
		p.connect(sign(nil))
		pid := p.pid
		p.lose()
		p.connect(sign(claims{"sub": "eve"}))
		p.lose()
		p.pid = pid
		p.connect(sign(nil))
		if text := f.log.String(); pid == "" || strings.Contains(text, pid) {
			t.Errorf("the log has the pid:\n%s", text)
		}
	})
}
