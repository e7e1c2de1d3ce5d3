package doctest

import (
	"go/ast"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// unclear lists expressions that readers stumbled over, and what to write instead.
var unclear = []struct {
	pattern *regexp.Regexp
	instead string
	hints   []string // a match contains one of them, in lower case or as it is here
}{
	{regexp.MustCompile(`(?i)\b(whoever|somebody|nobody|anybody)\b`), "name the actor: the peer, the client, the caller, the operator", words("whoever", "somebody", "nobody", "anybody")},
	{regexp.MustCompile(`(^|[.:;] )Who [a-z]+ [^?]*$|\b(of|to|for|by|from) who\b`), "name the actor: the peer, the client, the caller, the operator", words("Who ", "of who", "to who", "for who", "by who", "from who")},
	{regexp.MustCompile(`(?i)\b([a-su-z]\w*|th[a-df-z]\w*|t[a-gi-z]\w*|it) (is|are) no [b-km-z][a-z]*\b`), "is not a", words(" is no ", " are no ")},
	{regexp.MustCompile(`(?i)\b(has|have|had|having) to\b`), "must", words("have to", "has to", "had to", "having to")},
	{regexp.MustCompile(`(?i)\balone\b`), "only", words("alone")},
	{regexp.MustCompile(`(?i)\bdear(er|est)?\b`), "expensive", words("dear")},
	{regexp.MustCompile(`(?i)\b(in (its|their|his) stead|in vain|as it stands|the like of)\b`), "instead of it; without success; unchanged", words("stead", "in vain", "as it stands", "the like of")},
	{regexp.MustCompile(`(?i)\b(nothing|none|nobody) but\b|\bbut for\b`), "only; except for", words("nothing but", "none but", "nobody but", "but for")},
	{regexp.MustCompile(`(?i)\blets? (it|them|him|a socket|sockets|peers|anybody) in\b|\b(is|are|was|were) let in\b|\bmay come in\b`), "admit", words("let", "come in")},
	{regexp.MustCompile(`(?i)\bstrangers?\b`), "an unauthenticated peer; an attacker", words("stranger")},
	{regexp.MustCompile(`(^|\. )(Of|Whatever) (a|an|the|what|those|its) `), "subject first, then verb", words("Of ", "Whatever ")},
	{regexp.MustCompile(`(^|[.:;] )What (is|comes|has) [^?]*$`), "subject first, then verb", words("What ")},
	{regexp.MustCompile(`(?i)\bshall\b`), "must; will", words("shall")},
}

func words(hints ...string) []string { return hints }

// TestPlainEnglish checks comments, string literals and documents for expressions that
// readers have misunderstood.
func TestPlainEnglish(t *testing.T) {
	for _, ext := range []string{".go", ".md", ".mjs", ".js", ".sh"} {
		eachFile(t, ext, func(name string) {
			for _, text := range prose(t, name) {
				lower := strings.ToLower(text.words)
				hinted := func(hint string) bool { return strings.Contains(lower, hint) || strings.Contains(text.words, hint) }
				for _, u := range unclear {
					if !slices.ContainsFunc(u.hints, hinted) {
						continue // a regular expression is slow
					}
					if found := u.pattern.FindString(text.words); found != "" {
						t.Errorf("%s:%d: %q: write %q in: %s", name, text.line, strings.TrimSpace(found), u.instead, text.words)
					}
				}
			}
		})
	}
}

// A sentence is a piece of prose and the line where it begins.
type sentence struct {
	words string
	line  int
}

// prose returns the comments and string literals of a Go file, the comments of a script,
// and the paragraphs of a document, each on one line.
func prose(t *testing.T, name string) []sentence {
	t.Helper()
	switch filepath.Ext(name) {
	case ".go":
		return proseOfGo(t, name)
	case ".md":
		return paragraphs(read(t, name), func(line string) (string, bool) { return line, true }, true)
	case ".sh":
		return paragraphs(read(t, name), func(line string) (string, bool) { return strings.CutPrefix(strings.TrimSpace(line), "# ") }, false)
	}
	return paragraphs(read(t, name), func(line string) (string, bool) { return strings.CutPrefix(strings.TrimSpace(line), "// ") }, false)
}

func proseOfGo(t *testing.T, name string) (all []sentence) {
	t.Helper()
	file := parse(t, name)
	for _, group := range file.Comments {
		line := positions.Position(group.Pos()).Line
		for i, paragraph := range strings.Split(group.Text(), "\n\n") {
			all = append(all, sentence{strings.Join(strings.Fields(paragraph), " "), line + i})
		}
	}
	ast.Inspect(file, func(node ast.Node) bool {
		literal, ok := node.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING || strings.HasSuffix(name, "_test.go") {
			return true
		}
		if text, err := strconv.Unquote(literal.Value); err == nil && strings.Contains(text, " ") {
			all = append(all, sentence{strings.Join(strings.Fields(text), " "), positions.Position(literal.Pos()).Line})
		}
		return true
	})
	return all
}

// paragraphs joins lines for which of returns true until one for which it returns false or
// an empty line. With fenced it skips blocks of code.
func paragraphs(text string, of func(line string) (string, bool), fenced bool) (all []sentence) {
	code := false
	var current sentence
	flush := func() {
		if current.words != "" {
			all = append(all, current)
		}
		current = sentence{}
	}
	for i, line := range strings.Split(text, "\n") {
		if fenced && strings.HasPrefix(strings.TrimSpace(line), "```") {
			code = !code
			flush()
			continue
		}
		words, ok := of(line)
		words = strings.TrimSpace(words)
		if !ok || code || words == "" || fenced && strings.HasPrefix(line, "    ") {
			flush()
			continue
		}
		if fenced && strings.ContainsAny(words[:1], "|-#*") {
			flush()
		}
		if current.words == "" {
			current.line = i + 1
		} else {
			current.words += " "
		}
		current.words += words
	}
	flush()
	return all
}
