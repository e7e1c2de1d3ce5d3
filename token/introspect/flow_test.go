package introspect_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/introspect"
	"socketiojwt/token/mint"
)

func signingKey(t *testing.T) mint.SigningKey {
	t.Helper()
	key, err := mint.Generate(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// A revocation at the issuer is noticed when the remembered verdict is too old, and a token
// that becomes active likewise, but earlier.
func TestMemoryIsBoundedInTime(t *testing.T) {
	with(t, introspect.Options{}, func(s *server, v *introspect.Verifier) {
		want(t, "good", verify(v, "good"), nil)
		want(t, "late", verify(v, "late"), token.ErrRevoked)
		s.revoke("good")
		s.activate("late", nil)
		time.Sleep(4 * time.Second)
		want(t, "good, remembered", verify(v, "good"), nil)
		want(t, "late, remembered", verify(v, "late"), token.ErrRevoked)
		s.wantAsked(2, "two tokens")
		time.Sleep(time.Second)
		want(t, "late", verify(v, "late"), nil)
		time.Sleep(25 * time.Second)
		want(t, "good", verify(v, "good"), token.ErrRevoked)
		s.wantAsked(2, "again")
		if got := v.Stats(); got.AcceptedHits != 1 || got.RefusedHits != 1 || got.Requests != 4 {
			t.Errorf("%+v", got)
		}
	})
}

// A token that ends before MaxAge is not accepted after its end.
func TestMemoryEndsWithTheToken(t *testing.T) {
	with(t, introspect.Options{MaxAge: time.Hour}, func(s *server, v *introspect.Verifier) {
		s.activate("short", members{"exp": time.Now().Add(10 * time.Second).Unix()})
		want(t, "short", verify(v, "short"), nil)
		time.Sleep(10 * time.Second)
		want(t, "ended", verify(v, "short"), token.ErrExpired)
		s.wantAsked(2, "the endpoint was wrong about it")
	})
}

// A clock that is set back does not prolong a verdict.
func TestClockSetBack(t *testing.T) {
	r := rules
	var mu sync.Mutex
	var step time.Duration
	r.Now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return time.Now().Add(step)
	}
	with(t, introspect.Options{Rules: r}, func(s *server, v *introspect.Verifier) {
		want(t, "good", verify(v, "good"), nil)
		mu.Lock()
		step = -time.Hour
		mu.Unlock()
		want(t, "good", verify(v, "good"), nil)
		s.wantAsked(2, "asked again")
		s.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
		for n := range 3 {
			want(t, "failing", verify(v, fmt.Sprint("x", n)), token.ErrKeysUnavailable)
		}
		mu.Lock()
		step = -2 * time.Hour
		mu.Unlock()
		s.answers(nil)
		s.wantAsked(3, "failing")
		want(t, "the pause does not last an hour", verify(v, "y"), token.ErrRevoked)
	})
}

// Without memory each call asks.
func TestNoMemory(t *testing.T) {
	with(t, introspect.Options{MaxAge: -1, RefusedMaxAge: -1}, func(s *server, v *introspect.Verifier) {
		for range 2 {
			want(t, "good", verify(v, "good"), nil)
			want(t, "bad", verify(v, "bad"), token.ErrRevoked)
		}
		s.wantAsked(4, "four calls")
		if got := v.Stats(); got.Accepted+got.Refused != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// Junk does not displace accepted tokens, and both memories are bounded. The least recently
// used token is forgotten first.
func TestMemoryIsBoundedInNumber(t *testing.T) {
	with(t, introspect.Options{MaxAccepted: 2, MaxRefused: 3}, func(s *server, v *introspect.Verifier) {
		for _, good := range []string{"a", "b", "c"} {
			s.activate(good, nil)
		}
		want(t, "a", verify(v, "a"), nil)
		want(t, "b", verify(v, "b"), nil)
		for n := range 10 {
			want(t, "junk", verify(v, fmt.Sprint("junk", n)), token.ErrRevoked)
		}
		want(t, "a", verify(v, "a"), nil)
		s.wantAsked(12, "a is remembered")
		if got := v.Stats(); got.Accepted != 2 || got.Refused != 3 {
			t.Errorf("%+v", got)
		}
		want(t, "c", verify(v, "c"), nil) // displaces b
		want(t, "a", verify(v, "a"), nil)
		s.wantAsked(1, "a was used after b")
		want(t, "b", verify(v, "b"), nil)
		s.wantAsked(1, "b was forgotten")
	})
}

// Calls for one token share a request. A caller that gives up does not fail the others.
func TestOneRequestForAToken(t *testing.T) {
	with(t, introspect.Options{}, func(s *server, v *introspect.Verifier) {
		release := make(chan struct{})
		s.answers(func(w http.ResponseWriter, r *http.Request) {
			<-release
			s.answers(nil)
			s.ServeHTTP(w, r)
		})
		first, cancel := context.WithCancel(s.t.Context())
		gaveUp := make(chan error, 1)
		go func() {
			_, err := v.Verify(first, "good")
			gaveUp <- err
		}()
		synctest.Wait()
		results := make(chan error, 10)
		for range 10 {
			go func() { results <- verify(v, "good") }()
		}
		synctest.Wait()
		cancel()
		want(t, "the first", <-gaveUp, token.ErrKeysUnavailable)
		close(release)
		for range 10 {
			want(t, "the others", <-results, nil)
		}
		s.wantAsked(2, "the handler calls itself once") // one request
	})
}

// A request under way is not wasted if its callers give up: its result is remembered. A
// token that waits for a request is dropped.
func TestAllCallersGiveUp(t *testing.T) {
	with(t, introspect.Options{MaxRequests: 1}, func(s *server, v *introspect.Verifier) {
		release := make(chan struct{})
		s.answers(func(w http.ResponseWriter, r *http.Request) {
			<-release
			s.answers(nil)
			s.ServeHTTP(w, r)
		})
		ctx, cancel := context.WithCancel(s.t.Context())
		done := make(chan error, 2)
		go func() { _, err := v.Verify(ctx, "good"); done <- err }()
		synctest.Wait()
		go func() { _, err := v.Verify(ctx, "waits"); done <- err }()
		synctest.Wait()
		if got := v.Stats(); got.Asking != 1 || got.Waiting != 1 {
			t.Errorf("%+v", got)
		}
		cancel()
		want(t, "both", <-done, token.ErrKeysUnavailable)
		want(t, "both", <-done, token.ErrKeysUnavailable)
		synctest.Wait()
		if got := v.Stats(); got.Asking != 1 || got.Waiting != 0 {
			t.Errorf("%+v", got)
		}
		close(release)
		synctest.Wait()
		s.wantAsked(2, "one request, whose handler calls itself once")
		want(t, "good", verify(v, "good"), nil)
		s.wantAsked(0, "it is remembered")
	})
}

// The requests under way are bounded, and so are the tokens that wait for one.
func TestRequestsAreBounded(t *testing.T) {
	with(t, introspect.Options{MaxRequests: 2, MaxWaiting: 3}, func(s *server, v *introspect.Verifier) {
		release := make(chan struct{})
		s.answers(func(w http.ResponseWriter, r *http.Request) {
			<-release
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"active":false}`)
		})
		results := make(chan error, 5)
		for n := range 5 {
			go func() { results <- verify(v, fmt.Sprint("t", n)) }()
		}
		synctest.Wait()
		s.wantAsked(2, "five tokens")
		want(t, "one more", verify(v, "more"), token.ErrKeysUnavailable)
		close(release)
		for range 5 {
			want(t, "each", <-results, token.ErrRevoked)
		}
	})
}

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

// Close ends the requests under way, and the tokens that wait.
func TestClose(t *testing.T) {
	bubble(t, func(s *server) {
		v := s.verifier(basic, introspect.Options{MaxRequests: 1})
		s.answers(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		results := make(chan error, 3)
		for n := range 3 {
			go func() {
				_, err := v.Verify(context.Background(), fmt.Sprint("t", n))
				results <- err
			}()
		}
		synctest.Wait()
		_ = v.Close()
		_ = v.Close()
		for range 3 {
			want(t, "each", <-results, token.ErrKeysUnavailable)
		}
		if s.log.Len() > 0 {
			t.Errorf("Close was logged: %s", &s.log)
		}
	})
}

// Many callers with tokens of all kinds leave the figures consistent. It is for the race
// detector.
func TestConcurrentCalls(t *testing.T) {
	with(t, introspect.Options{MaxAccepted: 5, MaxRefused: 5, MaxRequests: 3, MaxWaiting: 1000}, func(s *server, v *introspect.Verifier) {
		for n := range 10 {
			s.activate(fmt.Sprint("good", n), nil)
		}
		var all sync.WaitGroup
		for n := range 200 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				if n%7 == 0 {
					cancel()
				}
				defer cancel()
				name, wanted := "good", error(nil)
				if n%2 == 0 {
					name, wanted = "bad", token.ErrRevoked
				}
				_, err := v.Verify(ctx, fmt.Sprint(name, n%10))
				if n%7 != 0 {
					want(t, name, err, wanted)
				}
				v.Stats()
				v.Available()
			})
		}
		all.Wait()
		synctest.Wait()
		if got := v.Stats(); got.Asking != 0 || got.Waiting != 0 || got.Accepted > 5 || got.Refused > 5 || got.Failures != 0 {
			t.Errorf("%+v", got)
		}
	})
}
