package engineio

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
)

func TestBind(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{Bind: func(r *http.Request) string { return r.Header.Get("Authorization") }}, func(c *recorder, _ *http.Request) Conn { c.echo(); return c })
		query, c := f.open("Authorization", "Bearer alice")
		thief := []string{"Authorization", "Bearer mallory"}
		for _, method := range []string{"GET", "POST"} {
			if a := f.must(method, query, "", thief...); a.status != 400 || a.body != unknownSession {
				t.Errorf("%s: %d %s", method, a.status, a.body)
			}
		}
		_, err := f.trySocket(strings.Replace(query, "polling", "websocket", 1), thief...)
		if err == nil || !strings.Contains(err.Error(), "Session ID unknown") {
			t.Errorf("upgrade: %v", err)
		}
		f.expect("POST", query, "4by nobody", 200, "ok") // a browser cannot always show it
		if a := f.must("GET", query, "", "Authorization", "Bearer alice"); a.body != "4by nobody" {
			t.Errorf("alice got %d %s", a.status, a.body)
		}
		w := f.socket(strings.Replace(query, "polling", "websocket", 1), "Authorization", "Bearer alice")
		w.write("2probe")
		w.expect("3probe")
		expectAlive(t, c)

		// A request with a value cannot take over a session that showed nothing.
		query, _ = f.open()
		if a := f.must("POST", query, "3", thief...); a.body != unknownSession {
			t.Errorf("unbound: %d %s", a.status, a.body)
		}
	})
}

// TestBondsAreKeyed checks that two servers hash the same value differently, so that a hash
// is useless elsewhere.
func TestBondsAreKeyed(t *testing.T) {
	value := func(*http.Request) string { return "token" }
	first, second := newBinder(value), newBinder(value)
	if *first.bind(nil, false) == *second.bind(nil, false) {
		t.Error("the same bond from two keys")
	}
}

// TestBindByDefault checks that a session without Bind is bound to the Authorization header
// of its first request, for polls, posts and the upgrade.
func TestBindByDefault(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{}, nil)
		query, c := f.open("Authorization", "Bearer ada")
		asSocket := strings.Replace(query, "polling", "websocket", 1)
		for _, bob := range [][]string{
			{"Authorization", "Bearer bob"},
			{"Authorization", "Bearer ada", "Authorization", "Bearer bob"},
			{"Authorization", "Bearer bob", "Authorization", "Bearer ada"},
		} {
			for method, body := range map[string]string{"GET": "", "POST": "4from bob"} {
				if a := f.must(method, query, body, bob...); a.status != 400 || a.body != unknownSession {
					t.Errorf("%s with %q: %d %s", method, bob, a.status, a.body)
				}
			}
			if _, err := f.trySocket(asSocket, bob...); err == nil || !strings.Contains(err.Error(), "Session ID unknown") {
				t.Errorf("upgrade with %q: %v", bob, err)
			}
		}
		for _, ada := range [][]string{nil, {"Authorization", "Bearer ada"}, {"Authorization", ""}} {
			if a := f.must("POST", query, "4from ada", ada...); a.status != 200 {
				t.Errorf("POST with %q: %d %s", ada, a.status, a.body)
			}
		}
		w := f.socket(asSocket) // as a browser's, without the header
		w.write("2probe")
		w.expect("3probe")
		if a := f.must("POST", query, "4from bob", "Authorization", "Bearer bob"); a.body != unknownSession {
			t.Errorf("POST during the upgrade: %d %s", a.status, a.body)
		}
		w.write("5")
		w.write("4by websocket")
		synctest.Wait()
		expectAlive(t, c)
		if got := strings.Join(c.got(), ","); got != "from ada,from ada,from ada,by websocket" {
			t.Errorf("messages %q", got)
		}

		// A session that showed nothing is bound to nothing.
		query, _ = f.open()
		if a := f.must("POST", query, "4x", "Authorization", "Bearer bob"); a.status != 200 {
			t.Errorf("unbound: %d %s", a.status, a.body)
		}
	})
}

func TestBindToNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{Bind: BindToNothing}, nil)
		query, c := f.open("Authorization", "Bearer ada")
		if a := f.must("POST", query, "4x", "Authorization", "Bearer bob"); a.status != 200 {
			t.Errorf("POST: %d %s", a.status, a.body)
		}
		expectAlive(t, c)
	})
}

// TestBindToNoAddress checks that a missing address binds nothing, because it would be the
// same for all peers.
func TestBindToNoAddress(t *testing.T) {
	bind := BindToAddress(netip.MustParsePrefix("10.0.0.0/8"))
	for peer, want := range map[string]string{
		"@": "", "": "", "/run/client": "", "pipe": "",
		"192.0.2.1:1": "192.0.2.1", "192.0.2.1": "192.0.2.1", "[2001:db8::1]:1": "2001:db8::1", "[::ffff:192.0.2.1]:1": "192.0.2.1",
		"10.0.0.1:1": "", // a proxy, which has not said for whom
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = peer
		if got := bind(r); got != want {
			t.Errorf("RemoteAddr %q: bound to %q, want %q", peer, got, want)
		}
	}
	bubble(t, func(t *testing.T) { // whose peers have the address "pipe"
		f := newPipe(t, Options{AllowEIO3: true, Bind: bind}, nil)
		f.expect("GET", legacyQuery, "", 403, `{"code":4,"message":"Forbidden"}`)
		query, _ := f.open()
		f.expect("POST", query, "4x", 200, "ok")
	})
}

