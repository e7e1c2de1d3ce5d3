package auth

import "testing"

// A token that moves from a candidate to the entry of its socket while all entries are searched is
// not missed, whichever of the two comes first.
func TestSweepFindsPromotedTokens(t *testing.T) {
	for _, at := range []int{0, 1, 70, 150, 199} {
		r := newRegistry(1)
		var sockets []*entry
		for n := range 200 {
			e := &entry{}
			r.add(e)
			r.name(e, leaseFor(n, "of a socket"))
			sockets = append(sockets, e)
		}
		candidate, shown := &entry{}, leaseFor(1000, "shown")
		r.addBeside(sockets[0], candidate)
		r.name(candidate, shown)
		steps, found := 0, false
		for e := range r.sweeping(ByIssuer("https://issuer")) {
			if found = found || e.lease == shown; steps == at {
				r.promote(sockets[0], candidate)
			}
			steps++
		}
		if !found {
			t.Errorf("the token was missed when it moved at step %d", at)
		}
	}
}
