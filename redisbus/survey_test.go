package redisbus

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// Surveys learn how many subscribers without a name answer. One that never answers is not a
// node. One that has answered before and does not any more is silent.
func TestSurveys(t *testing.T) {
	type step struct {
		ask     int // subscribers without a name
		timeout time.Duration
		answers int
		wait    time.Duration // afterwards
		want    string        // expected and silent ones
	}
	const long = 5 * time.Second
	for name, steps := range map[string][]step{
		"all answer":          {{2, long, 2, 0, "2 0"}, {2, long, 2, 0, "2 0"}},
		"one never answers":   {{3, long, 2, long, "3 0"}, {3, long, 2, long, "2 0"}, {3, long, 2, 0, "2 0"}},
		"none ever answers":   {{1, long, 0, long, "1 0"}, {1, long, 0, 0, "0 0"}},
		"one stops":           {{2, long, 2, 0, "2 0"}, {2, long, 1, long, "2 0"}, {2, long, 1, 0, "1 1"}},
		"one stops and comes": {{2, long, 2, 0, "2 0"}, {2, long, 1, long, "2 0"}, {2, long, 2, 0, "1 1"}, {2, long, 2, 0, "2 0"}},
		"another joins":       {{1, long, 0, long, "1 0"}, {2, long, 1, 0, "2 0"}},
		"a result is old":     {{1, long, 0, long, "1 0"}, {1, long, 0, time.Minute, "0 0"}, {1, long, 0, 0, "1 0"}},
		"asked at once":       {{1, long, 0, 0, "1 0"}, {1, long, 0, long, "1 0"}, {1, long, 0, 0, "0 0"}},
		"a hurry":             {{1, 500 * time.Millisecond, 0, long, "1 0"}, {1, long, 0, 0, "1 0"}},
		"without a deadline":  {{1, 0, 0, long, "1 0"}, {1, 0, 0, 0, "0 0"}},
		"too many answers":    {{1, long, 3, 0, "1 0"}, {1, long, 1, 0, "1 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s surveys
				defer s.close()
				for i, x := range steps {
					request := fmt.Sprint("r", i)
					expected, silent := s.begin("/", request, x.ask, x.timeout)
					if got := fmt.Sprint(expected, " ", silent); got != x.want {
						t.Errorf("request %d: expected %s, want %s", i, got, x.want)
					}
					if expected, silent := s.begin(fmt.Sprint("/other", i), request+"other", 7, x.timeout); expected != 7 || silent != 0 {
						t.Errorf("another namespace: %d, %d", expected, silent)
					}
					for range x.answers {
						s.answer(request)
					}
					s.answer("unknown")
					time.Sleep(x.wait)
					synctest.Wait()
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if len(s.open) > 0 {
					t.Errorf("%d surveys are open", len(s.open))
				}
			})
		})
	}
}

// An answer of a node that has left is not waited for. The number of subscribers tells.
func TestSurveysOfNodesThatLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s surveys
		defer s.close()
		s.begin("/", "r", 3, time.Minute)
		s.begin("/other", "o", 3, time.Minute)
		s.answer("r")
		for _, step := range []struct{ subscribers, gone int }{{3, 0}, {4, 0}, {2, 1}, {2, 0}, {1, 1}, {0, 0}} {
			if requests := s.left("/", step.subscribers); len(requests) != step.gone || step.gone > 0 && requests[0] != "r" {
				t.Errorf("%d subscribers are left: %q", step.subscribers, requests)
			}
		}
		if waiting := s.waiting(); len(waiting) != 1 || waiting[0] != "/other" {
			t.Errorf("waiting: %q", waiting)
		}
		if expected, _ := s.begin("/", "again", 3, time.Minute); expected != 3 {
			t.Errorf("expected %d of 3", expected)
		}
	})
}

// The memory of surveys is bounded, whatever is asked.
func TestSurveysAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s surveys
		defer s.close()
		for i := range 3 * mostSurveys {
			s.begin(fmt.Sprint("/", i), fmt.Sprint(i), 1, time.Minute)
		}
		if len(s.open) > mostSurveys || len(s.waiting()) > mostWatched {
			t.Errorf("%d surveys", len(s.open))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		for i := range 3 * mostSurveys {
			s.begin(fmt.Sprint("/", i), fmt.Sprint(i), 1, time.Minute)
			s.answer(fmt.Sprint(i))
		}
		if len(s.results) > mostSurveys || len(s.open) > 0 {
			t.Errorf("%d results, %d open", len(s.results), len(s.open))
		}
	})
}
