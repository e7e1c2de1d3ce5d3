package main

import (
	"net/http"
	"strings"
	"syscall"
	"testing"

	"socketiojwt/internal/redistest"
)

// TestHangup checks that SIGHUP does not end serve, and that each is logged.
func TestHangup(t *testing.T) {
	s := start(t)
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, "the log says so", func() bool { return strings.Contains(s.log.String(), "configuration reloaded") })
	if got := status(t, s.url+"/ready"); got != http.StatusOK {
		t.Errorf("/ready: %d", got)
	}
}
