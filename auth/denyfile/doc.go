// Package denyfile keeps the revoked tokens and blocked subjects of a gate in a file, so that
// they are still refused after a restart.
//
//	list, err := denyfile.Open("/var/lib/chat/denylist.db", denyfile.Options{})
//	if err != nil { ... }
//	defer list.Close()
//	gate, err := auth.NewGate(verifier, auth.Options{Denylist: list})
//
// When Add returns nil, the entry is on the disk. Concurrent changes are written together, so
// that many cost hardly more than one. Find looks only at memory: no admission waits for the
// disk. Several gates of a process may share one list.
//
// If a change cannot be written, for example because the disk is full, Add returns an error.
// The entry is then found until the process ends, and earlier entries are not affected.
//
// # Format
//
// The file is a database of go.etcd.io/bbolt. Its format has a version, and each entry has a
// checksum. Open reads and checks the whole file, and fails if the file is damaged: the list
// is never smaller than it should be without an error.
//
// # Concurrency
//
// All methods may be called concurrently. There is a goroutine only while changes are written.
//
// # Limits
//
// Only one process can open a file, so each node of a cluster needs its own; a revocation
// reaches the others by auth.Gate.Share. Use a local disk, because locks and writes in order
// are not reliable on network file systems. The entries have names of users and sessions,
// unencrypted. Open makes the file readable only for its owner.
package denyfile
