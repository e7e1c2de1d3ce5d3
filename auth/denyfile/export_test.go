package denyfile

import (
	"context"
	"errors"

	"go.etcd.io/bbolt"

	"socketiojwt/auth"
)

// Transactions returns the number of transactions that have changed the file.
func Transactions(d *Denylist) (n int) {
	_ = d.file.db.View(func(tx *bbolt.Tx) error {
		n = tx.ID()
		return nil
	})
	return n
}

// RemoveAndFailToAdd writes a removal while an entry is being added, and then fails to write the
// entry. It returns the errors of both.
func RemoveAndFailToAdd(d *Denylist, r auth.Revocation) (remove, add error) {
	var batches [2][]*change
	for i, removes := range []bool{true, false} {
		batches[i] = []*change{{entry: r, remove: removes, done: make(chan error, 1)}}
	}
	if err := d.memory.Add(context.Background(), r); err != nil {
		return nil, err
	}
	d.finish(batches[0], nil)
	d.finish(batches[1], errors.New("the disk is full"))
	return <-batches[0][0].done, <-batches[1][0].done
}
