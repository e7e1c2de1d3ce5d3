// Package limittest runs tests of time limits that the machine may be too busy to meet.
package limittest

import (
	"testing"
	"time"
)

// longest is the longest limit that a test is run with.
const longest = 2 * time.Minute

// Run runs test with a limit that passes while it runs. A busy machine may need longer for what must be done
// before that, so a test that fails is run again with a longer limit.
func Run(t *testing.T, limit time.Duration, test func(limit time.Duration) error) {
	t.Helper()
	for {
		err := test(limit)
		if err == nil {
			return
		}
		if limit *= 6; limit > longest {
			t.Fatal(err)
		}
		t.Logf("next with %v: %v", limit, err)
	}
}
