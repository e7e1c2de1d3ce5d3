package denyfile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"socketiojwt/auth/denyfile"
)

// written returns the content of a file with entries for so many subjects.
func written(t *testing.T, subjects int) []byte {
	t.Helper()
	path := newPath(t)
	list := open(t, path, denyfile.Options{})
	for n := range subjects {
		add(t, list, blockOf(fmt.Sprint(n)))
	}
	closeList(t, list)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// openCopy opens a file with a content.
func openCopy(t *testing.T, content []byte) (*denyfile.Denylist, error) {
	t.Helper()
	path := newPath(t)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return denyfile.Open(path, quiet)
}

// A damaged file, or the file of another program, is an error, and not an empty list.
func TestDamagedFiles(t *testing.T) {
	whole := written(t, 200)
	zeros := bytes.Clone(whole)
	clear(zeros[8192:])
	heads := [2][]byte{bytes.Clone(whole), bytes.Clone(whole)}
	for n, content := range heads {
		content[n*os.Getpagesize()+60]++ // in the number of the transaction
	}
	for name, content := range map[string][]byte{
		"the first head":     heads[0],
		"the second head":    heads[1],
		"empty":              {},
		"one byte":           whole[:1],
		"one page":           whole[:4096],
		"only the head":      whole[:16384],
		"half":               whole[:len(whole)/2],
		"another format":     []byte(strings.Repeat("a text of some other program\n", 2000)),
		"zeros":              make([]byte, len(whole)),
		"zeros after a head": zeros,
		"another database":   database(t, func(*bbolt.Tx) error { return nil }),
		"a newer format": database(t, func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket([]byte("entries"))
			if err != nil {
				return err
			}
			state, err := tx.CreateBucket([]byte("state"))
			if err != nil {
				return err
			}
			return errors.Join(state.Put([]byte("format"), []byte{0, 0, 0, 0, 0, 0, 0, 2}), state.Put([]byte("count"), make([]byte, 8)))
		}),
		"an entry is missing": change(t, whole, func(entries *bbolt.Bucket) error {
			key, _ := entries.Cursor().First()
			return entries.Delete(key)
		}),
		"an entry is too many": change(t, whole, func(entries *bbolt.Bucket) error {
			_, value := entries.Cursor().First()
			return entries.Put([]byte("another key"), value)
		}),
		"an entry under another key": change(t, whole, func(entries *bbolt.Bucket) error {
			key, value := entries.Cursor().First()
			value = bytes.Clone(value)
			if err := entries.Delete(bytes.Clone(key)); err != nil {
				return err
			}
			return entries.Put([]byte("another key"), value)
		}),
		"an entry with another reason": change(t, whole, func(entries *bbolt.Bucket) error {
			key, value := entries.Cursor().First()
			return entries.Put(bytes.Clone(key), bytes.Replace(value, []byte(`"test"`), []byte(`"tent"`), 1))
		}),
		"an empty entry": change(t, whole, func(entries *bbolt.Bucket) error {
			key, _ := entries.Cursor().First()
			return entries.Put(bytes.Clone(key), nil)
		}),
	} {
		t.Run(name, func(t *testing.T) {
			list, err := openCopy(t, content)
			if err == nil {
				t.Errorf("opened with %d entries", list.Len())
				closeList(t, list)
				return
			}
			if !errors.Is(err, denyfile.ErrCorrupt) || !strings.Contains(err.Error(), "denylist.db") {
				t.Errorf("got %v", err)
			}
			for special, text := range map[string]string{"a newer format": "format 2", "empty": "is empty"} {
				if name == special && !strings.Contains(err.Error(), text) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
}

// A damaged list of free pages makes bbolt panic. The file is not locked afterwards.
func TestDamagedListOfFreePages(t *testing.T) {
	whole := written(t, 10)
	damaged := bytes.Clone(whole)
	size := os.Getpagesize()
	for page := 2 * size; page < len(damaged); page += size {
		if flags := damaged[page+8 : page+10]; binary.NativeEndian.Uint16(flags) == 0x10 { // a page with such a list
			clear(flags)
		}
	}
	path := newPath(t)
	for _, content := range [][]byte{damaged, whole} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := denyfile.Open(path, quiet)
		if good := bytes.Equal(content, whole); good == (err != nil) || !good && !errors.Is(err, denyfile.ErrCorrupt) {
			t.Errorf("the good file: %t; error: %v", good, err)
		}
		if err == nil {
			closeList(t, list)
		}
	}
}

// database returns the content of a database.
func database(t *testing.T, fill func(*bbolt.Tx) error) []byte {
	t.Helper()
	path := newPath(t)
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(fill), db.Close()); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// change returns a content with other entries.
func change(t *testing.T, content []byte, f func(entries *bbolt.Bucket) error) []byte {
	t.Helper()
	path := newPath(t)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return f(tx.Bucket([]byte("entries"))) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	content, err = os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// Whichever byte is damaged, the list opens with all entries, or not at all.
func TestDamagedBytes(t *testing.T) {
	const subjects = 150
	whole := written(t, subjects)
	path := newPath(t)
	refused := 0
	for n := range 500 {
		content := bytes.Clone(whole)
		at := rand.IntN(len(content))
		if n < 150 { // the first pages have most of the structure
			at = rand.IntN(16 << 10)
		}
		content[at] ^= byte(1 + rand.IntN(255))
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := denyfile.Open(path, quiet)
		if err != nil {
			refused++
			if !errors.Is(err, denyfile.ErrCorrupt) {
				t.Errorf("byte %d: %v", at, err)
			}
			continue
		}
		if got := len(all(t, list)); got != subjects {
			t.Errorf("byte %d: opened with %d entries", at, got)
		}
		closeList(t, list)
	}
	if refused < 30 {
		t.Errorf("only %d files were refused", refused)
	}
}
