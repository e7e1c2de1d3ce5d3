package auth_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
)

// A session is recovered only with a good token for the same subject of the same issuer. In all
// other cases nothing of what was missed is sent.
func TestRecoveryAsksTheGate(t *testing.T) {
	issued := func(more claims) func() string { return func() string { return sign(more) } }
	for name, test := range map[string]struct {
		before, after func() string
		event         bool
		gate          auth.Options
		want          []string
	}{
		"fresh token of the same subject":  {after: issued(claims{"jti": "2"}), want: []string{"missed", "recovered"}},
		"the same token":                   {after: issued(nil), want: []string{"missed", "recovered"}},
		"another subject":                  {after: issued(claims{"sub": "eve"}), want: []string{"connected"}},
		"no subject":                       {after: issued(claims{"sub": ""}), want: []string{"connected"}},
		"no subject twice":                 {before: issued(claims{"sub": ""}), after: issued(claims{"sub": ""}), want: []string{"connected"}},
		"the same subject of an issuer":    {after: issued(claims{"iss": "https://issuer.example"}), want: []string{"connected"}},
		"an issuer that ends like the sub": {before: issued(claims{"iss": "ad", "sub": "a"}), after: issued(claims{"iss": "a", "sub": "da"}), want: []string{"connected"}},
		"the same identity of another claim": {
			before: issued(claims{"uid": "1"}), after: issued(claims{"uid": "1", "sub": "ada2"}),
			gate: auth.Options{IdentityClaim: "uid"}, want: []string{"missed", "recovered"},
		},
		"another identity of that claim": {
			before: issued(claims{"uid": "1"}), after: issued(claims{"uid": "2"}),
			gate: auth.Options{IdentityClaim: "uid"}, want: []string{"connected"},
		},
		"expired token": {after: func() string { return expiring(-time.Second) }, want: []string{"refused"}},
		"no token":      {after: func() string { return "" }, want: []string{"refused"}},
		"a guest":       {after: func() string { return "" }, gate: auth.Options{Guests: &auth.GuestOptions{}}, want: []string{"connected"}},
		"a guest twice": {before: func() string { return "" }, after: func() string { return "" },
			gate: auth.Options{Guests: &auth.GuestOptions{}}, want: []string{"connected"}},
		"event mode": {event: true, after: issued(nil), want: []string{"connected"}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{server: recovering(), gate: test.gate, event: test.event}, func(f *fixture) {
				p := &recoverer{f: f}
				if test.before == nil {
					test.before = issued(nil)
				}
				p.connect(test.before())
				if test.event {
					p.send(`42["authenticate",{"token":"` + test.before() + `"}]`)
					synctest.Wait()
					if p.pid != "" {
						t.Error("a held socket got a pid")
					}
				}
				_ = f.srv.Emit("first")
				synctest.Wait()
				p.lose()
				_ = f.srv.Emit("missed")
				p.connect(test.after())
				p.expect("second connection", test.want...)
				if strings.Contains(f.log.String(), p.pid) && p.pid != "" {
					t.Error("the pid is in the log")
				}
			})
		})
	}
}

// What the gate has ended is not recovered, even by a good token.
func TestNoRecoveryAfterTheGateEndedTheSocket(t *testing.T) {
	expire := func(*fixture) { time.Sleep(time.Minute + time.Second) }
	for name, test := range map[string]struct {
		gate auth.Options
		end  func(f *fixture)
	}{
		"expiry":                   {end: expire},
		"expiry, leaving":          {auth.Options{AtExpiry: auth.LeaveNamespace}, expire},
		"expiry, becoming a guest": {auth.Options{AtExpiry: auth.BecomeGuest, Guests: &auth.GuestOptions{}}, expire},
		"the end of MaxLifetime":   {auth.Options{MaxLifetime: time.Second}, expire},
		"revocation":               {end: func(f *fixture) { revoke(f, "ada") }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{server: recovering(), gate: test.gate}, func(f *fixture) {
				p := &recoverer{f: f}
				p.connect(expiring(time.Minute))
				_ = f.srv.Emit("first")
				synctest.Wait()
				test.end(f)
				synctest.Wait()
				p.lose()
				_ = f.srv.Emit("missed")
				time.Sleep(2 * time.Second)
				p.connect(sign(claims{"iat": time.Now().Unix()})) // issued after the revocation
				p.expect("second connection", "connected")
			})
		})
	}
}

