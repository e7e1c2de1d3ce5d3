package admin

import (
	"net/http/httptest"
	"strconv"

	"socketiojwt/auth"
	"socketiojwt/token"
)

// First returns the leases with the lowest IDs, in order.
func First(all []auth.LeaseInfo, most int) []auth.LeaseInfo {
	f := firstLeases{most: most}
	for _, l := range all {
		f.add(l)
	}
	return f.sorted()
}

// Remembered returns how many Idempotency-Keys are remembered after n requests.
func Remembered(n int) int {
	var p repeats
	for i := range n {
		r := httptest.NewRequest("POST", "/emit", nil)
		r.Header.Set(idempotencyKey, strconv.Itoa(i))
		done, _ := p.begin(&token.Token{}, r, nil)
		done(true)
	}
	return len(p.known)
}
