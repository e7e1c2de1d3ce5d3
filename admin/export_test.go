package admin

import "socketiojwt/auth"

// First returns the leases with the lowest IDs, in order.
func First(all []auth.LeaseInfo, most int) []auth.LeaseInfo {
	f := firstLeases{most: most}
	for _, l := range all {
		f.add(l)
	}
	return f.sorted()
}
