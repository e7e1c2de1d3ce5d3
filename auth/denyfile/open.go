package denyfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"socketiojwt/auth"
	"socketiojwt/internal/guard"
)

// createIfMissing creates the file of an empty list if there is no file. It writes another file
// first and links it, so that a crash leaves a whole file or none.
func createIfMissing(path string) (created bool, err error) {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	dir := filepath.Dir(path)
	temporary, err := os.CreateTemp(dir, filepath.Base(path)+".new-*") // with mode 0600
	if err != nil {
		return false, err
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	if err := temporary.Close(); err != nil {
		return false, err
	}
	db, err := bbolt.Open(temporary.Name(), 0o600, nil)
	if err != nil {
		return false, err
	}
	if err := errors.Join(db.Update(initialize), db.Close()); err != nil {
		return false, err
	}
	if err := os.Link(temporary.Name(), path); err != nil {
		if errors.Is(err, fs.ErrExist) { // another process was faster
			err = nil
		}
		return false, err
	}
	return true, syncDir(dir)
}

// syncDir makes a new file in a directory survive a failure of the machine.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // it cannot, and need not
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// openFile opens the database.
func openFile(path string, lockTimeout time.Duration) (*bbolt.DB, error) {
	// bbolt makes a new database of an empty file, which would lose the list without an error.
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("auth/denyfile: %w", err)
	} else if info.Size() == 0 {
		return nil, fmt.Errorf("%w: %s is empty; restore it, or remove it to begin with an empty list", ErrCorrupt, path)
	}
	var db *bbolt.DB
	var opened *os.File
	err := safely(func() (err error) {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout: lockTimeout, FreelistType: bbolt.FreelistMapType, NoStatistics: true,
			OpenFile: func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
				opened, err = os.OpenFile(name, flag&^os.O_CREATE, mode)
				return opened, err
			},
		})
		return err
	})
	if err != nil && opened != nil { // bbolt has closed it, unless it has panicked
		unlock(opened)
		_ = opened.Close()
	}
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, bbolterrors.ErrTimeout):
		return nil, fmt.Errorf("%w: another process has opened %s, and only one at a time can; stop it, or give this one a file of its own", ErrLocked, path)
	case errors.As(err, new(*fs.PathError)):
		return nil, fmt.Errorf("auth/denyfile: %w", err)
	}
	return nil, fmt.Errorf("%w: %s: %w; restore it, or remove it to begin with an empty list", ErrCorrupt, path, err)
}

// load checks all entries, and calls add for each. It does not call Check of
// bbolt, which crashes the process if the keys of inner pages are damaged.
func (f *file) load(add func(auth.Revocation) error) error {
	var refused error
	err := safely(func() error {
		return f.db.View(func(tx *bbolt.Tx) error {
			count, err := f.checkState(tx)
			if err != nil {
				return err
			}
			entries := tx.Bucket(entriesBucket)
			var found uint64
			cursor := entries.Cursor()
			for key, value := cursor.First(); key != nil; key, value = cursor.Next() {
				if found++; found > count {
					break
				}
				r, err := decode(key, value)
				if err != nil {
					return err
				}
				if !bytes.Equal(entries.Get(key), value) { // looks at the keys of inner pages too
					return errors.New("an entry is in the wrong place")
				}
				if refused == nil {
					refused = add(r)
				}
			}
			if found != count {
				return fmt.Errorf("it has %d entries, and should have %d", found, count)
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return refused
}

// checkState checks the size and the format of the database, and returns the number of entries.
func (f *file) checkState(tx *bbolt.Tx) (count uint64, err error) {
	if err := checkHeads(f.db.Path(), f.db.Info().PageSize); err != nil {
		return 0, err
	}
	info, err := os.Stat(f.db.Path())
	if err != nil {
		return 0, err
	}
	if info.Size() < tx.Size() {
		return 0, fmt.Errorf("it has %d bytes, and should have %d", info.Size(), tx.Size())
	}
	state := tx.Bucket(stateBucket)
	if state == nil || tx.Bucket(entriesBucket) == nil {
		return 0, errors.New("it is the database of another program")
	}
	version, err := numberOf(state, formatKey)
	if err != nil {
		return 0, err
	}
	if version != format {
		return 0, fmt.Errorf("it has the format %d, and this program reads the format %d; use the version of the program that wrote it", version, format)
	}
	return numberOf(state, countKey)
}

// checkHeads checks both heads of a bbolt file. bbolt writes them in turn. If the newer one is
// damaged, it uses the older one, which does not have the last changes.
func checkHeads(path string, pageSize int) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	for n := range int64(2) {
		// A head follows the head of its page, and ends with the FNV-1a hash of what is before.
		const start, size = 16, 56
		head := make([]byte, size+8)
		if _, err := f.ReadAt(head, n*int64(pageSize)+start); err != nil {
			return err
		}
		sum := fnv.New64a()
		_, _ = sum.Write(head[:size])
		if sum.Sum64() != binary.NativeEndian.Uint64(head[size:]) {
			return fmt.Errorf("head %d is damaged", n)
		}
	}
	return nil
}

// safely calls f, and returns a panic as an error. A damaged database makes bbolt panic, or read
// beyond its end; so does a disk that fails to read.
func safely(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if value := recover(); value != nil {
			p := guard.Recovered(value)
			err = fmt.Errorf("the database cannot be read: %s at %s", p.Text, p.At)
		}
	}()
	return f()
}
