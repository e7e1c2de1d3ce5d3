package denyfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"go.etcd.io/bbolt"

	"socketiojwt/auth"
)

// The database has a bucket with the entries and one with their number and the version of the
// format. The number shows that entries are missing.
//
//	key    SHA-256 of Revocation.ID
//	value  version (1 byte), end in Unix nanoseconds (8 bytes), JSON of the Revocation, CRC-32C
//	       of the key and of the value before it (4 bytes)
var (
	entriesBucket = []byte("entries")
	stateBucket   = []byte("state")
	formatKey     = []byte("format")
	countKey      = []byte("count")
)

// format is the version of the format.
const format = 1

const (
	headSize = 1 + 8
	sumSize  = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// keyOf returns the key of an entry.
func keyOf(r auth.Revocation) []byte {
	key := sha256.Sum256([]byte(r.ID()))
	return key[:]
}

// encode returns the value of an entry.
func encode(key []byte, r auth.Revocation) ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	value := make([]byte, headSize, headSize+len(text)+sumSize)
	value[0] = format
	binary.BigEndian.PutUint64(value[1:], uint64(endOf(r)))
	value = append(value, text...)
	return binary.BigEndian.AppendUint32(value, checksum(key, value)), nil
}

// decode returns the entry in a value.
func decode(key, value []byte) (r auth.Revocation, err error) {
	if len(value) < headSize+sumSize {
		return r, errors.New("an entry is too short")
	}
	body := value[:len(value)-sumSize]
	switch {
	case checksum(key, body) != binary.BigEndian.Uint32(value[len(body):]):
		return r, errors.New("the checksum of an entry is wrong")
	case body[0] != format:
		return r, fmt.Errorf("an entry has the format %d", body[0])
	}
	if err := json.Unmarshal(body[headSize:], &r); err != nil {
		return r, errors.New("an entry is not readable") // err may quote it
	}
	if !bytes.Equal(keyOf(r), key) {
		return r, errors.New("an entry has the wrong key")
	}
	return r, r.Check()
}

func checksum(key, body []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, body)
}

// endOf returns when an entry ends. An entry without an end, or with one that nanoseconds cannot
// express, has the last possible end.
func endOf(r auth.Revocation) int64 {
	if until := r.Until; !until.IsZero() && until.Before(time.Unix(0, math.MaxInt64)) {
		return max(until.UnixNano(), 0)
	}
	return math.MaxInt64
}

// endedAt reports whether an encoded entry has ended.
func endedAt(value []byte, now time.Time) bool {
	if len(value) < headSize {
		return false
	}
	end := int64(binary.BigEndian.Uint64(value[1:]))
	return end != math.MaxInt64 && !now.Before(time.Unix(0, end))
}

// initialize makes an empty list in an empty database.
func initialize(tx *bbolt.Tx) error {
	if _, err := tx.CreateBucket(entriesBucket); err != nil {
		return err
	}
	state, err := tx.CreateBucket(stateBucket)
	if err != nil {
		return err
	}
	if err := state.Put(formatKey, number(format)); err != nil {
		return err
	}
	return state.Put(countKey, number(0))
}

// number returns the value of a number in the bucket of the state.
func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// numberOf reads a number of the bucket of the state.
func numberOf(state *bbolt.Bucket, key []byte) (uint64, error) {
	value := state.Get(key)
	if len(value) != 8 {
		return 0, fmt.Errorf("%q is missing", key)
	}
	return binary.BigEndian.Uint64(value), nil
}
