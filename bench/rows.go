package main

import (
	"fmt"
	"slices"
	"strings"

	"socketiojwt/bench/load"
)

// row is one line of the table: what a thing costs our server, over what it costs another.
type row struct {
	name string // for -rows
	what string
	unit string
	ours setup
	over *setup // nil: both figures come from the same run of ours

	// figures returns what is compared, from a run of each; the second is ours again where over is nil.
	figures func(ours, over load.Result) (float64, float64)
	// exact checks what else must hold in each run of ours; nil means nothing.
	exact func(ours load.Result) error
	// says returns what else is to be known of a run of ours; nil means nothing.
	says func(ours load.Result) string

	bound float64 // the ratio may not be above this
	aim   float64 // and better is not above this
}

const (
	rounds      = 5 // runs of each server in a row
	quickRounds = 1
	quickCount  = 1000
	fileSlack   = 500 // files that a process needs besides its connections
)

// rows returns the comparison.
func rows() []row {
	return slices.Concat(nodeRows(), centrifugeRows(), loadRows(), selfRows(), loudRows(), spreadRows(), clusterRows())
}

// overNode reports whether the row compares with Node.
func (r row) overNode() bool { return r.over != nil && !r.over.ours && !r.overCentrifuge() }

// overCentrifuge reports whether the row compares with Centrifuge.
func (r row) overCentrifuge() bool { return r.over != nil && r.over.kind == "centrifuge" }

// hasRunsOf reports whether both rows have the same servers under the same load, so that they can use the same runs.
func (r row) hasRunsOf(other row) bool {
	if r.over == nil || other.over == nil {
		return r.ours == other.ours && r.over == other.over
	}
	return r.ours == other.ours && *r.over == *other.over
}

// needsRedis reports whether the row has a cluster.
func (r row) needsRedis() bool { return r.ours.wire != "" }

// choose returns the rows whose names are in the list, in the order of the table; an empty list means all.
func choose(all []row, list string) ([]row, error) {
	if list == "" {
		return all, nil
	}
	wanted := make(map[string]bool)
	for name := range strings.SplitSeq(list, ",") {
		wanted[strings.TrimSpace(name)] = true
	}
	var chosen []row
	var names []string
	for _, r := range all {
		names = append(names, r.name)
		if wanted[r.name] {
			chosen = append(chosen, r)
			delete(wanted, r.name)
		}
	}
	for name := range wanted {
		return nil, fmt.Errorf("no row %q; there are %s", name, strings.Join(names, ", "))
	}
	return chosen, nil
}
