package doctest

import (
	"path"
	"regexp"
	"strings"
	"testing"
)

// shownFile finds a fence of a document whose sentence before it links to the file that it shows.
var shownFile = regexp.MustCompile("(?s)[Ff]rom \\[[^]]+\\]\\(([^)]+)\\)[^\n]*:\n\n```([a-z]+)\n(.*?)```\n")

// TestProxiesAreShownAsTheyAre checks that the configurations in docs/behind-a-proxy.md are parts of
// the files in deploy/ that they name, which interop/proxies.test.mjs runs.
func TestProxiesAreShownAsTheyAre(t *testing.T) {
	text := read(t, "docs/behind-a-proxy.md")
	shown := shownFile.FindAllStringSubmatch(text, -1)
	languages := map[string]int{}
	for _, fence := range shown {
		file, language, part := path.Join("docs", fence[1]), fence[2], fence[3]
		languages[language]++
		if !strings.Contains(read(t, file), part) {
			t.Errorf("%s does not contain\n%s", file, part)
		}
	}
	for _, language := range []string{"nginx", "haproxy", "caddyfile", "go"} {
		if all := strings.Count(text, "\n```"+language+"\n"); all == 0 || all != languages[language] {
			t.Errorf("%d of %d fences of %s name their file", languages[language], all, language)
		}
	}
}
