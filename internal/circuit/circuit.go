// Package circuit decides whether a server that fails may be asked.
package circuit

import "time"

const (
	tolerated     = 3 // failures in a row after which the circuit opens
	leastPause    = time.Second
	mostPause     = 5 * time.Second
	mostRetryWait = time.Minute // of a Retry-After
)

// A Circuit decides whether a server may be asked. It opens after three failures in a row, or
// after one with a Retry-After, and then allows one request at a time, with a pause before each.
// The zero value is closed. The caller guards it by a lock.
type Circuit struct {
	failures int       // in a row
	pauses   int       // in a row; the circuit is open if there are any
	until    time.Time // end of the last pause
	probing  bool      // a request runs while the circuit is open
}

// Shut reports whether no request may begin now.
func (c *Circuit) Shut(now time.Time) bool {
	left := c.until.Sub(now)
	return c.pauses > 0 && (c.probing || 0 < left && left <= mostRetryWait) // more is left if the clock was set back
}

// Begin counts a request that begins while Shut is false. It reports whether the request is
// the only one that is allowed, which must be passed to Failed.
func (c *Circuit) Begin() (probe bool) {
	if c.pauses > 0 {
		c.probing = true
	}
	return c.probing
}

// Failed counts a request that has failed. retryAfter is what the response asks for, or 0.
func (c *Circuit) Failed(now time.Time, probe bool, retryAfter time.Duration) {
	c.failures++
	if probe {
		c.probing = false
	}
	pause := min(retryAfter, mostRetryWait)
	if open := c.pauses > 0; open && !probe { // began before the circuit opened
		if until := now.Add(pause); until.After(c.until) {
			c.until = until
		}
		return
	}
	if probe || pause > 0 || c.failures >= tolerated {
		c.pauses++
		pause = max(pause, min(leastPause<<min(c.pauses-1, 10), mostPause))
		c.until = now.Add(pause)
	}
}

// Succeeded closes the circuit.
func (c *Circuit) Succeeded() { *c = Circuit{} }

// Failures returns the number of failures in a row.
func (c *Circuit) Failures() int { return c.failures }

// Wait returns how long no request may begin, or 0.
func (c *Circuit) Wait(now time.Time) time.Duration {
	if !c.Shut(now) {
		return 0
	}
	return max(c.until.Sub(now), 0)
}
