package denyfile

import (
	"bytes"
	"time"

	"go.etcd.io/bbolt"

	"socketiojwt/auth"
)

// Sweeping looks at sweepBase entries in each transaction and at sweepEach more for each change,
// so a transaction is short, and ended entries are removed faster than new ones come.
const (
	sweepBase = 256
	sweepEach = 64
)

// write writes changes in one transaction. If it fails, none is written.
func (f *file) write(changes []*change, now time.Time) error {
	return safely(func() error {
		return f.db.Update(func(tx *bbolt.Tx) error {
			entries, state := tx.Bucket(entriesBucket), tx.Bucket(stateBucket)
			count, err := numberOf(state, countKey)
			if err != nil {
				return err
			}
			before := count
			for _, c := range changes {
				if c.remove {
					count, err = remove(entries, count, c.entry)
				} else {
					count, err = put(entries, count, c.entry, now)
				}
				if err != nil {
					return err
				}
			}
			if count, err = f.sweep(entries, count, sweepBase+sweepEach*len(changes), now); err != nil {
				return err
			}
			if count == before {
				return nil
			}
			return state.Put(countKey, number(count))
		})
	})
}

// put writes an entry. It merges it with the entry of the same ID, if that still lasts. It
// returns the number of entries.
func put(entries *bbolt.Bucket, count uint64, r auth.Revocation, now time.Time) (uint64, error) {
	key := keyOf(r)
	old := entries.Get(key)
	switch {
	case old == nil:
		count++
	case !endedAt(old, now):
		earlier, err := decode(key, old)
		if err != nil {
			return 0, err
		}
		r = earlier.Merge(r)
	}
	value, err := encode(key, r)
	if err != nil {
		return 0, err
	}
	return count, entries.Put(key, value)
}

// remove removes the entry with the ID of r, if there is one that was not made after r.At. It returns
// the number of entries.
func remove(entries *bbolt.Bucket, count uint64, r auth.Revocation) (uint64, error) {
	key := keyOf(r)
	old := entries.Get(key)
	if old == nil {
		return count, nil
	}
	if e, err := decode(key, old); err != nil || e.At.After(r.At) {
		return count, err
	}
	return count - 1, entries.Delete(key)
}

// sweep looks at some entries, and removes those that have ended while there are more than
// f.most. It continues where the last call stopped. It returns the number of entries.
func (f *file) sweep(entries *bbolt.Bucket, count uint64, budget int, now time.Time) (uint64, error) {
	if count <= f.most {
		return count, nil
	}
	var old [][]byte
	cursor := entries.Cursor()
	begun := f.sweepAt
	key, value := cursor.Seek(begun)
	for wrapped := false; budget > 0 && count-uint64(len(old)) > f.most; budget-- {
		if key == nil && !wrapped {
			wrapped = true
			key, value = cursor.First()
		}
		if key == nil || wrapped && bytes.Compare(key, begun) >= 0 {
			break
		}
		if endedAt(value, now) {
			old = append(old, bytes.Clone(key))
		}
		key, value = cursor.Next()
	}
	f.sweepAt = bytes.Clone(key) // nil at the end, which is the beginning
	for _, key := range old {
		if err := entries.Delete(key); err != nil {
			return 0, err
		}
		count--
	}
	return count, nil
}
