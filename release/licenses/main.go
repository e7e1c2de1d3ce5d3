// The licenses command collects the licenses of the modules that socketio-jwt is built from, on all
// systems of a release, and writes them to cmd/socketio-jwt/licenses.txt, which the program
// embeds. It fails if a module has no license, or one that it does not recognize.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// targets are the systems that licenses are collected for: those of scripts/release.sh.
var targets = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64"}

func main() {
	log.SetFlags(0)
	text, err := collect("..")
	if err == nil {
		err = os.WriteFile("../cmd/socketio-jwt/licenses.txt", text, 0o644)
	}
	if err != nil {
		log.Fatal("licenses: ", err)
	}
}

// module is a module with the folders of its packages that are compiled.
type module struct {
	path, root string
	folders    []string
}

// collect returns the licenses for the program in the module at root.
func collect(root string) ([]byte, error) {
	modules, err := compiled(root)
	if err != nil {
		return nil, err
	}
	var list, texts strings.Builder
	written := map[string]string{} // by text, what the text was written for
	for _, m := range modules {
		files, err := m.files()
		if err != nil {
			return nil, err
		}
		var expressions []string
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			found := recognize(string(text))
			base := strings.ToUpper(filepath.Base(name))
			if found == nil && !strings.HasPrefix(base, "NOTICE") && !strings.HasPrefix(base, "PATENTS") {
				return nil, fmt.Errorf("%s: the license is not one that this program recognizes", name)
			}
			expressions = append(expressions, found...)
			rel, err := filepath.Rel(m.root, name)
			if err != nil {
				return nil, err
			}
			title := m.path + ": " + filepath.ToSlash(rel)
			fmt.Fprintf(&texts, "\n%s\n%s\n\n", strings.Repeat("=", 80), title)
			normal := strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n"))
			if same := written[normal]; same != "" {
				fmt.Fprintf(&texts, "The same text as %s\n", same)
				continue
			}
			written[normal] = title
			texts.WriteString(normal + "\n")
		}
		if expressions == nil {
			return nil, fmt.Errorf("module %s has no license", m.path)
		}
		slices.Sort(expressions)
		fmt.Fprintf(&list, "%s %s\n", m.path, strings.Join(slices.Compact(expressions), " AND "))
	}
	return []byte(list.String() + texts.String()), nil
}

// compiled returns the modules of the program, and the library of Go as the module std.
func compiled(root string) ([]module, error) {
	byPath := map[string]*module{"std": {path: "std", root: runtimeRoot()}}
	byPath["std"].folders = []string{byPath["std"].root}
	for _, target := range targets {
		system, processor, _ := strings.Cut(target, "/")
		command := exec.Command("go", "list", "-deps", "-json=Dir,Module", "./cmd/socketio-jwt")
		command.Dir, command.Stderr = root, os.Stderr
		command.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+processor, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
		out, err := command.Output()
		if err != nil {
			return nil, fmt.Errorf("go list for %s: %w", target, err)
		}
		for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
			var p struct {
				Dir    string
				Module *struct {
					Path, Dir string
					Main      bool
				}
			}
			if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, err
			}
			if p.Module == nil || p.Module.Main {
				continue
			}
			m := byPath[p.Module.Path]
			if m == nil {
				m = &module{path: p.Module.Path, root: p.Module.Dir}
				byPath[m.path] = m
			}
			m.folders = append(m.folders, p.Dir)
		}
	}
	var modules []module
	for _, m := range byPath {
		modules = append(modules, *m)
	}
	slices.SortFunc(modules, func(a, b module) int { return strings.Compare(a.path, b.path) })
	return modules, nil
}

func runtimeRoot() string {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return runtime.GOROOT()
	}
	return strings.TrimSpace(string(out))
}

var named = regexp.MustCompile(`(?i)^(licen[sc]e|copying|notice|patents)([-._].*)?$`)

// files returns the licenses in the folders that are compiled and in those above them.
func (m module) files() ([]string, error) {
	var files []string
	seen := map[string]bool{}
	for _, folder := range m.folders {
		for ; !seen[folder]; folder = filepath.Dir(folder) {
			seen[folder] = true
			entries, err := os.ReadDir(folder)
			if err != nil {
				return nil, err
			}
			for _, entry := range entries {
				if named.MatchString(entry.Name()) && entry.Type()&fs.ModeDir == 0 && filepath.Ext(entry.Name()) != ".go" {
					files = append(files, filepath.Join(folder, entry.Name()))
				}
			}
			if folder == m.root {
				break
			}
		}
	}
	slices.Sort(files)
	return files, nil
}

// phrases are what the licenses say, and no other of them does, by their SPDX identifiers.
var phrases = map[string]string{
	"Apache-2.0":   "apache license version 2.0, january 2004",
	"MPL-2.0":      "mozilla public license version 2.0",
	"MIT":          "permission is hereby granted, free of charge, to any person obtaining a copy of this software",
	"ISC":          "permission to use, copy, modify, and/or distribute this software for any purpose",
	"BSD-2-Clause": "redistributions in binary form must reproduce the above copyright notice",
}

// recognize returns the SPDX identifiers of the licenses in a text.
func recognize(text string) []string {
	words := strings.ToLower(strings.Join(strings.Fields(text), " "))
	var found []string
	for id, phrase := range phrases {
		if !strings.Contains(words, phrase) {
			continue
		}
		if id == "BSD-2-Clause" && strings.Contains(words, "endorse or promote products") {
			id = "BSD-3-Clause"
		}
		found = append(found, id)
	}
	slices.Sort(found)
	return found
}
