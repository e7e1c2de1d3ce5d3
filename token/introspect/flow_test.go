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
)

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
		go func() { done <- verify(v, "good") }()
		synctest.Wait()
		s.wantAsked(1, "the caller joins the request")
		close(release)
		want(t, "the caller", <-done, nil)
		s.wantAsked(1, "the handler calls itself once")
		want(t, "good", verify(v, "good"), nil)
		s.wantAsked(0, "it is remembered")
	})
}

// A token that waits for a request stays for the other callers if one gives up.
func TestOneOfTwoCallersGivesUp(t *testing.T) {
	with(t, introspect.Options{MaxRequests: 1}, func(s *server, v *introspect.Verifier) {
		release := make(chan struct{})
		s.answers(func(w http.ResponseWriter, r *http.Request) {
			<-release
			s.answers(nil)
			s.ServeHTTP(w, r)
		})
		ctx, cancel := context.WithCancel(s.t.Context())
		gaveUp, done := make(chan error, 1), make(chan error, 2)
		go func() { done <- verify(v, "good") }()
		synctest.Wait()
		go func() { _, err := v.Verify(ctx, "waits"); gaveUp <- err }()
		go func() { done <- verify(v, "waits") }()
		synctest.Wait()
		cancel()
		want(t, "the first", <-gaveUp, token.ErrKeysUnavailable)
		s.activate("waits", nil)
		close(release)
		want(t, "both others", <-done, nil)
		want(t, "both others", <-done, nil)
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
