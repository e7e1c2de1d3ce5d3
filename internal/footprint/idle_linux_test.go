//go:build !race

package footprint_test

import (
	"os"
	"os/exec"
	"testing"
)

// TestIdleConnectionWithSharedWait runs TestIdleConnection in another process.
func TestIdleConnectionWithSharedWait(t *testing.T) {
	test := exec.Command(os.Args[0], "-test.run=^TestIdleConnection$", "-test.v")
	test.Env = append(os.Environ(), sharedWait+"=1")
	if out, err := test.CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, out)
	} else {
		t.Logf("%s", out)
	}
}
