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

// Constant accepts a lookup in a map, and would refuse a search in a list.
func TestConstant(t *testing.T) {
	numbers := func(n int) (all []int, set map[int]bool) {
		set = make(map[int]bool)
		for i := range n {
			all, set[i] = append(all, i), true
		}
		return all, set
	}
	found := 0
	Constant(t, 1000, func(n int) func() {
		_, set := numbers(n)
		return func() {
			for i := range 1000 {
				if set[i] {
					found++
				}
			}
		}
	})
	search := func(n int) func() {
		all, _ := numbers(n)
		return func() {
			if slices.Contains(all, n-1) {
				found++
			}
		}
	}
	if a, b := measure(search(10_000)), measure(search(100_000)); b < little*a {
		t.Errorf("a search in a list takes %v, and in one 10 times as long %v", a, b)
	}
	if found == 0 {
		t.Error("nothing was found")
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
