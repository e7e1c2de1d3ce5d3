package doctest

import (
	"regexp"
	"strings"
	"testing"
)

var codeFence = regexp.MustCompile("(?ms)^```(js|python)\n(.*?)^```$")

// Each sample of docs/backend.md is a part of a backend that the interop tests run.
func TestBackendShowsItsSamples(t *testing.T) {
	files := map[string]string{"js": read(t, "examples/backend/backend.mjs"), "python": read(t, "examples/backend/backend.py")}
	samples := codeFence.FindAllStringSubmatch(read(t, "docs/backend.md"), -1)
	if len(samples) < 3 {
		t.Errorf("%d samples", len(samples))
	}
	for _, s := range samples {
		if !strings.Contains(files[s[1]], "\n"+s[2]) {
			t.Errorf("not a part of the backend in %s:\n%s", s[1], s[2])
		}
	}
}
