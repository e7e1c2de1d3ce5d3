package introspect

import "time"

const (
	tolerated     = 3 // failures in a row after which the circuit opens
	leastPause    = time.Second
	mostPause     = 5 * time.Second
	mostRetryWait = time.Minute // of a Retry-After
)

// circuit decides whether the endpoint may be asked. It opens after several failures in a
// row, and then allows one request at a time, with a pause before each.
type circuit struct {
	failures int       // in a row
	pauses   int       // in a row; the circuit is open if there are any
	until    time.Time // end of the last pause
	probing  bool      // a request runs while the circuit is open
}

// shut reports whether no request may begin now.
func (c *circuit) shut(now time.Time) bool {
	left := c.until.Sub(now)
	return c.pauses > 0 && (c.probing || 0 < left && left <= mostRetryWait) // more is left if the clock was set back
}

// begin counts a request that begins while shut is false. It reports whether the request is
// the only one that is allowed, which must be passed to failed.
func (c *circuit) begin() (probe bool) {
	if c.pauses > 0 {
		c.probing = true
	}
	return c.probing
}

// failed counts a request that has failed. retryAfter is what the response asks for, or 0.
func (c *circuit) failed(now time.Time, probe bool, retryAfter time.Duration) {
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

// succeeded closes the circuit.
func (c *circuit) succeeded() { *c = circuit{} }