// A revocation finds no socket whose connection was lost before. Its session is not recovered
// nevertheless, by a token that was issued later.
func TestNoRecoveryAfterRevocationOfLostSession(t *testing.T) {
	bubble(t, setup{server: recovering()}, func(f *fixture) {
		p := &recoverer{f: f}
		p.connect(sign(claims{"iat": time.Now().Unix()}))
		_ = f.srv.Emit("first")
		p.lose()
		revoke(f, "ada")
		_ = f.srv.Emit("missed")
		time.Sleep(2 * time.Second)
		p.connect(sign(claims{"iat": time.Now().Unix()}))
		p.expect("second", "connected")
	})
}

// A client cannot stay longer than MaxLifetime by losing its connection. It is told the end of the
// lease, and its session is not recovered after that.
func TestRecoveryKeepsMaxLifetime(t *testing.T) {
	bubble(t, setup{server: recovering(), gate: auth.Options{MaxLifetime: 10 * time.Minute}}, func(f *fixture) {
		p := &recoverer{f: f}
		p.connect(sign(nil))
		end := time.Now().Add(10 * time.Minute)
		_ = f.srv.Emit("first")
		synctest.Wait()
		for range 6 {
			time.Sleep(90 * time.Second)
			_ = f.srv.Emit("another")
			synctest.Wait()
			p.lose()
			p.connect(sign(nil))
			p.expect("connection again", "recovered")
			if l := auth.Current(f.srv.Sockets()[0]); !l.Until.Equal(end) {
				t.Fatalf("until %v, want %v", l.Until, end)
			}
			for l := range f.gate.Leases() {
				if !l.Until.Equal(end) {
					t.Errorf("listed until %v, want %v", l.Until, end)
				}
			}
		}
		time.Sleep(59 * time.Second)
		p.lose()
		time.Sleep(2 * time.Second)
		p.connect(sign(nil))
		p.expect("after the end", "connected")
		if l := auth.Current(f.srv.Sockets()[0]); !l.Until.Equal(time.Now().Add(10 * time.Minute)) {
			t.Errorf("until %v", l.Until)
		}
		_ = f.srv.Emit("first")
		synctest.Wait()
		p.lose()
		p.connect(expiring(time.Minute))
		p.expect("with a short token", "recovered")
		p.lose()
		time.Sleep(59 * time.Second)
		p.payload = map[string]any{"lease": true}
		p.connect(sign(nil))
		p.expect("asking for the lease", "recovered", "authenticated", "authenticated")
		if want := `[{"expiresIn":541,"refresh":false}]`; p.told != want {
			t.Errorf("told %s, want %s", p.told, want)
		}
	})
}

// A revocation while a session is being recovered comes first: nothing is sent.
func TestRevocationWhileASessionIsRecovered(t *testing.T) {
	asked, revoked := make(chan bool), make(chan bool)
	server := recovering()
	server.Recovery.RestoreRoom = func(*socketio.Socket, string) bool {
		asked <- true
		<-revoked
		return true
	}
	bubble(t, setup{server: server, furnish: func(*fixture) {
		asked, revoked = make(chan bool), make(chan bool) // of the bubble
	}}, func(f *fixture) {
		p := &recoverer{f: f}
		p.connect(sign(nil))
		_ = f.srv.Emit("first")
		synctest.Wait()
		p.lose()
		_ = f.srv.Emit("missed")
		go func() {
			<-asked // the middleware has admitted the socket
			revoke(f, "ada")
			revoked <- true
		}()
		p.connect(sign(nil))
		p.expect("second connection", "refused")
	})
}

