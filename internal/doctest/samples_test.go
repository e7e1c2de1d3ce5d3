package doctest

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A sample is a block of code in a document.
type sample struct {
	document, language, text string
}

var fence = regexp.MustCompile("(?ms)^ *```(\\w*)\n(.*?)^ *```$")

// samples lists the samples of all documents.
func samples(t *testing.T) (all []sample) {
	t.Helper()
	eachFile(t, ".md", func(name string) {
		for _, match := range fence.FindAllStringSubmatch(read(t, name), -1) {
			all = append(all, sample{name, match[1], match[2]})
		}
	})
	return all
}

// checkedBy says which test checks the samples of a language. Those of the others are parts of a
// file of the repository that a test compiles or runs.
var checkedBy = map[string]string{
	"js":   "interop/docs.test.mjs",
	"sh":   "cmd/socketio-jwt/docs_test.go",
	"toml": "cmd/socketio-jwt/docs_test.go",
	"":     "cmd/socketio-jwt/docs_test.go", // commands, and drawings
	"ini":  "cmd/socketio-jwt/docs_test.go", // the command of a unit of systemd
	"yaml": "cmd/socketio-jwt/docs_test.go", // the command of a container
}

// unchecked are the samples that no test checks, by the document and the first line, and why.
var unchecked = map[[2]string]string{
	{"docs/metrics.md", "exporter, err := otlptracehttp.New(ctx)"}:                                "no module of this repository has the exporter",
	{"docs/adr/0032-typed-users-and-options-of-a-mode.md", "var user = auth.NewUser[*Account]()"}: "a decision of the past, in lines that do not follow one another",
}

// folders are where the files are of which samples are parts, by the language.
var sampleFolders = map[string][]string{
	"go":    {"examples/", "token/profile/", "metrics/", "redisbus/", "tracing/", "clients/", "upstream/"},
	"other": {"deploy/", "examples/", "interop/"},
}

// Each sample is compiled or run by a test, or is in the list of those that are not.
func TestSamplesAreChecked(t *testing.T) {
	count, exempt := map[string]int{}, 0
	for _, s := range samples(t) {
		first, _, _ := strings.Cut(strings.TrimSpace(s.text), "\n")
		if unchecked[[2]string{s.document, first}] != "" {
			exempt++
			continue
		}
		count[s.language]++
		if test, ok := checkedBy[s.language]; ok {
			read(t, test) // it exists
			continue
		}
		if file := partOf(t, s); file == "" {
			t.Errorf("%s: no file that a test compiles or runs has the lines of this sample:\n%s", s.document, s.text)
		}
	}
	if exempt != len(unchecked) {
		t.Errorf("%d samples are unchecked, but %d are listed", exempt, len(unchecked))
	}
	t.Logf("samples by language: %v; unchecked: %d", count, exempt)
	if count["go"] < 60 || count["js"] < 25 {
		t.Errorf("only %v samples found", count)
	}
}

// partOf returns the file that has all lines of a sample in their order. Indentation and empty
// lines do not matter.
func partOf(t *testing.T, s sample) (found string) {
	if s.document == issuers || s.document == fromNode {
		return s.document + " has a test of its own"
	}
	folders := sampleFolders[s.language]
	if folders == nil {
		folders = sampleFolders["other"]
	}
	wanted := significant(s.text)
	eachFile(t, "", func(name string) {
		in := func(folder string) bool { return strings.HasPrefix(name, folder) }
		if found == "" && slices.ContainsFunc(folders, in) && (s.language != "go" || path.Ext(name) == ".go") && isWithin(wanted, significant(read(t, name))) {
			found = name
		}
	})
	return found
}

func significant(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// isWithin reports whether lines has all of wanted in their order.
func isWithin(wanted, lines []string) bool {
	for _, line := range lines {
		if len(wanted) > 0 && line == wanted[0] {
			wanted = wanted[1:]
		}
	}
	return len(wanted) == 0
}

// Each page for users has a sample that is checked.
func TestPagesHaveSamples(t *testing.T) {
	without := []string{"README.md", "scale.md", "threat-model.md", "walk.md"} // lists of links, estimates, controls and places
	has := map[string]bool{}
	for _, s := range samples(t) {
		has[path.Base(s.document)] = true
	}
	commands := regexp.MustCompile(`(?m)^    \S*socketio-jwt `)
	eachFile(t, ".md", func(name string) {
		if page := path.Base(name); path.Dir(name) == "docs" && !has[page] && !slices.Contains(without, page) && !commands.MatchString(read(t, name)) {
			t.Errorf("docs/%s has no sample", page)
		}
	})
}
