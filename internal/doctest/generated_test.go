package doctest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// generated holds a part of a page to the code. The part is between the lines
// <!-- begin NAME --> and <!-- end NAME -->. UPDATE=1 writes it.
func generated(t *testing.T, page, name, want string) {
	t.Helper()
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->\n"
	text := read(t, page)
	before, rest, found := strings.Cut(text, begin)
	is, after, ended := strings.Cut(rest, end)
	switch {
	case !found || !ended:
		t.Errorf("%s does not have the lines %q and %q", page, begin, end)
	case is == want:
	case os.Getenv("UPDATE") == "":
		t.Errorf("%s is not up to date with the code: run UPDATE=1 go test ./internal/doctest. Expected %s:\n%s", page, name, difference(is, want))
	default:
		text = before + begin + want + end + after
		if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(page)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		texts.Store(page, text)
	}
}

// difference lists the lines that only one of two texts has.
func difference(is, want string) string {
	var out strings.Builder
	lines := func(mark, of, other string) {
		has := map[string]bool{}
		for line := range strings.Lines(other) {
			has[line] = true
		}
		for line := range strings.Lines(of) {
			if !has[line] {
				out.WriteString(mark + line)
			}
		}
	}
	lines("- ", is, want)
	lines("+ ", want, is)
	return out.String()
}

// rowsOf returns the cells of the rows of a table in a generated part, by their first cell.
func rowsOf(t *testing.T, page, name string) map[string][]string {
	t.Helper()
	_, rest, _ := strings.Cut(read(t, page), "<!-- begin "+name+" -->\n")
	part, _, _ := strings.Cut(rest, "<!-- end "+name+" -->\n")
	rows := map[string][]string{}
	for line := range strings.Lines(part) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows[cells[0]] = cells
	}
	return rows
}

// cell makes a text one cell of a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}
