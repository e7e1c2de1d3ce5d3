// Package wallclock has times of the wall clock as integers.
package wallclock

import (
	"math"
	"time"
)

// LongestSleep bounds how long a queue of package alarm does not look at the wall clock, so that
// it notices within that time that the clock was set or the machine was suspended.
const LongestSleep = time.Second

// Nanos returns a time of the wall clock in nanoseconds since 1970. A time that an int64 cannot
// hold becomes the nearest that it can.
func Nanos(t time.Time) int64 {
	switch s := t.Unix(); {
	case s >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64
	case s <= math.MinInt64/int64(time.Second):
		return math.MinInt64
	}
	return t.UnixNano()
}
