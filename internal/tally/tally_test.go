package tally_test

import (
	"fmt"
	"sync"
	"testing"

	"socketiojwt/internal/tally"
)

func TestCountsByName(t *testing.T) {
	var b tally.By[string]
	if got := b.Counts(); got == nil || len(got) > 0 {
		t.Errorf("of no events: %v", got)
	}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			b.Add("a")
			b.Add("b")
			b.Add("a")
		})
	}
	all.Wait()
	before := b.Counts()
	b.Add("a")
	if fmt.Sprint(before) != "map[a:20 b:10]" || b.Counts()["a"] != 21 {
		t.Errorf("%v, %v", before, b.Counts())
	}
}

// Names that a peer can choose do not fill memory, and no event is lost.
func TestNamesAreBounded(t *testing.T) {
	var b tally.By[string]
	for i := range 1000 {
		b.Add(fmt.Sprint(i))
	}
	b.Add("0")
	sum := uint64(0)
	for _, n := range b.Counts() {
		sum += n
	}
	if got := b.Counts(); len(got) != tally.Most+1 || got["0"] != 2 || got[tally.Other] != 1000-tally.Most || sum != 1001 {
		t.Errorf("%d names, %v", len(got), got)
	}
}
