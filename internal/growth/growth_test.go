//go:build unix

package growth

import (
	"slices"
	"testing"
)

// Linear accepts a search in a set, and would refuse one in a list.
func TestLinear(t *testing.T) {
	sets := func(n int) func() {
		return func() {
			seen := make(map[int]bool)
			for i := range n {
				seen[i] = true
			}
		}
	}
	Linear(t, 1000, sets)
	small, large := lists(300), lists(3000)
	if a, b := measure(small), measure(large); b < most*a {
		t.Errorf("a search in a list takes %v, and in one 10 times as long %v", a, b)
	}
}

func lists(n int) func() {
	return func() {
		var seen []int
		for i := range n {
			if !slices.Contains(seen, i) {
				seen = append(seen, i)
			}
		}
	}
}
