package denyredis

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"socketiojwt/auth"
	"socketiojwt/internal/mac"
	"socketiojwt/internal/wirejson"
)

// A position is the ID of a record in the stream. The zero position is before all records.
type position struct{ ms, seq uint64 }

// parsePosition reads the text that Redis writes, such as "1526919030474-55".
func parsePosition(text string) (p position, err error) {
	ms, seq, ok := strings.Cut(text, "-")
	if !ok {
		return p, fmt.Errorf("%.40q is not the ID of a record", text)
	}
	p.ms, err = strconv.ParseUint(ms, 10, 64)
	if err == nil {
		p.seq, err = strconv.ParseUint(seq, 10, 64)
	}
	return p, err
}

func (p position) String() string {
	return strconv.FormatUint(p.ms, 10) + "-" + strconv.FormatUint(p.seq, 10)
}

func (p position) before(other position) bool {
	return cmp.Or(cmp.Compare(p.ms, other.ms), cmp.Compare(p.seq, other.seq)) < 0
}

// A record is what the stream has of an entry.
type record struct {
	Node string `json:"node"` // that has written it

	// One of these is set, or none in the record that each node writes when it starts.
	Add     *auth.Revocation `json:"add,omitempty"`
	Removed *removed         `json:"removed,omitempty"`

	Ask       bool `json:"ask,omitempty"`       // the node wants to know the number of sockets
	SweepOnly bool `json:"sweepOnly,omitempty"` // the entry of Add is not kept, because lists are full
}

// removed says that a block has ended.
type removed struct {
	Match auth.Match `json:"match"`
	// At is that of the block. A block that is made later is another one, so that the order of
	// the records does not matter.
	At time.Time `json:"at"`
	// Until is how long it must be remembered that the block was removed. Zero means always.
	Until time.Time `json:"until,omitzero"`
}

// A sealer encrypts what nodes write, and decrypts what they read.
type sealer struct {
	prefix string
	keys   []cipher.AEAD // the first one encrypts
}

const (
	sealVersion = 1
	leastKey    = 16 // bytes of a secret
)

// errSeal says that a text was not written with one of the keys.
var errSeal = errors.New("it was written with another key, or is damaged")

func newSealer(prefix string, secrets [][]byte) (*sealer, error) {
	s := &sealer{prefix: prefix}
	for i, secret := range secrets {
		if len(secret) < leastKey {
			return nil, fmt.Errorf("auth/denyredis: key %d has %d bytes; use at least %d", i+1, len(secret), leastKey)
		}
		key := mac.New(secret).Sum(nil, "socketiojwt: denylist in Redis")
		block, err := aes.NewCipher(key[:])
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, aead)
	}
	if len(s.keys) == 0 {
		return nil, errors.New("auth/denyredis: Keys is empty; set a secret that all nodes have, such as socketio.Options.ClusterKey")
	}
	return s, nil
}

// seal encrypts the JSON of v. Use keeps texts of different places apart.
func (s *sealer) seal(v any, use string) (string, error) {
	text, err := wirejson.Marshal(v)
	if err != nil {
		return "", err
	}
	aead := s.keys[0]
	out := make([]byte, 1+aead.NonceSize(), 1+aead.NonceSize()+len(text)+aead.Overhead())
	out[0] = sealVersion
	_, _ = rand.Read(out[1:]) // never fails
	return string(aead.Seal(out, out[1:], text, []byte(s.prefix+"\x00"+use))), nil
}

// open decrypts what seal has returned, and decodes it into v.
func (s *sealer) open(sealed, use string, v any) error {
	size := 1 + s.keys[0].NonceSize()
	switch {
	case len(sealed) < size:
		return errSeal
	case sealed[0] != sealVersion:
		return fmt.Errorf("it has format %d, and this program reads format %d", sealed[0], sealVersion)
	}
	for _, aead := range s.keys {
		text, err := aead.Open(nil, []byte(sealed[1:size]), []byte(sealed[size:]), []byte(s.prefix+"\x00"+use))
		if err == nil {
			return wirejson.Unmarshal(text, v)
		}
	}
	return errSeal
}

// An entryKey stands for the ID of an entry, in fewer bytes.
type entryKey [16]byte

func keyOf(r auth.Revocation) entryKey {
	sum := sha256.Sum256([]byte(r.ID()))
	return entryKey(sum[:])
}
