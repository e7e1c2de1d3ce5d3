package auth_test

import (
	"fmt"
	"slices"
	"strings"
	"testing/synctest"

	"socketiojwt/auth"
)

// named returns the claims by which the index finds a token.
func named(id string) claims {
	return claims{"iss": "https://issuer", "jti": id, "sid": "session of ada"}
}

// listed returns the leases that the gate lists, without times and the socket, sorted.
func listed(g *auth.Gate) []string {
	var all []string
	for l := range g.Leases() {
		all = append(all, fmt.Sprintf("%s %s/%s %s", l.State, l.Issuer, l.Subject, l.TokenID))
	}
	slices.Sort(all)
	return all
}

// lists waits until every goroutine is idle, and checks what the gate lists.
func (f *fixture) lists(want ...string) {
	f.t.Helper()
	synctest.Wait()
	if got := listed(f.gate); !slices.Equal(got, want) {
		f.t.Errorf("listed: %q, want %q", got, want)
	}
}

// states returns the states of the leases that match, sorted.
func states(g *auth.Gate, m auth.Match) string {
	var all []string
	for l := range g.LeasesOf(m) {
		all = append(all, string(l.State))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// forgotten checks that the index is empty.
func (f *fixture) forgotten() {
	f.t.Helper()
	synctest.Wait()
	f.lists()
	if err := auth.IndexLeft(f.gate); err != nil {
		f.t.Error(err)
	}
}
