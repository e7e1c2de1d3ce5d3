// Package footprint has a test of what an idle connection costs. It is a package of its own
// because the test needs a process of its own.
package footprint