// The peer leaves while its session is being recovered.
func TestPeerLeavesWhileASessionIsRecovered(t *testing.T) {
	server := recovering()
	var p *recoverer
	server.Recovery.RestoreRoom = func(s *socketio.Socket, _ string) bool {
		p.conn.Abort()
		<-s.Context().Done()
		return true
	}
	bubble(t, setup{server: server, gate: auth.Options{MaxLifetime: time.Hour}}, func(f *fixture) {
		p = &recoverer{f: f}
		p.connect(sign(nil))
		p.lose()
		p.connect(sign(nil))
		p.expect("second connection")
		if strings.Contains(f.log.String(), "panic") {
			t.Error("the gate panicked")
		}
	})
}

// revoke revokes the tokens of a subject.
func revoke(f *fixture, subject string) {
	f.t.Helper()
	if _, err := f.gate.Revoke(context.Background(), auth.BySubject("", subject), auth.RevokeOptions{}); err != nil {
		f.t.Error(err)
	}
}

// Rooms that the claims declare are computed again. A session whose rooms the new token does not
// allow is not recovered.
func TestRecoveryDeclaresRoomsAgain(t *testing.T) {
	for name, test := range map[string]struct {
		tenants []string
		want    []string
		rooms   []string
	}{
		"the same":  {[]string{"a", "b"}, []string{"missed", "recovered"}, []string{"lobby", "tenant:a", "tenant:b"}},
		"one more":  {[]string{"a", "b", "c"}, []string{"missed", "recovered"}, []string{"lobby", "tenant:a", "tenant:b", "tenant:c"}},
		"one fewer": {[]string{"b"}, []string{"connected"}, []string{"lobby", "tenant:b"}},
	} {
		t.Run(name, func(t *testing.T) {
			gate := auth.Options{Rooms: []auth.RoomsFrom{auth.RoomsOf("tenants", "tenant:")}}
			bubble(t, setup{server: recovering(), gate: gate}, func(f *fixture) {
				p := &recoverer{f: f}
				p.connect(sign(claims{"tenants": []string{"a", "b"}}))
				_ = f.srv.Emit("first")
				synctest.Wait()
				p.lose()
				_ = f.srv.To("tenant:a").Emit("missed")
				_ = f.srv.To("tenant:c").Emit("of another tenant")
				p.connect(sign(claims{"tenants": test.tenants}))
				p.expect("second connection", test.want...)
				for _, room := range test.rooms {
					if n := len(f.srv.To(room).Sockets()); n != 1 {
						t.Errorf("%d sockets in %s", n, room)
					}
				}
				if n := len(f.srv.To("tenant:a").Sockets()); name == "one fewer" && n != 0 {
					t.Errorf("%d sockets in a room that the token does not allow", n)
				}
			})
		})
	}
}

// A lease that ends while the connection is lost ends the session: a fresh token gets a new socket.
func TestNoRecoveryAfterTheLeaseEndedMeanwhile(t *testing.T) {
	for name, test := range map[string]struct {
		gate auth.Options
		away time.Duration
		want string
	}{
		"the lease has ended":       {away: time.Minute, want: "connected"},
		"the lease has not ended":   {away: 59 * time.Second, want: "recovered"},
		"MaxLifetime is over":       {gate: auth.Options{MaxLifetime: time.Second}, away: time.Second, want: "connected"},
		"the grace is not over":     {gate: auth.Options{ExpiryGrace: time.Minute}, away: time.Minute, want: "recovered"},
		"guests take over no lease": {gate: auth.Options{AtExpiry: auth.BecomeGuest, Guests: &auth.GuestOptions{}}, away: time.Minute, want: "connected"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{server: recovering(), gate: test.gate}, func(f *fixture) {
				p := &recoverer{f: f}
				p.connect(expiring(time.Minute))
				p.lose()
				time.Sleep(test.away)
				p.connect(expiring(time.Minute))
				p.expect("second connection", test.want)
			})
		})
	}
}

// A session whose description is not that of a token is not recovered.
func TestNoRecoveryOfWhatIsNotDescribed(t *testing.T) {
	gate := newGate(t, verifier(t), auth.Options{})
	for _, described := range []string{"", "{}", `{"token":{"v":1}}`} {
		if auth.MayRecover(gate, []byte(described)) {
			t.Errorf("recovered with %q", described)
		}
	}
}
