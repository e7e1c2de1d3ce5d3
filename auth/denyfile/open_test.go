package denyfile_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/auth/denyfile"
)

// A file has one owner at a time.
func TestLock(t *testing.T) {
	path := newPath(t)
	open(t, path, denyfile.Options{})
	opts := quiet
	opts.LockTimeout = 10 * time.Millisecond
	_, err := denyfile.Open(path, opts)
	if !errors.Is(err, denyfile.ErrLocked) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "another process") {
		t.Errorf("got %v", err)
	}
}

// Only the owner may read the file, whatever the umask.
func TestFileMode(t *testing.T) {
	path := newPath(t)
	open(t, path, denyfile.Options{})
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 1 {
		t.Errorf("%v, %d files", err, len(files))
	}
}

// Creating a file is logged, because it may be that the directory is the wrong one.
func TestCreationIsLogged(t *testing.T) {
	path := newPath(t)
	var log strings.Builder
	opts := denyfile.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	for range 2 {
		list, err := denyfile.Open(path, opts)
		if err != nil {
			t.Fatal(err)
		}
		closeList(t, list)
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), path) {
		t.Errorf("%d warnings:\n%s", n, log.String())
	}
}

func TestPathsThatCannotBeOpened(t *testing.T) {
	dir := t.TempDir()
	for name, path := range map[string]string{"a directory": dir, "no directory": filepath.Join(dir, "none", "x.db"), "no path": ""} {
		list, err := denyfile.Open(path, quiet)
		if err == nil {
			t.Errorf("%s: opened", name)
			closeList(t, list)
		}
	}
	if _, err := denyfile.Open(filepath.Join(dir, "none", "x.db"), quiet); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	for _, opts := range []denyfile.Options{{LockTimeout: -1}, {List: auth.DenylistOptions{MaxEntries: -1}}, {List: auth.DenylistOptions{MaxClaims: -1}}} {
		if _, err := denyfile.Open(filepath.Join(dir, "x.db"), opts); err == nil {
			t.Errorf("%+v: opened", opts)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "x.db")); err == nil {
		t.Error("a file was created in spite of wrong options")
	}
}
