//go:build unix && !linux

package engineio

// limitUnsent sets no bound, because only Linux is known to need it.
func limitUnsent(uintptr) {}
