package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// lines returns the lines of the log that have all of the parts.
func (f *fixture) lines(parts ...string) (found []string) {
	synctest.Wait()
	for line := range strings.Lines(f.log.String()) {
		matches := true
		for _, part := range parts {
			matches = matches && strings.Contains(line, part)
		}
		if matches {
			found = append(found, line)
		}
	}
	return found
}

// Ends of leases, and refusals and admissions of verified tokens, name the subject and
// the address.
func TestLogNamesTheSubject(t *testing.T) {
	refuse := auth.Options{Authorize: auth.Check(func(_ context.Context, t *token.Token, _ *socketio.Handshake) error {
		if t.Subject == "eve" {
			return &auth.Error{Message: "banned"}
		}
		return nil
	})}
	for _, event := range []bool{false, true} {
		bubble(t, setup{event: event, gate: refuse, mode: auth.EventOptions{Attempts: 5}}, func(f *fixture) {
			show := func(compact string) *sockettest.Peer {
				if !event {
					p, _ := f.try(sockettest.Options{Auth: bearing(compact)})
					return p
				}
				p := f.dial(sockettest.Options{})
				f.emit(p, "authenticate", bearing(compact))
				return p
			}
			show(sign(claims{"sub": "eve"}))
			show(sign(claims{"sub": "bob", "exp": 1}))
			show(signWith("another secret, just as long as the first", map[string]any{"alg": "HS256"}, claims{"sub": "mallory"}))
			p := show(expiring(time.Minute))
			for _, want := range []string{"level=DEBUG msg=\"auth: token accepted\"", "subject=ada", "remote=pipe"} {
				if len(f.lines("auth: token accepted", want)) != 1 {
					t.Errorf("admission without %s:\n%s", want, f.log.String())
				}
			}
			_ = p.Ended(f.ctx)
			if len(f.lines("level=INFO", "auth: lease ended", "subject=ada", "remote=pipe")) != 1 {
				t.Errorf("the end of the lease does not name the subject:\n%s", f.log.String())
			}
			for subject, cause := range map[string]string{"eve": "banned", "bob": "token: expired"} {
				if len(f.lines("level=INFO", "auth: refused", cause, "subject="+subject, "remote=pipe")) != 1 {
					t.Errorf("no refusal of %s with %s:\n%s", subject, cause, f.log.String())
				}
			}
			if len(f.lines("mallory")) > 0 {
				t.Errorf("the log names a subject without a valid signature:\n%s", f.log.String())
			}
		})
	}
}

// A peer that is refused again and again causes ten lines, and then one every ten seconds with
// the number of those left out. Another address is not affected.
func TestRefusalsAreSampled(t *testing.T) {
	bubble(t, setup{}, func(f *fixture) {
		auth.SeparateSources(f.gate, "192.0.2.1:1", "192.0.2.2:1", "[2001:db8::]:1", "[2001:db8:0:1::1]:1")
		handler := f.gate.HTTP(http.NotFoundHandler())
		from := func(address string, n int) {
			for range n {
				r := httptest.NewRequest(http.MethodGet, "/", nil)
				r.RemoteAddr = address
				handler.ServeHTTP(httptest.NewRecorder(), r)
			}
		}
		count := func(level, address string) int { return len(f.lines("level="+level, "remote="+address)) }
		from("192.0.2.1:1000", 100)
		from("192.0.2.1:1001", 100)
		from("192.0.2.2:1000", 1)
		if info, debug := count("INFO", "192.0.2.1:"), count("DEBUG", "192.0.2.1:"); info != 10 || debug != 190 {
			t.Errorf("%d lines at INFO and %d at DEBUG, want 10 and 190", info, debug)
		}
		if count("INFO", "192.0.2.2:") != 1 {
			t.Error("another address is not logged")
		}
		time.Sleep(10 * time.Second)
		from("192.0.2.1:1000", 100)
		if count("INFO", "192.0.2.1:") != 11 || len(f.lines("unlogged=190")) != 1 {
			t.Errorf("after 10 s: %d lines at INFO, want 11, the last of which counts 190", count("INFO", "192.0.2.1:"))
		}
		// One network of IPv6 is one source.
		for i := range 100 {
			from(fmt.Sprintf("[2001:db8::%x]:1000", i), 1)
		}
		from("[2001:db8:0:1::1]:1000", 1)
		if n := count("INFO", "[2001:db8::"); n != 10 {
			t.Errorf("%d lines of one IPv6 network, want 10", n)
		}
		if count("INFO", "[2001:db8:0:1::1]") != 1 {
			t.Error("another IPv6 network is not logged")
		}
	})
}

// The log is bounded for any number of addresses.
func TestRefusalsOfManyAddressesAreBounded(t *testing.T) {
	bubble(t, setup{}, func(f *fixture) {
		handler := f.gate.HTTP(http.NotFoundHandler())
		for i := range 5000 {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = fmt.Sprintf("10.0.%d.%d:1000", i/256%256, i%256)
			handler.ServeHTTP(httptest.NewRecorder(), r)
		}
		if n := len(f.lines("level=INFO", "request refused")); n > 2560 {
			t.Errorf("%d lines at INFO, want 2560 at most", n)
		}
	})
}

// Temporary refusals are the server's fault. They are warnings, sampled by reason.
func TestTemporaryRefusalsAreWarnings(t *testing.T) {
	gate := auth.Options{Authorize: auth.Check(func(context.Context, *token.Token, *socketio.Handshake) error {
		return &auth.Error{Temporary: true, Err: errors.New("database is down")}
	})}
	bubble(t, setup{gate: gate}, func(f *fixture) {
		for range 50 {
			if _, err := f.try(sockettest.Options{Auth: bearing(sign(nil))}); err == nil {
				t.Fatal("admitted")
			}
		}
		if n := len(f.lines("level=WARN", "database is down")); n != 10 {
			t.Errorf("%d warnings, want 10", n)
		}
	})
}
