// Package release tests what scripts/release.sh builds, and the files that a release carries.
package release

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const root = ".."

// output runs a command and returns what it prints.
func output(t *testing.T, folder, name string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	command.Dir = folder
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// folderOf returns a folder that lives as long as the tests of the package.
var folderOf = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "release") })

func TestMain(m *testing.M) {
	code := m.Run()
	if folder, err := folderOf(); err == nil {
		_ = os.RemoveAll(folder)
	}
	os.Exit(code)
}

// released returns the folders with a release of the last commit for linux/amd64, built in two
// clones.
func released(t *testing.T) (first, second string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Fatal("this needs Linux: scripts/release.sh runs on Debian")
	}
	builds.Do(func() {
		folder, err := folderOf()
		if err != nil {
			t.Fatal(err)
		}
		// The second is a clone of the first, and so of the same commit.
		one, other := filepath.Join(folder, "a"), filepath.Join(folder, "another folder")
		output(t, root, "git", "clone", "-q", ".", one)
		output(t, root, "git", "clone", "-q", one, other)
		first = build(t, one, "TZ=America/New_York", "GOFLAGS=")
		settings := filepath.Join(folder, "settings") // of go env -w
		if err := os.WriteFile(settings, []byte("GOFLAGS=-tags=none\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		second = build(t, other, "TZ=Asia/Tokyo", "GOFLAGS=", "GOENV="+settings)
		built = []string{first, second}
	})
	if built == nil {
		t.Fatal("the release was not built")
	}
	return built[0], built[1]
}

var (
	builds sync.Once
	built  []string
)

// build builds a release in a clone, and returns the folder with it.
func build(t *testing.T, clone string, environment ...string) string {
	t.Helper()
	out := filepath.Join(filepath.Dir(clone), filepath.Base(clone)+".out")
	command := exec.CommandContext(t.Context(), filepath.Join(clone, "scripts", "release.sh"), "--out", out, "--target", "linux/amd64", "--no-sbom")
	command.Env = append(os.Environ(), environment...)
	if text, err := command.CombinedOutput(); err != nil {
		t.Fatalf("release.sh: %v\n%s", err, text)
	}
	return out
}

// cloneOf returns the folder that a release was built from. Its commit stays, whatever is committed meanwhile.
func cloneOf(folder string) string { return strings.TrimSuffix(folder, ".out") }

// one returns the file of a folder that matches.
func one(t *testing.T, folder, pattern string) string {
	t.Helper()
	found, _ := filepath.Glob(filepath.Join(folder, pattern))
	if len(found) != 1 {
		t.Fatalf("%s in %s: %v", pattern, folder, found)
	}
	return found[0]
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTwoBuildsHaveTheSameBytes(t *testing.T) {
	a, b := released(t)
	sums := read(t, filepath.Join(a, "SHA256SUMS"))
	if sums != read(t, filepath.Join(b, "SHA256SUMS")) {
		t.Errorf("the sums differ:\n%s\n%s", sums, read(t, filepath.Join(b, "SHA256SUMS")))
	}
	for _, folder := range []string{a, b} {
		output(t, folder, "sha256sum", "--check", "--quiet", "SHA256SUMS")
	}
	if lines := strings.Count(sums, "\n"); lines != 2 {
		t.Errorf("SHA256SUMS has %d files, want an archive and a package:\n%s", lines, sums)
	}
}

func TestReleaseRefusesChangedTree(t *testing.T) {
	clone := filepath.Join(t.TempDir(), "clone")
	output(t, root, "git", "clone", "-q", ".", clone)
	if err := os.WriteFile(filepath.Join(clone, "forgotten.go"), []byte("package socketiojwt\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(clone, "scripts", "release.sh"), "--out", filepath.Join(clone, "dist")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "forgotten.go") {
		t.Errorf("error %v, output %s", err, out)
	}
}

func TestReleaseRefusesTags(t *testing.T) {
	for tag, want := range map[string]string{
		"v2.0.0": "tag v2.0.0",
		"v1.2":   "tag v1.2:",
		"v0.9.0": "no section ## 0.9.0",
	} {
		t.Run(tag, func(t *testing.T) {
			clone := filepath.Join(t.TempDir(), "clone")
			output(t, root, "git", "clone", "-q", "--no-tags", ".", clone)
			output(t, clone, "git", "tag", tag)
			out, err := exec.CommandContext(t.Context(), filepath.Join(clone, "scripts", "release.sh"), "--out", filepath.Join(clone, "dist"), "--no-sbom").CombinedOutput()
			if err == nil || !strings.Contains(string(out), want) {
				t.Errorf("error %v, output %s", err, out)
			}
		})
	}
}

func TestArchive(t *testing.T) {
	folder, _ := released(t)
	file, err := os.Open(one(t, folder, "*.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	zipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	program := filepath.Join(t.TempDir(), "socketio-jwt")
	commit := strings.TrimSpace(output(t, cloneOf(folder), "git", "log", "-1", "--format=%ct"))
	for archive := tar.NewReader(zipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(header.Name)
		names = append(names, name)
		if header.Uid != 0 || header.Gid != 0 || strconv.FormatInt(header.ModTime.Unix(), 10) != commit || !strings.HasPrefix(header.Name, "socketio-jwt_") {
			t.Errorf("header %+v, commit at %s", header, commit)
		}
		if name == "socketio-jwt" {
			contents, err := io.ReadAll(archive)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(program, contents, os.FileMode(header.Mode)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, want := range []string{"socketio-jwt", "LICENSE", "README.md", "THIRD-PARTY-LICENSES.txt", "socketio-jwt.toml"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing: %v", want, names)
		}
	}
	testProgram(t, program, strings.TrimSpace(output(t, cloneOf(folder), "git", "rev-parse", "HEAD")))
}

// testProgram tests that a program is static and says what it is, and that it was built from the commit.
func testProgram(t *testing.T, program, commit string) {
	t.Helper()
	said := output(t, root, program, "version", "-v")
	for _, want := range []string{"socketio-jwt v", ", revision " + commit + "\n", "committed at ", runtime.Version(), "github.com/alecthomas/kong"} {
		if !strings.Contains(said, want) {
			t.Errorf("version -v does not say %q:\n%s", want, said)
		}
	}
	if strings.Contains(said, "(unknown)") {
		t.Errorf("a module has no license:\n%s", said)
	}
	info := output(t, root, "go", "version", "-m", program)
	for _, want := range []string{"CGO_ENABLED=0", "-trimpath=true", "vcs.modified=false"} {
		if !strings.Contains(info, want) {
			t.Errorf("the program was not built with %s", want)
		}
	}
	contents := read(t, program)
	for _, path := range []string{filepath.Dir(mustAbs(t, root)), runtime.GOROOT() + "/src"} {
		if path != "/" && bytes.Contains([]byte(contents), []byte(path+"/")) {
			t.Errorf("the program contains the folder %s", path)
		}
	}
}

func mustAbs(t *testing.T, name string) string {
	t.Helper()
	abs, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}
