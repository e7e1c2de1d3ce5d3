package introspect_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/introspect"
)

// A dead endpoint is asked rarely: three times, and then once after each pause.
func TestCircuit(t *testing.T) {
	with(t, introspect.Options{}, func(s *server, v *introspect.Verifier) {
		want(t, "good", verify(v, "good"), nil)
		s.wantAsked(1, "good")
		s.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) })
		for n := range 20 {
			want(t, "dead", verify(v, fmt.Sprint("t", n)), token.ErrKeysUnavailable)
		}
		s.wantAsked(3, "twenty tokens")
		if !v.Available() {
			t.Error("a remembered token is good")
		}
		want(t, "remembered", verify(v, "good"), nil)
		for n := range 60 * 10 {
			time.Sleep(100 * time.Millisecond)
			_ = verify(v, fmt.Sprint("u", n))
		}
		s.mu.Lock()
		if s.asked < 12 || s.asked > 15 {
			t.Errorf("%d requests in a minute", s.asked)
		}
		s.asked = 0
		s.mu.Unlock()
		if v.Available() {
			t.Error("available, although no token is remembered")
		}
		s.answers(nil)
		time.Sleep(5 * time.Second)
		if !v.Available() {
			t.Error("not available, although the next request may be made")
		}
		want(t, "works again", verify(v, "good"), nil)
		for n := range 10 {
			want(t, "no pause", verify(v, fmt.Sprint("w", n)), token.ErrRevoked)
		}
	})
}

// While the endpoint fails, one request at a time tries whether it works again.
func TestOneProbe(t *testing.T) {
	with(t, introspect.Options{}, func(s *server, v *introspect.Verifier) {
		s.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) })
		for n := range 3 {
			_ = verify(v, fmt.Sprint("t", n))
		}
		s.wantAsked(3, "dead")
		s.answers(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		time.Sleep(time.Second)
		results := make(chan error, 20)
		for n := range 20 {
			go func() { results <- verify(v, fmt.Sprint("u", n)) }()
		}
		synctest.Wait()
		s.wantAsked(1, "one probe")
		if v.Available() {
			t.Error("available during the probe")
		}
		for range 20 {
			want(t, "each", <-results, token.ErrKeysUnavailable)
		}
	})
}

// Tokens that wait for a request are refused without one when the endpoint turns out to be dead.
func TestWaitingTokensAreRefused(t *testing.T) {
	with(t, introspect.Options{MaxRequests: 3}, func(s *server, v *introspect.Verifier) {
		s.answers(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		began := time.Now()
		results := make(chan error, 50)
		for n := range 50 {
			go func() {
				_, err := v.Verify(context.Background(), fmt.Sprint("t", n))
				results <- err
			}()
		}
		for range 50 {
			want(t, "each", <-results, token.ErrKeysUnavailable)
		}
		// A request may begin between the first failure and the third.
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("it took %s", took)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.asked > 2*3 {
			t.Errorf("%d requests", s.asked)
		}
	})
}

// Retry-After postpones the next request, up to a minute.
func TestRetryAfter(t *testing.T) {
	for value, wait := range map[string]time.Duration{
		"10":                            10 * time.Second,
		"Sat, 01 Jan 2000 00:00:20 GMT": 20 * time.Second,
		"3600":                          time.Minute,
		"0":                             0,
		"soon":                          0,
	} {
		with(t, introspect.Options{}, func(s *server, v *introspect.Verifier) {
			s.answers(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", value)
				w.WriteHeader(http.StatusTooManyRequests)
			})
			want(t, value, verify(v, "good"), token.ErrKeysUnavailable)
			s.answers(nil)
			if wait > 0 {
				time.Sleep(wait - time.Second)
				want(t, value+", early", verify(v, "good"), token.ErrKeysUnavailable)
				s.wantAsked(1, value)
				time.Sleep(time.Second)
			}
			want(t, value+", in time", verify(v, "good"), nil)
		})
	}
}
