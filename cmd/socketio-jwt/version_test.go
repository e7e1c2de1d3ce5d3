package main

import (
	"strings"
	"testing"
)

func TestVersionShowsModulesWithTheirLicenses(t *testing.T) {
	verbose := runWith(t, "", "version", "-v")
	verbose.want(t, exitGood, "Socket.IO protocol 5", "")
	var kong string
	for line := range strings.Lines(verbose.out) {
		if strings.HasPrefix(line, "github.com/alecthomas/kong ") {
			kong = line
		}
	}
	if fields := strings.Fields(kong); len(fields) != 3 || !strings.HasPrefix(fields[1], "v") || fields[2] != "MIT" {
		t.Errorf("line of kong: %q", kong)
	}
	if strings.Contains(runWith(t, "", "version").out, "kong") {
		t.Error("without -v, version prints modules")
	}
	runWith(t, "", "version", "--licenses").want(t, exitGood, "Permission is hereby granted, free of charge", "")
	if got := licensesByModule()[standardLibrary]; got != "BSD-3-Clause" {
		t.Errorf("license of Go: %q", got)
	}
}
