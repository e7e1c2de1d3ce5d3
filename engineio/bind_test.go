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
