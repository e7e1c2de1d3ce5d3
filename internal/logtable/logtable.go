// Package logtable checks log lines against the table of docs/lifetime.md.
package logtable

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A line of the table: the fields that every line of the log with this message has, those that
// it may have, and its levels.
type row struct {
	levels          []string
	always, mayHave []string
}

// tokenFields are left out together if there is no token with a valid signature.
var tokenFields = []string{"issuer", "subject", "token"}

var code = regexp.MustCompile("`([^`]+)`")

// read reads the rows of the table whose messages have a prefix.
func read(t *testing.T, page, prefix string) map[string]row {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]row{}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| `"+prefix) {
			continue
		}
		cells := strings.Split(line, "|")
		always, mayHave, _ := strings.Cut(cells[3], ";")
		r := row{always: names(always), mayHave: names(mayHave)}
		for _, level := range []string{"Debug", "Info", "Warn", "Error"} {
			if strings.Contains(cells[2], level) {
				r.levels = append(r.levels, strings.ToUpper(level))
			}
		}
		rows[names(cells[1])[0]] = r
	}
	return rows
}

func names(cell string) (found []string) {
	for _, match := range code.FindAllStringSubmatch(cell, -1) {
		found = append(found, match[1])
	}
	return found
}

// Check checks that a log of slog.JSONHandler, with lines of level Debug, has every message of
// the table in page with that prefix, and no other one except those in untold, and that each line
// has the fields and the level of its row. A line about a token without a valid signature does not
// have the fields of the token.
func Check(t *testing.T, page, prefix string, log []byte, untold ...string) {
	t.Helper()
	rows, seen := read(t, page, prefix), map[string]bool{}
	for lines := bufio.NewScanner(bytes.NewReader(log)); lines.Scan(); {
		var fields map[string]any
		if err := json.Unmarshal(lines.Bytes(), &fields); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		message, _ := fields["msg"].(string)
		if !strings.HasPrefix(message, prefix) || slices.Contains(untold, message) {
			continue
		}
		r, ok := rows[message]
		if !ok {
			t.Errorf("%s has no row for %q", page, message)
			continue
		}
		seen[message] = true
		r.check(t, fields, lines.Text())
	}
	for message := range rows {
		if !seen[message] {
			t.Errorf("the test causes no line %q", message)
		}
	}
}

func (r row) check(t *testing.T, fields map[string]any, line string) {
	t.Helper()
	level, _ := fields["level"].(string)
	levels := r.levels
	if slices.Contains(r.mayHave, "unlogged") {
		levels = append(slices.Clone(levels), "DEBUG")
	}
	if !slices.Contains(levels, level) {
		t.Errorf("level %s, want one of %v: %s", level, levels, line)
	}
	hasToken := slices.ContainsFunc(tokenFields, func(name string) bool { _, ok := fields[name]; return ok })
	for _, name := range r.always {
		if _, ok := fields[name]; !ok && (hasToken || !slices.Contains(tokenFields, name)) {
			t.Errorf("no field %s: %s", name, line)
		}
	}
	for name := range fields {
		if !slices.Contains(r.always, name) && !slices.Contains(r.mayHave, name) && !slices.Contains([]string{"time", "level", "msg"}, name) {
			t.Errorf("the field %s is not in the table: %s", name, line)
		}
	}
	for _, name := range []string{"token", "tokenBefore", "operatorToken"} {
		if hash, ok := fields[name].(string); ok && hash != "" && !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(hash) {
			t.Errorf("the field %s is not a hash: %s", name, line)
		}
	}
}
