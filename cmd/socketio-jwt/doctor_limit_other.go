//go:build !unix

package main

// openFiles returns 0: nobody knows.
func openFiles() uint64 { return 0 }
