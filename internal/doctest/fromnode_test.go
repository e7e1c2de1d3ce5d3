package doctest

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const fromNode = "docs/from-node.md"

// parsed reads the Go files of a folder, without its tests, and calls visit for each
// declaration except imports.
func parsed(t *testing.T, folder string, visit func(decl ast.Decl, source string)) {
	t.Helper()
	for _, name := range filesOf(t, folder) {
		text := read(t, name)
		for _, decl := range parse(t, name).Decls {
			begin := decl.Pos()
			var doc *ast.CommentGroup
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				doc = decl.Doc
			case *ast.GenDecl:
				if decl.Tok == token.IMPORT {
					continue
				}
				doc = decl.Doc
			}
			if doc != nil {
				begin = doc.Pos()
			}
			visit(decl, text[positions.Position(begin).Offset:positions.Position(decl.End()).Offset])
		}
	}
}

var goFence = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// Each Go sample of docs/from-node.md consists of unchanged declarations of
// examples/fromnode, and each of these is shown once.
func TestFromNodeShowsItsSamples(t *testing.T) {
	shown := map[string]int{}
	parsed(t, "examples/fromnode", func(_ ast.Decl, source string) { shown[source] = 0 })

	text := read(t, fromNode)
	if fences := strings.Count(text, "```go"); fences != len(goFence.FindAllString(text, -1)) || fences < 15 {
		t.Errorf("%d Go samples, %d of them as they should be", fences, len(goFence.FindAllString(text, -1)))
	}
	for _, fence := range goFence.FindAllStringSubmatch(text, -1) {
		for rest := fence[1]; rest != ""; rest = strings.TrimPrefix(rest, "\n") {
			found := false
			for source := range shown {
				if after, ok := strings.CutPrefix(rest, source+"\n"); ok {
					shown[source]++
					rest, found = after, true
					break
				}
			}
			if !found {
				t.Errorf("examples/fromnode has no such declaration:\n%s", rest)
				break
			}
		}
	}
	for source, times := range shown {
		if times != 1 {
			t.Errorf("shown %d times:\n%s", times, source)
		}
	}
}

// section returns the text under a heading, up to the next heading of its level or above.
func section(t *testing.T, text, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, "\n"+heading+"\n")
	if !found {
		t.Errorf("there is no %q", heading)
	}
	level := strings.Index(heading, " ")
	next := regexp.MustCompile(`(?m)^#{1,` + string(rune('0'+level)) + `} `).FindStringIndex(rest)
	if next != nil {
		rest = rest[:next[0]]
	}
	return rest
}

// Each sample of the old READMEs has its place: what was there, and what is here now.
func TestFromNodeAnswersTheOldSamples(t *testing.T) {
	text := read(t, fromNode)
	for heading, languages := range map[string]string{ // of the fences, in order
		"### Two round trips, on the server":      "js go",
		"### A base64 secret":                     "js go",
		"### Two round trips, on the client":      "js",
		"### One round trip before Socket.IO 1.0": "js",
		"### One round trip, on the server":       "js go",
		"### One round trip, on the client":       "js js",
		"### Signing with an expiration time":     "js go",
		"### A token has expired, on the client":  "js js",
		"### An invalid token, on the client":     "js",
		"### Disconnecting at once":               "js go",
		"### Disconnecting after 15 seconds":      "js go",
		"### A client with 15 seconds of grace":   "js",
		"### A secret for each user":              "js go",
		"### The fork: a secret":                  "js go",
		"### The fork: keys by ID":                "js go",
		"### The fork: onAuthentication":          "js go",
		"### The fork: on the client":             "js",
	} {
		var got []string
		for _, fence := range regexp.MustCompile("(?m)^```([a-z]+)$").FindAllStringSubmatch(section(t, text, heading), -1) {
			got = append(got, fence[1])
		}
		if strings.Join(got, " ") != languages {
			t.Errorf("%s: samples %q, want %q", heading, got, languages)
		}
	}
}

// Each option of the old libraries has a row, under its own name.
func TestFromNodeHasEveryOption(t *testing.T) {
	text := read(t, fromNode)
	for heading, options := range map[string][]string{
		"### socketio-jwt": {
			"secret", "timeout", "required", "callback", "handshake", "auth_header_required", "cookie", "additional_auth",
			"customDecoded", "decodedPropertyName", "encodedPropertyName", "success", "fail",
			"decoded_token", "encoded_token", "authenticated", "UnauthorizedError", "JWTServer",
		},
		"### jsonwebtoken": {
			"algorithms", "audience", "issuer", "subject", "jwtid", "nonce", "maxAge", "clockTolerance", "clockTimestamp",
			"ignoreExpiration", "ignoreNotBefore", "complete",
		},
		"### @thream/socketio-jwt": {
			"secret", "algorithms", "onAuthentication", "decodedToken", "encodedToken", "user", "isUnauthorizedError",
		},
	} {
		var names []string
		for _, line := range strings.Split(section(t, text, heading), "\n") {
			if cells := strings.Split(line, "|"); len(cells) == 5 {
				names = append(names, regexp.MustCompile(`\w+`).FindAllString(cells[1], -1)...)
			}
		}
		for _, option := range options {
			if !slices.Contains(names, option) {
				t.Errorf("%s: no row for %s", heading, option)
			}
		}
	}
}

// docs/from-node.md lists each text, code and reason that auth/refusal.go sends to clients,
// and no other.
func TestFromNodeHasEveryRefusal(t *testing.T) {
	source := read(t, "auth/refusal.go")
	told := map[string]bool{} // whether it is in the document
	for _, pattern := range []string{`(?m)^\t(?:\{\S+, |\te\.Message = )"([^"]+)"`, `(?m)^\tcode\w+ += "(\w+)"`, `Reason = "(\w+)"`} {
		found := regexp.MustCompile(pattern).FindAllStringSubmatch(source, -1)
		if len(found) < 5 {
			t.Fatalf("auth/refusal.go is not written as it was: %s", pattern)
		}
		for _, match := range found {
			told[match[1]] = false
		}
	}
	for _, line := range strings.Split(section(t, read(t, fromNode), "## What the client sees"), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 6 { // a row of another table
			continue
		}
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(strings.Join(cells[1:4], " "), -1) {
			if _, ok := told[name[1]]; !ok {
				t.Errorf("nobody is told %q", name[1])
			}
			told[name[1]] = true
		}
	}
	for name, shown := range told {
		if !shown {
			t.Errorf("clients are told %q, and the document does not say so", name)
		}
	}
}
