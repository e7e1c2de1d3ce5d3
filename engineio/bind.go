package engineio

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
)

// binder ties sessions to what their first request showed (Options.Bind). It
// keeps no value, only hashes under a key that no other process has.
type binder struct {
	value func(*http.Request) string // nil binds nothing
	key   [32]byte
}

// bond is what a session keeps of the value it is bound to.
type bond [16]byte

func newBinder(value func(*http.Request) string) *binder {
	b := &binder{value: value}
	rand.Read(b.key[:]) // never fails: crypto/rand ends the program instead
	return b
}

// tie returns the bond of the session that r starts.
func (b *binder) tie(r *http.Request) bond {
	if b.value == nil {
		return bond{}
	}
	return b.hash(b.value(r))
}

// holds reports whether r may belong to the session tied by known. A request
// that shows nothing may: browsers cannot set headers on a WebSocket.
func (b *binder) holds(known bond, r *http.Request) bool {
	if b.value == nil {
		return true
	}
	value := b.value(r)
	if value == "" {
		return true
	}
	shown := b.hash(value)
	return subtle.ConstantTimeCompare(known[:], shown[:]) == 1
}

func (b *binder) hash(value string) bond {
	mac := hmac.New(sha256.New, b.key[:])
	mac.Write([]byte(value))
	return bond(mac.Sum(nil)[:len(bond{})])
}
