package doctest

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

const issuers = "docs/issuers.md"

func TestIssuersNamesWhatExists(t *testing.T) {
	if packages := namesWhatExists(t, issuers); packages != 4 {
		t.Errorf("%d packages are named", packages)
	}
}

// Each line of a Go sample of docs/issuers.md is one of token/profile/recipes_test.go,
// which verifies tokens by it, or of examples/tenants; and each profile has its sample.
func TestIssuersShowsItsSamples(t *testing.T) {
	lines := func(text string) (all []string) {
		for _, line := range strings.Split(text, "\n") {
			all = append(all, strings.TrimSpace(line))
		}
		return all
	}
	tested := lines(read(t, "token/profile/recipes_test.go"))
	for _, name := range []string{"tenants.go", "credentials.go"} {
		tested = append(tested, lines(read(t, "examples/tenants/"+name))...)
	}
	var shown strings.Builder
	for _, fence := range goFence.FindAllStringSubmatch(read(t, issuers), -1) {
		shown.WriteString(fence[1])
	}
	for _, line := range lines(shown.String()) {
		if !slices.Contains(tested, line) {
			t.Errorf("no tested file has the line %q", line)
		}
	}
	for name := range exported(t, "token/profile") {
		if ast.IsExported(name) && !strings.Contains(shown.String(), "profile."+name+"(") {
			t.Errorf("there is no sample of %s", name)
		}
	}
}
