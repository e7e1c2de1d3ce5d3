//go:build unix

// Package growth fails tests of functions whose time grows faster than their input.
package growth

import (
	"testing"
	"time"

	"socketiojwt/internal/cputime"
)

const (
	factor   = 10 // by which the input grows
	most     = 20 // by which the time of Linear may grow
	little   = 3  // by which that of Constant may
	rounds   = 40 // attempts, because the machine may be busy
	shortest = 2 * time.Millisecond
	longest  = 10 * time.Second
)

// Linear runs functions that prepare returns for an input of size n and for one that is 10 times as
// large. It fails the test if the large one takes more than 20 times as long as the small one: an
// algorithm that compares each part of the input with each other one takes 100 times as long. It
// compares the CPU time that this process uses, and the least of several rounds, so that a busy
// machine does not matter. A small input should take more than 10 microseconds.
func Linear(t *testing.T, n int, prepare func(n int) func()) {
	t.Helper()
	compare(t, n, most, prepare)
}

// Constant is Linear for functions whose time must not depend on the size: it may be 3 times as long.
func Constant(t *testing.T, n int, prepare func(n int) func()) {
	t.Helper()
	compare(t, n, little, prepare)
}

func compare(t *testing.T, n int, most time.Duration, prepare func(n int) func()) {
	t.Helper()
	small, large := prepare(n), prepare(factor*n)
	small() // fills pools and caches
	leastSmall, leastLarge := time.Duration(1<<62), time.Duration(1<<62)
	for range rounds {
		leastSmall = min(leastSmall, measure(small))
		leastLarge = min(leastLarge, measure(large))
		if leastLarge <= most*leastSmall {
			return
		}
		if leastLarge > longest {
			break
		}
	}
	t.Errorf("size %d takes %v, size %d takes %v: %.0f times as long, want at most %d", n, leastSmall, factor*n, leastLarge,
		float64(leastLarge)/float64(leastSmall), most)
}

// measure returns the CPU time of a call.
func measure(f func()) time.Duration {
	for calls := 1; ; calls *= 2 {
		began := cputime.Used()
		for range calls {
			f()
		}
		if took := cputime.Used() - began; took >= shortest {
			return took / time.Duration(calls)
		}
	}
}
