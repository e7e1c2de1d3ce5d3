//go:build unix

package msgpack

import (
	"strings"
	"testing"

	"socketiojwt/internal/growth"
)

// The search for the end of a string takes linear time, whether each byte is part of an escape or
// none is.
func TestStringEndIsLinear(t *testing.T) {
	for _, part := range []string{`\n`, `\"`, `\\`, `x`} {
		growth.Linear(t, 1<<15, func(n int) func() {
			text := []byte(`"` + strings.Repeat(part, n) + `"`)
			return func() { stringEnd(text, 0) }
		})
	}
}
