package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents returns the documents for users, by their names.
func documents(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, pattern := range []string{"README.md", "docs/*.md", "clients/js/README.md"} {
		files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(pattern)))
		if err != nil || len(files) == 0 {
			t.Fatalf("no file %s, %v", pattern, err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			found[filepath.Base(name)] = string(text)
		}
	}
	return found
}

var (
	shellFence = regexp.MustCompile("(?ms)^```(?:sh)?\n(.*?)^```$")
	indented   = regexp.MustCompile(`(?m)^    .*$`)
	execStart  = regexp.MustCompile(`(?m)^ExecStart=/usr/bin/(socketio-jwt .*)$`) // of a unit of systemd
	container  = regexp.MustCompile(`(?m)^ *args: \[(.*)\]$`)                     // of Kubernetes
	inline     = regexp.MustCompile("`(socketio-jwt [a-z][^`\n]*)`")
	ours       = regexp.MustCompile(`^(?:\./)?(?:go (?:run|tool) )?(?:\./cmd/)?socketio-jwt$`)
	assignment = regexp.MustCompile(`^[A-Z_]+=`)
	shellWord  = regexp.MustCompile(`'[^']*'|"[^"]*"|&&|[|;&<>]|(?:^|\s)#.*$|(?:[^\s'"|;&<>]|'[^']*'|"[^"]*")+`)
)

// commandsIn lists the arguments of each call of our command in a document.
func commandsIn(text string) (all [][]string) {
	var code strings.Builder
	for _, match := range shellFence.FindAllStringSubmatch(text, -1) {
		code.WriteString(match[1])
	}
	for _, match := range execStart.FindAllStringSubmatch(text, -1) {
		code.WriteString(match[1] + "\n")
	}
	for _, match := range container.FindAllStringSubmatch(text, -1) {
		code.WriteString("socketio-jwt " + strings.ReplaceAll(match[1], ",", " ") + "\n")
	}
	for _, line := range indented.FindAllString(text, -1) {
		code.WriteString(strings.TrimSpace(line) + "\n")
	}
	return commandsOf(code.String())
}

// commandsOf lists them in lines of a shell.
func commandsOf(code string) (all [][]string) {
	for line := range strings.Lines(strings.ReplaceAll(code, "\\\n", " ")) {
		for _, words := range simpleCommands(line) {
			for len(words) > 0 && assignment.MatchString(words[0]) {
				words = words[1:]
			}
			for n := 1; n <= min(3, len(words)); n++ {
				if ours.MatchString(strings.Join(words[:n], " ")) {
					all = append(all, words[n:])
					break
				}
			}
		}
	}
	return all
}

// simpleCommands splits a line of a shell at its operators, and each part into words. Redirections are
// left out.
func simpleCommands(line string) (all [][]string) {
	var words []string
	skip := false
	for _, word := range shellWord.FindAllString(strings.TrimSpace(line), -1) {
		word = strings.TrimSpace(word)
		switch {
		case strings.HasPrefix(word, "#"):
		case slices.Contains([]string{"&&", "|", ";", "&"}, word):
			all, words = append(all, words), nil
		case word == "<" || word == ">":
			skip = true
		case skip:
			skip = false
		default:
			words = append(words, strings.NewReplacer("'", "", `"`, "").Replace(word))
		}
	}
	return append(all, words)
}

// Each command of the documents has subcommands and flags that exist, with values that they take.
func TestDocumentedCommands(t *testing.T) {
	count := 0
	for name, text := range documents(t) {
		check := func(args []string, isPart bool) {
			count++
			if _, err := parse(new(commandLine), args); err != nil && !(isPart && strings.Contains(err.Error(), "missing argument")) {
				t.Errorf("%s: socketio-jwt %s: %v", name, strings.Join(args, " "), err)
			}
		}
		for _, args := range commandsIn(text) {
			check(args, false)
		}
		for _, match := range inline.FindAllStringSubmatch(text, -1) { // in a sentence, the rest may be missing
			for _, args := range commandsOf(match[1]) {
				check(args, true)
			}
		}
	}
	if count < 40 {
		t.Errorf("only %d commands found", count)
	}
	t.Logf("%d commands", count)
}

var tomlFence = regexp.MustCompile("(?ms)^```toml\n(.*?)^```$")

// Each configuration file of the documents passes config check.
func TestDocumentedConfigurations(t *testing.T) {
	count := 0
	for name, text := range documents(t) {
		for _, match := range tomlFence.FindAllStringSubmatch(text, -1) {
			count++
			file := filepath.Join(t.TempDir(), "socketio-jwt.toml")
			if err := os.WriteFile(file, []byte(match[1]), 0o600); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if code := run(context.Background(), []string{"config", "check", "--config", file}, strings.NewReader(""), &out, &out); code != exitGood {
				t.Errorf("%s: config check ends with %d: %s\n%s", name, code, out.String(), match[1])
			}
		}
	}
	if count == 0 {
		t.Error("no configuration found")
	}
}
