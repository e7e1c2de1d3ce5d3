package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// This file holds deploy/socketio-jwt.toml and the tables of docs/configuration.md to the flags.
// UPDATE=1 go test -run Reference ./cmd/socketio-jwt writes them.

// serveFlags returns the flags of serve, except those that are not part of a configuration.
func serveFlags(t *testing.T) (flags []*kong.Flag) {
	t.Helper()
	parsed, err := parse(new(commandLine), []string{"serve"})
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range parsed.Flags() {
		if !notInFile(flag) {
			flags = append(flags, flag)
		}
	}
	return flags
}

// sampleOf returns a line that sets a key to its default, commented out if it has none.
func sampleOf(flag *kong.Flag) string {
	if text := formatted(flag, unchanged); text != "" {
		return flag.Name + " = " + text
	}
	value := quoted(flag.PlaceHolder)
	if flag.Tag.Has("example") {
		value = quoted(flag.Tag.Get("example"))
	}
	if strings.HasPrefix(example(flag), "a list") {
		value = "[" + value + "]"
	}
	return "# " + flag.Name + " = " + value
}

// wrapped returns a text as comments of at most 100 characters.
func wrapped(text string) string {
	var b strings.Builder
	line := "#"
	for _, word := range strings.Fields(text) {
		if len(line)+len(word) > 98 {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	return b.String() + line + "\n"
}

// helpOf returns the help of a flag without its default, which is beside it.
func helpOf(flag *kong.Flag) string {
	text, _, _ := strings.Cut(flag.Help, " Default: "+flag.Default+".")
	return strings.TrimSpace(strings.ReplaceAll(text, "${default}", flag.Default))
}

// sampleFile returns deploy/socketio-jwt.toml.
func sampleFile(t *testing.T) string {
	var b strings.Builder
	b.WriteString(wrapped("Configuration of socketio-jwt serve, with the defaults of all keys. Each key is the name of a flag, and docs/configuration.md describes them. A key that is commented out has no default. Flags and variables beat this file. Secrets have no key: put each in a file of its own (*-file) or in its variable."))
	group := "?"
	for _, flag := range serveFlags(t) {
		if flag.Tag.Has("secret") {
			continue
		}
		title := "Server"
		if flag.Group != nil {
			title = flag.Group.Title
		}
		if title != group {
			group = title
			fmt.Fprintf(&b, "\n\n## %s\n", group)
		}
		fmt.Fprintf(&b, "\n%s%s\n", wrapped(helpOf(flag)), sampleOf(flag))
	}
	b.WriteString("\n\n## Namespaces\n\n" + wrapped("Without a table, these two are served: / in mode handshake and /admin in mode event. With one, only those of this file. Tables come after all other keys. The keys of a table follow; those about keys and rules for tokens are as above, for this namespace only.") + "\n# [[namespace]]\n")
	for _, flag := range newNamespaceTable().flags() {
		if flag.Tag.Has("secret") || strings.HasPrefix(flag.Name, "insecure-") {
			continue
		}
		help := wrapped(helpOf(flag))
		if flag.Group != nil {
			help = ""
		}
		b.WriteString("\n" + help + "# " + strings.TrimPrefix(sampleOf(flag), "# ") + "\n")
	}
	return strings.ReplaceAll(b.String(), "\n\n#  ", "\n#  ")
}

// flagTable returns a table of flags in Markdown.
func flagTable(flags []*kong.Flag, variables bool) string {
	var b strings.Builder
	b.WriteString("| key or flag | default | at SIGHUP | meaning |\n|---|---|---|---|\n")
	for _, flag := range flags {
		name := "`" + flag.Name + "`"
		if variables && flag.Tag.Has("secret") {
			name = "`--" + flag.Name + "`, no key"
		}
		value := ""
		if text := formatted(flag, unchanged); text != "" {
			value = "`" + text + "`"
		}
		when := "restart"
		if flag.Tag.Has("reload") {
			when = "changes"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, value, when, strings.ReplaceAll(helpOf(flag), "|", `\|`))
	}
	return b.String()
}

// TestReference checks that the sample file and the tables of the page name every key, with its
// default, and that the sample is valid.
func TestReference(t *testing.T) {
	root := filepath.Join("..", "..")
	sample := filepath.Join(root, "deploy", "socketio-jwt.toml")
	matches(t, sample, func(string) string { return sampleFile(t) })
	matches(t, filepath.Join(root, "docs", "configuration.md"), func(page string) string {
		page = between(t, page, "flags", flagTable(serveFlags(t), true))
		return between(t, page, "namespace", flagTable(newNamespaceTable().flags(), false))
	})
	for _, flag := range serveFlags(t) {
		if want := variablePrefix + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_")); len(flag.Envs) != 1 || flag.Envs[0] != want {
			t.Errorf("the variables of --%s are %q, want %s", flag.Name, flag.Envs, want)
		}
	}
	with, without := settings(t, "--config", sample), settings(t)
	if err := with.check(); err != nil {
		t.Errorf("%s is not valid: %v", sample, err)
	}
	if different := changes(without.settings, with.settings); len(different) > 0 {
		t.Errorf("%s differs from the defaults: %v", sample, different)
	}
	uncommented := strings.ReplaceAll(sampleFile(t), "\n# [[namespace]]", "\n[[namespace]]")
	for _, flag := range newNamespaceTable().flags() {
		uncommented = strings.ReplaceAll(uncommented, "\n# "+flag.Name+" = ", "\n"+flag.Name+" = ")
	}
	if c := settings(t, "--config", configured(t, uncommented)); len(c.problems) > 0 || len(c.namespaces) != 1 {
		t.Errorf("with the table: %v, %d tables", c.problems, len(c.namespaces))
	}
}

// between replaces the text between the markers of a page.
func between(t *testing.T, page, name, text string) string {
	t.Helper()
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->"
	before, rest, ok := strings.Cut(page, begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatalf("the page has no markers for %s", name)
	}
	return before + begin + text + end + after
}

// matches checks that a file has the text that want makes of it, or writes it.
func matches(t *testing.T, name string, want func(text string) string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil && os.Getenv("UPDATE") == "" {
		t.Fatal(err)
	}
	wanted := want(string(text))
	if string(text) == wanted {
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Fatalf("%s does not match the flags: run UPDATE=1 go test -run Reference ./cmd/socketio-jwt", name)
	}
	if err := os.WriteFile(name, []byte(wanted), 0o644); err != nil {
		t.Fatal(err)
	}
}