// TestLegacyNeedsABond checks that the ID of a session of revision 3, which others know, is
// not enough for a request of the session.
func TestLegacyNeedsABond(t *testing.T) {
	open := func(*Session, *http.Request) Conn { return nil }
	if _, err := NewServer(open, Options{AllowEIO3: true}); err == nil {
		t.Error("polling without Bind was accepted")
	}
	if _, err := NewServer(open, Options{AllowEIO3: true, Transports: []Transport{WebSocket}}); err != nil {
		t.Error(err)
	}
	bubble(t, func(t *testing.T) {
		log := &logBuffer{}
		opts := withLegacy()
		opts.Logger = log.logger()
		f := newPipe(t, opts, nil)
		for range 3 {
			f.expect("GET", legacyQuery, "", 403, `{"code":4,"message":"Forbidden"}`)
		}
		if n := strings.Count(log.String(), "Options.Bind"); n != 1 {
			t.Errorf("%d lines in the log, want one:\n%s", n, log)
		}
		query, c := f.openLegacy("&b64=1")
		asSocket := strings.Replace(query, "polling", "websocket", 1)
		for _, headers := range [][]string{nil, {"X-Peer", "you"}} {
			for _, method := range []string{"GET", "POST"} {
				body := ""
				if method == "POST" {
					body = "6:4hello"
				}
				if a := f.must(method, query, body, headers...); a.status != 400 || a.body != unknownSession {
					t.Errorf("%s with %q: %d %s", method, headers, a.status, a.body)
				}
			}
			if _, err := f.trySocket(asSocket, headers...); err == nil {
				t.Errorf("an upgrade with %q began", headers)
			}
		}
		if a := f.must("POST", query, "6:4hello", "X-Peer", "me"); a.status != 200 {
			t.Errorf("its own peer: %d %s", a.status, a.body)
		}
		expectAlive(t, c)
		if got := c.got(); len(got) != 1 || got[0] != "hello" {
			t.Errorf("messages %q", got)
		}
		// By WebSocket the ID is of no use, and a browser cannot set headers there.
		w := f.socket(legacySocketQuery)
		w.read()
		if got := (<-f.opened).s.Protocol(); got != 3 {
			t.Errorf("Protocol() = %d", got)
		}
	})
}

// TestBondOutlivesPolling checks that a peer that knows only an ID cannot find out whether
// there is such a session, whatever transport it has or had.
func TestBondOutlivesPolling(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, withLegacy(), nil)
		strangers := func(query string) {
			t.Helper()
			for _, headers := range [][]string{nil, {"X-Peer", "you"}} {
				for method, body := range map[string]string{"GET": "", "POST": "6:4hello"} {
					if a := f.must(method, query, body, headers...); a.status != 400 || a.body != unknownSession {
						t.Errorf("%s with %q: %d %s", method, headers, a.status, a.body)
					}
				}
				if _, err := f.trySocket(strings.Replace(query, "polling", "websocket", 1), headers...); err == nil {
					t.Errorf("a WebSocket with %q was opened", headers)
				}
			}
		}
		query, c := f.openLegacy("")
		w := f.socket(strings.Replace(query, "polling", "websocket", 1), "X-Peer", "me")
		w.write("2probe")
		w.expect("3probe")
		w.write("5")
		w.write("2")
		w.expect("3")
		strangers(query)
		expectAlive(t, c)
		if a := f.must("GET", query, "", "X-Peer", "me"); a.body != badRequest {
			t.Errorf("its own peer: %d %s", a.status, a.body)
		}

		w = f.socket(legacySocketQuery)
		w.read()
		c = <-f.opened
		strangers(legacyQuery + "&sid=" + c.s.ID())
		expectAlive(t, c)

		// The poll in progress when the client closes the session is answered.
		query, c = f.openLegacy("")
		f.must("POST", query, "1:1", "X-Peer", "me")
		expectEnd(t, c, TransportClose)
		strangers(query)
		if a := f.must("GET", query, "", "X-Peer", "me"); a.body != "1:6" {
			t.Errorf("the last poll: %d %s", a.status, a.body)
		}

		opts := Options{AllowEIO3: true, Transports: []Transport{WebSocket}}
		f = newPipe(t, opts, nil)
		w = f.socket(legacySocketQuery)
		w.read()
		c = <-f.opened
		if _, err := f.trySocket(legacySocketQuery + "&sid=" + c.s.ID()); err == nil {
			t.Error("a WebSocket of a session by WebSocket was opened")
		}
		f.expect("GET", legacySocketQuery+"&sid="+c.s.ID(), "", 400, unknownSession)
	})
}

func TestBindToAddress(t *testing.T) {
	bind := BindToAddress(netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::ffff:172.16.0.0/108"))
	request := func(remote, forwarded string) *http.Request {
		r := &http.Request{RemoteAddr: remote, Header: http.Header{}}
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		return r
	}
	for _, c := range []struct{ remote, forwarded, want string }{
		{"192.0.2.1:1000", "", "192.0.2.1"},
		{"192.0.2.1:2000", "198.51.100.7", "192.0.2.1"},
		{"10.1.2.3:1000", "198.51.100.7", "198.51.100.7"},
		{"172.16.2.3:1000", "198.51.100.7", "198.51.100.7"},
		{"[::ffff:172.31.2.3]:1000", "198.51.100.7", "198.51.100.7"},
		{"172.32.2.3:1000", "198.51.100.7", "172.32.2.3"},
		{"[2001:db8::1]:1000", "", "2001:db8::1"},
	} {
		if got := bind(request(c.remote, c.forwarded)); got != c.want {
			t.Errorf("%s for %q: %q, want %q", c.remote, c.forwarded, got, c.want)
		}
	}
}
