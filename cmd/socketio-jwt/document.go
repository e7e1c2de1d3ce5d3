package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// maxDocument bounds a configuration file, in bytes.
const maxDocument = 1 << 20

// document is a configuration file in TOML.
type document struct {
	name   string // as the user wrote it
	values map[string]any
	lines  map[string]int // of keys and tables, such as "addr", "namespace.0" and "namespace.0.mode"
}

// problem is one thing that is wrong in a configuration.
type problem struct {
	where string // FILE:LINE; empty for flags and variables
	err   error
}

func (p *problem) Error() string {
	if p.where == "" {
		return p.err.Error()
	}
	return p.where + ": " + p.err.Error()
}

func (p *problem) Unwrap() error { return p.err }

// readDocument reads a configuration file.
func readDocument(name string) (*document, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	if len(text) > maxDocument {
		return nil, fmt.Errorf("--config %s: the file has more than %d bytes", name, maxDocument)
	}
	d := &document{name: name, values: map[string]any{}, lines: map[string]int{}}
	if err := toml.Unmarshal(text, &d.values); err != nil {
		return nil, d.syntaxError(text, err)
	}
	d.number(text)
	return d, nil
}

// syntaxError returns the error of the TOML library with its line. The error does not quote the
// file, which may hold a secret by mistake.
func (d *document) syntaxError(text []byte, err error) error {
	p := &problem{where: d.name, err: fmt.Errorf("not TOML: %s", strings.TrimPrefix(err.Error(), "toml: "))}
	if at := (*toml.DecodeError)(nil); errors.As(err, &at) {
		line, _ := at.Position()
		p.where += ":" + strconv.Itoa(min(line, 1+bytes.Count(text, []byte("\n"))))
	}
	return p
}

// number notes the lines of keys and tables. The text is a valid document.
func (d *document) number(text []byte) {
	var parser unstable.Parser
	parser.Reset(text)
	line, counted := 1, 0
	table, tables := "", map[string]int{}
	for parser.NextExpression() {
		expression := parser.Expression()
		it := expression.Key()
		var keys []string
		for it.Next() {
			at := int(it.Node().Raw.Offset)
			line += bytes.Count(text[counted:at], []byte("\n"))
			counted = at
			keys = append(keys, string(it.Node().Data))
		}
		path := strings.Join(keys, ".")
		switch expression.Kind {
		case unstable.ArrayTable:
			if tables[path] == 0 {
				d.lines[path] = line
			}
			table = path + "." + strconv.Itoa(tables[path])
			tables[path]++
			path = table
		case unstable.Table:
			table = path
		default:
			if table != "" {
				path = table + "." + path
			}
		}
		d.lines[path] = line
	}
}

// inOrder returns the keys of a table in the order of their lines. The path of the table ends with
// a dot, or is empty.
func (d *document) inOrder(path string, table map[string]any) []string {
	return slices.SortedFunc(maps.Keys(table), func(a, b string) int {
		return cmp.Or(d.lines[path+a]-d.lines[path+b], strings.Compare(a, b))
	})
}

// where returns FILE:LINE of a key or table, or of the nearest one around it that has a line.
func (d *document) where(path string) string {
	for {
		if line, ok := d.lines[path]; ok {
			return d.name + ":" + strconv.Itoa(line)
		}
		dot := strings.LastIndexByte(path, '.')
		if dot < 0 {
			return d.name
		}
		path = path[:dot]
	}
}
