package wallclock_test

import (
	"math"
	"testing"
	"time"

	"socketiojwt/internal/wallclock"
)

func TestNanos(t *testing.T) {
	for _, c := range []struct {
		at   time.Time
		want int64
	}{
		{time.Unix(1, 2), 1_000_000_002},
		{time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), math.MaxInt64},
		{time.Time{}, math.MinInt64},
	} {
		if got := wallclock.Nanos(c.at); got != c.want {
			t.Errorf("Nanos(%v) = %d, want %d", c.at, got, c.want)
		}
	}
}
