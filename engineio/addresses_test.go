package engineio

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// fromHeader makes a server read the peer's address from a header.
func fromHeader(web *http.Server) {
	next := web.Handler
	web.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = r.Header.Get("Peer")
		next.ServeHTTP(w, r)
	})
}

func TestMaxNewPerAddress(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log logBuffer
		f := newPipe(t, Options{MaxNewPerAddress: 3, Logger: log.logger()}, nil, fromHeader)
		try := func(peer string, want int) *recorder {
			t.Helper()
			a := f.must("GET", pollingQuery, "", "Peer", peer)
			if a.status != want {
				t.Errorf("%s: %d, want %d", peer, a.status, want)
			}
			if a.status != 200 {
				if a.header.Get("Retry-After") == "" {
					t.Errorf("%s: no Retry-After", peer)
				}
				return nil
			}
			return <-f.opened
		}
		one, two := try("192.0.2.1:1", 200), try("192.0.2.1:2", 200)
		try("[::ffff:192.0.2.1]:3", 200)
		try("192.0.2.1:4", 503)
		if _, err := f.trySocket(socketQuery, "Peer", "192.0.2.1:5"); err == nil || !strings.Contains(err.Error(), "503") {
			t.Errorf("by WebSocket: %v", err)
		}
		if n := strings.Count(log.String(), "MaxNewPerAddress"); n != 1 {
			t.Errorf("logged %d times, want once in a minute", n)
		}
		try("192.0.2.2:1", 200)
		// A session that is accepted makes room, as does one that ends.
		one.s.Accept()
		one.s.Accept()
		try("192.0.2.1:6", 200)
		try("192.0.2.1:7", 503)
		two.s.Abort(ForcedClose)
		synctest.Wait()
		try("192.0.2.1:8", 200)
		try("192.0.2.1:9", 503)
		one.s.Abort(ForcedClose) // it counted no longer
		synctest.Wait()
		try("192.0.2.1:9", 503)
		// A /64 is one address.
		for i := range 3 {
			try(fmt.Sprintf("[2001:db8::%d]:1", i+1), 200)
		}
		try("[2001:db8::ffff]:1", 503)
		try("[2001:db8:0:1::1]:1", 200)
		// A peer without an IP address is not limited.
		for range 10 {
			try("@", 200)
		}
		if n := strings.Count(log.String(), "not an IP address"); n != 1 {
			t.Errorf("logged %d times, want once", n)
		}
	})
}

// TestFailuresOfAnAddress checks that failures count, and are forgotten at a steady rate.
func TestFailuresOfAnAddress(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, Options{MaxNewPerAddress: 6}, func(c *recorder, _ *http.Request) Conn { c.s.Accept(); return c }, fromHeader)
		try := func(want int) (c *recorder, retry string) {
			t.Helper()
			a := f.must("GET", pollingQuery, "", "Peer", "192.0.2.1:1")
			if a.status != want {
				t.Errorf("after %v: %d, want %d", f.srv.now(), a.status, want)
			}
			if a.status == 200 {
				c = <-f.opened
			}
			return c, a.header.Get("Retry-After")
		}
		c, _ := try(200)
		for range 100 { // no more than six count
			c.s.CountFailure()
		}
		if _, retry := try(503); retry != "10" {
			t.Errorf("Retry-After %q, want a sixth of a minute", retry)
		}
		time.Sleep(9 * time.Second)
		try(503)
		time.Sleep(2 * time.Second)
		try(200)
	})
}

// TestAddressesAreForgotten checks that the table contains the addresses with sessions and a
// bounded number of others.
func TestAddressesAreForgotten(t *testing.T) {
	table := newAddresses(&Options{MaxNewPerAddress: 10})
	network := func(i int) netip.Prefix {
		return Network(fmt.Sprintf("2001:db8:%x:%x::1", i>>16, i&0xffff))
	}
	stays, _ := table.count(network(1<<20), 0)
	for i := range 4 * maxIdle {
		table.fail(network(i), 0)
	}
	if n := len(table.byNetwork); n > 2*maxIdle+2 {
		t.Errorf("%d entries at once", n)
	}
	if table.byNetwork[network(1<<20)] != stays {
		t.Error("the address of a session was forgotten")
	}
	for i := range 4 * maxIdle {
		a, crowded := table.count(network(i), time.Hour)
		if crowded != nil {
			t.Fatal("failures stay")
		}
		table.uncount(a)
	}
	table.uncount(stays)
	if n := len(table.byNetwork); n > minSweep {
		t.Errorf("%d entries are left", n)
	}
}

func TestNetwork(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1/32", "192.0.2.1": "192.0.2.1/32", "[::ffff:192.0.2.1]:80": "192.0.2.1/32",
		"[2001:db8::1]:80": "2001:db8::/64", "2001:db8:0:0:1::1": "2001:db8::/64", "[fe80::1%eth0]:80": "fe80::/64",
		"@": "invalid Prefix", "": "invalid Prefix", "/run/web.sock": "invalid Prefix", "pipe": "invalid Prefix",
	} {
		if got := Network(addr).String(); got != want {
			t.Errorf("Network(%q) = %s, want %s", addr, got, want)
		}
	}
}
