package denyfile

import "go.etcd.io/bbolt"

// Transactions returns the number of transactions that have changed the file.
func Transactions(d *Denylist) (n int) {
	_ = d.file.db.View(func(tx *bbolt.Tx) error {
		n = tx.ID()
		return nil
	})
	return n
}
