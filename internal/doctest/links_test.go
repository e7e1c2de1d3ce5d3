package doctest

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	link        = regexp.MustCompile(`\]\(([^)\s]*)(?: "[^"]*")?\)|(?m)^\[[^\]]+\]: +(\S+)`)
	inlineCode  = regexp.MustCompile("`[^`\n]*`")
	heading     = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	punctuation = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
	linkText    = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// links lists the targets of the links of a document, in order.
func links(text string) (targets []string) {
	text = inlineCode.ReplaceAllString(fences.ReplaceAllString(text, ""), "")
	for _, match := range link.FindAllStringSubmatch(text, -1) {
		targets = append(targets, match[1]+match[2])
	}
	return targets
}

// anchors lists what links can name in a document: its headings, as GitHub names them.
func anchors(text string) (names []string) {
	seen := map[string]int{}
	for _, match := range heading.FindAllStringSubmatch(fences.ReplaceAllString(text, ""), -1) {
		title := linkText.ReplaceAllString(strings.TrimSpace(match[1]), "$1")
		name := strings.ReplaceAll(punctuation.ReplaceAllString(strings.ToLower(title), ""), " ", "-")
		if n := seen[name]; n > 0 {
			names = append(names, name+"-"+strconv.Itoa(n))
		} else {
			names = append(names, name)
		}
		seen[name]++
	}
	return names
}

var knownAnchors = map[string][]string{} // by the document; for the test of links only

func anchorsOf(t *testing.T, document string) []string {
	if knownAnchors[document] == nil {
		knownAnchors[document] = anchors(read(t, document))
	}
	return knownAnchors[document]
}

// checkLink returns what is wrong with a link in a document, or nothing.
func checkLink(t *testing.T, document, target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return err.Error()
	}
	file := document
	if u.Path != "" {
		file = path.Join(path.Dir(document), u.Path)
	}
	if strings.HasPrefix(file, "..") || strings.HasPrefix(u.Path, "/") {
		return "it leads out of the repository"
	}
	info, err := os.Stat(filepath.Join(root, filepath.FromSlash(file)))
	switch {
	case err != nil:
		return "there is no " + file
	case u.Fragment != "" && (info.IsDir() || path.Ext(file) != ".md"):
		return file + " has no headings"
	case u.Fragment != "" && !slices.Contains(anchorsOf(t, file), u.Fragment):
		return file + " has no heading #" + u.Fragment
	}
	return ""
}

// Each link of each document leads to a file of the repository and, with a #, to a heading of it.
// Links to other places are listed, and not followed.
func TestLinksLeadSomewhere(t *testing.T) {
	external := map[string][]string{}
	count := 0
	eachFile(t, ".md", func(name string) {
		for _, target := range links(read(t, name)) {
			count++
			if scheme, rest, ok := strings.Cut(target, ":"); ok {
				if local := strings.HasPrefix(rest, "//localhost"); scheme != "https" && scheme != "mailto" && !local {
					t.Errorf("%s: %s: link by https", name, target)
				}
				external[target] = append(external[target], name)
				continue
			}
			if wrong := checkLink(t, name, target); wrong != "" {
				t.Errorf("%s: link %s: %s", name, target, wrong)
			}
		}
	})
	if count < 80 {
		t.Errorf("only %d links found", count)
	}
	t.Logf("%d links; %d places outside, which are not followed:", count, len(external))
	for target, documents := range external {
		t.Logf("%s in %v", target, documents)
	}
}

var mentioned = regexp.MustCompile(`\b(?:docs|deploy|examples|internal/[a-z]+)/[\w/-]+\.(?:md|yml|json|toml|conf|cfg|go|mjs)\b`)

// Files that documents and comments mention exist.
func TestMentionedFilesExist(t *testing.T) {
	inFolder := func(line string) bool {
		return strings.Contains(line, "docs/") || strings.Contains(line, "deploy/") || strings.Contains(line, "examples/") || strings.Contains(line, "internal/")
	}
	check := func(name, line string) {
		for _, place := range mentioned.FindAllStringIndex(line, -1) {
			if place[0] > 0 && strings.Contains("/.$", line[place[0]-1:place[0]]) {
				continue // part of a longer path
			}
			file := line[place[0]:place[1]]
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(file))); err != nil {
				t.Errorf("%s mentions %s, which does not exist", name, file)
			}
		}
	}
	for _, end := range []string{".md", ".go", ".mjs", ".sh", "Makefile"} {
		eachFile(t, end, func(name string) {
			if strings.HasPrefix(name, "docs/adr/") || name == "CHANGELOG.md" || strings.HasSuffix(name, "_test.go") {
				return // they tell of what was, or make files of their own
			}
			for line := range strings.Lines(read(t, name)) {
				if inFolder(line) {
					check(name, line)
				}
			}
		})
	}
}

// docs/README.md lists each page of docs/ once.
func TestPagesAreListed(t *testing.T) {
	listed := map[string]int{}
	for _, match := range regexp.MustCompile(`(?m)^- \[([\w-]+\.md)\]\(([\w-]+\.md)\): `).FindAllStringSubmatch(read(t, "docs/README.md"), -1) {
		if match[1] == match[2] {
			listed[match[1]]++
		}
	}
	eachFile(t, ".md", func(name string) {
		page := path.Base(name)
		if path.Dir(name) == "docs" && page != "README.md" && listed[page] != 1 {
			t.Errorf("docs/README.md lists %s %d times; add a line with what a reader finds there, at the place of its task", page, listed[page])
		}
	})
}
