package doctest

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var makeTarget = regexp.MustCompile(`(?m)^([a-z-]+):`)

// make does nothing for a verb that is also the name of a folder, such as release, unless it is listed
// as .PHONY.
func TestVerbsOfMakeArePhony(t *testing.T) {
	text := read(t, "Makefile")
	_, rest, _ := strings.Cut(text, "\n.PHONY: ")
	list, _, _ := strings.Cut(rest, "\n")
	var verbs []string
	for _, match := range makeTarget.FindAllStringSubmatch(text, -1) {
		verbs = append(verbs, match[1])
	}
	if phony := strings.Fields(list); !slices.Equal(phony, verbs) {
		t.Errorf(".PHONY lists %q, and the Makefile has %q", phony, verbs)
	}
}
