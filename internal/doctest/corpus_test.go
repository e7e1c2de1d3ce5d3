package doctest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

var root = filepath.Join("..", "..")

// names lists the files of the repository, with slashes and from its root, without those of
// libraries for Node, of Git, and below testdata.
var names = sync.OnceValues(func() (all []string, err error) {
	err = filepath.WalkDir(root, func(file string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		switch {
		case err != nil:
			return err
		case entry.Name() == "node_modules" && !entry.IsDir(): // a link to those of another copy
		case !entry.IsDir():
			all = append(all, filepath.ToSlash(name))
		case entry.Name() == "node_modules" || entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".") && name != ".":
			return filepath.SkipDir
		}
		return nil
	})
	return all, err
})

// eachFile calls f for each file whose name has that end.
func eachFile(t *testing.T, end string, f func(name string)) {
	t.Helper()
	all, err := names()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		if strings.HasSuffix(name, end) {
			f(name)
		}
	}
}

var texts, syntax sync.Map // by the name of the file

// read returns the text of a file. All tests share it.
func read(t *testing.T, name string) string {
	t.Helper()
	if text, ok := texts.Load(name); ok {
		return text.(string)
	}
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	texts.Store(name, string(text))
	return string(text)
}

var positions = token.NewFileSet()

// parse returns the syntax of a Go file. All tests share it.
func parse(t *testing.T, name string) *ast.File {
	t.Helper()
	if file, ok := syntax.Load(name); ok {
		return file.(*ast.File)
	}
	file, err := parser.ParseFile(positions, name, read(t, name), parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	syntax.Store(name, file)
	return file
}

// filesOf lists the Go files of a folder without its tests.
func filesOf(t *testing.T, folder string) (files []string) {
	t.Helper()
	eachFile(t, ".go", func(name string) {
		if path.Dir(name) == folder && !strings.HasSuffix(name, "_test.go") {
			files = append(files, name)
		}
	})
	if len(files) == 0 {
		t.Fatalf("no Go files in %s", folder)
	}
	return files
}

// library lists the folders of the packages that programs may import, except those for tests.
func library(t *testing.T) (folders []string) {
	t.Helper()
	seen := map[string]bool{}
	eachFile(t, ".go", func(name string) {
		folder := path.Dir(name)
		first, _, _ := strings.Cut(folder, "/")
		if seen[folder] || strings.Contains("/"+folder+"/", "/internal/") || strings.HasSuffix(folder, "test") {
			return
		}
		switch first {
		case ".", "bench", "cmd", "examples", "interop", "release", "scripts", "deploy":
			return
		}
		seen[folder] = true
		folders = append(folders, folder)
	})
	return folders
}
