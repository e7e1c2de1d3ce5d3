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

// addressFixture tries handshakes from addresses.
type addressFixture struct {
	*fixture
	log *logBuffer
}

func newAddressFixture(t *testing.T, opts Options) addressFixture {
	log := new(logBuffer)
	opts.Logger = log.logger()
	return addressFixture{newPipe(t, opts, func(c *recorder, _ *http.Request) Conn { c.s.Accept(); return c }, fromHeader), log}
}

// try begins a session and returns it, or nil if it is refused.
func (f addressFixture) try(peer string, want int) *recorder {
	f.t.Helper()
	a := f.must("GET", pollingQuery, "", "Peer", peer)
	if a.status != want {
		f.t.Errorf("%s: %d, want %d", peer, a.status, want)
	}
	if a.status == 200 {
		return <-f.opened
	}
	if a.header.Get("Retry-After") == "" {
		f.t.Errorf("%s: no Retry-After", peer)
	}
	return nil
}

func TestMaxSessionsPerAddress(t *testing.T) {
	for _, others := range []Options{{}, {MaxNewPerAddress: 10, MaxHandshakesPerSecond: 1000}} {
		bubble(t, func(t *testing.T) {
			opts := others
			opts.MaxSessionsPerAddress = 3
			f := newAddressFixture(t, opts)
			first := f.try("192.0.2.1:1", 200)
			for i := range 2 {
				f.try(fmt.Sprintf("192.0.2.1:%d", i+2), 200)
			}
			f.try("192.0.2.1:4", 503)
			if _, err := f.trySocket(socketQuery, "Peer", "192.0.2.1:5"); err == nil || !strings.Contains(err.Error(), "503") {
				t.Errorf("by WebSocket: %v", err)
			}
			f.try("192.0.2.2:1", 200)
			first.s.Abort(ForcedClose)
			synctest.Wait()
			last := f.try("192.0.2.1:6", 200)
			f.try("192.0.2.1:7", 503)
			for i := range 3 { // a /64 is one address
				f.try(fmt.Sprintf("[2001:db8::%d]:1", i+1), 200)
			}
			f.try("[2001:db8::ffff]:1", 503)
			for range 10 { // a peer without an IP address is not limited
				f.try("@", 200)
			}
			if s := f.srv.Stats().Refused; s.AddressFull != 4 || s.Address != 0 {
				t.Errorf("%+v", s)
			}
			if n := strings.Count(f.log.String(), "too many open connections"); n != 2 {
				t.Errorf("logged %d times, want once for each address", n)
			}
			last.s.Abort(ForcedClose)
			f.srv.Close()
			time.Sleep(time.Minute)
			f.srv.addresses.mu.Lock()
			defer f.srv.addresses.mu.Unlock()
			f.srv.addresses.sweep(f.srv.now(), func() {})
			if n := len(f.srv.addresses.byNetwork); n != 0 {
				t.Errorf("%d addresses are kept after the last session", n)
			}
		})
	}
}

func TestMaxHandshakesPerSecond(t *testing.T) {
	bubble(t, func(t *testing.T) {
		asked := 0
		f := newAddressFixture(t, Options{MaxHandshakesPerSecond: 2, Allow: func(*http.Request) error { asked++; return nil }})
		for range 20 { // what it has not used in ten seconds
			f.try("192.0.2.1:1", 200).s.Abort(ForcedClose)
		}
		for range 5 {
			f.try("192.0.2.1:1", 503)
		}
		if asked != 20 {
			t.Errorf("Allow was called %d times, want 20", asked)
		}
		f.try("192.0.2.2:1", 200)
		time.Sleep(time.Second)
		f.try("192.0.2.1:1", 200)
		f.try("192.0.2.1:1", 200)
		f.try("192.0.2.1:1", 503)
		if s := f.srv.Stats().Refused; s.AddressRate != 6 {
			t.Errorf("%+v", s)
		}
		if n := strings.Count(f.log.String(), "too many connections in a second"); n != 1 {
			t.Errorf("logged %d times, want once", n)
		}
		// Requests of a session are not handshakes.
		query, _ := f.open("Peer", "192.0.2.3:1")
		for range 100 {
			if a := f.must("POST", query, "6", "Peer", "192.0.2.3:1"); a.status != 200 {
				t.Fatalf("POST: %d", a.status)
			}
		}
	})
}

// Both bounds are those of the address that trusted proxies report.
func TestBoundsBehindProxies(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newAddressFixture(t, Options{MaxSessionsPerAddress: 1, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
		for i := range 3 {
			a := f.must("GET", pollingQuery, "", "Peer", "10.0.0.1:1", "X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i))
			if a.status != 200 {
				t.Errorf("peer %d: %d", i, a.status)
			}
		}
		if a := f.must("GET", pollingQuery, "", "Peer", "10.0.0.2:1", "X-Forwarded-For", "198.51.100.1"); a.status != 503 {
			t.Errorf("a second session of an address: %d", a.status)
		}
	})
}

// TestHandshakesOfManyAddresses checks that addresses that only began handshakes are forgotten.
func TestHandshakesOfManyAddresses(t *testing.T) {
	table := newAddresses(&Options{MaxHandshakesPerSecond: 1})
	network := func(i int) string { return fmt.Sprintf("2001:db8:%x:%x::1", i>>16, i&0xffff) }
	for i := range 3 * maxIdle {
		table.handshake(Network(network(i)), time.Hour)
	}
	if n := len(table.byNetwork); n > 2*maxIdle+2 {
		t.Errorf("%d entries at once", n)
	}
	pauses, entries := 0, len(table.byNetwork)
	table.sweep(2*time.Hour, func() { // others begin handshakes meanwhile
		if pauses++; table.sweepAt <= entries {
			t.Error("a handshake may sweep meanwhile")
		}
		table.handshake(Network(network(1<<24+pauses)), 2*time.Hour)
	})
	if pauses < entries/1024 {
		t.Errorf("%d pauses in a sweep of %d entries", pauses, entries)
	}
	if n := len(table.byNetwork); n > pauses || table.sweepAt != minSweep {
		t.Errorf("%d entries are left, the next sweep is at %d", n, table.sweepAt)
	}
}

func TestRateOptionsThatAreWrong(t *testing.T) {
	for want, opts := range map[string]Options{
		"must not be negative":                                   {MaxPacketsPerSecond: -1},
		"MaxBytesPerSecond":                                      {MaxBytesPerSecond: -1},
		"MaxSessionsPerAddress":                                  {MaxSessionsPerAddress: -1},
		"MaxHandshakesPerSecond must not":                        {MaxHandshakesPerSecond: -1},
		"at most 1000000":                                        {MaxPacketsPerSecond: 1_000_001},
		"RateBurst must be at least 10 ms, not 1ms":              {RateBurst: time.Millisecond},
		"RateBurst must be at least 10 ms, not -1s":              {RateBurst: -time.Second},
		"CloseAboveRate needs MaxPacketsPerSecond or MaxBytesPe": {CloseAboveRate: true},
	} {
		if _, err := NewServer(func(*Session, *http.Request) Conn { return nil }, opts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
