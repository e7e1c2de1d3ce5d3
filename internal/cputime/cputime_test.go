//go:build unix

package cputime_test

import (
	"testing"
	"time"

	"socketiojwt/internal/cputime"
)

// Work takes CPU time, and a wait takes next to none.
func TestUsed(t *testing.T) {
	before := cputime.Used()
	time.Sleep(20 * time.Millisecond)
	if took := cputime.Used() - before; took >= 20*time.Millisecond {
		t.Errorf("a wait took %v", took)
	}
	for began := time.Now(); cputime.Used() < before+5*time.Millisecond; {
		if time.Since(began) > time.Minute {
			t.Fatal("work takes no CPU time")
		}
	}
}
