package engineio

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
)

// BindToAddress returns a value for Options.Bind that ties a session to its peer's
// address, without the port; behind the trusted proxies to the one they name, as
// Session.RemoteAddr has it. It is the least that can be asked of peers that show
// nothing else: those behind one address can still meddle with each other's
// sessions, and one that moves to another network has to begin anew. Behind a proxy
// that is not named here all peers have one address, and nothing is protected.
func BindToAddress(trusted ...netip.Prefix) func(*http.Request) string {
	trusted = unmapped(trusted)
	return func(r *http.Request) string {
		addr := remoteAddr(r, trusted)
		if host, _, err := net.SplitHostPort(addr); err == nil {
			return host
		}
		return addr
	}
}

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

// tie returns the bond of the session that r starts; nil when nothing is bound.
func (b *binder) tie(r *http.Request) *bond {
	if b.value == nil {
		return nil
	}
	tied := b.hash(b.value(r))
	return &tied
}

// ties reports whether a session that r starts is tied to anything.
func (b *binder) ties(r *http.Request) bool { return b.value != nil && b.value(r) != "" }

// holds reports whether r may belong to the session tied by known. In revision 4 a
// request that shows nothing may, since browsers cannot set headers on a WebSocket,
// and the session's ID is a secret. In revision 3 it is none, and without a bond,
// which is by WebSocket alone, a session has no later requests.
func (b *binder) holds(known *bond, r *http.Request, rev revision) bool {
	if known == nil {
		return rev == revision4
	}
	value := b.value(r)
	if value == "" {
		return rev == revision4
	}
	shown := b.hash(value)
	return subtle.ConstantTimeCompare(known[:], shown[:]) == 1
}

func (b *binder) hash(value string) bond {
	mac := hmac.New(sha256.New, b.key[:])
	mac.Write([]byte(value))
	return bond(mac.Sum(nil)[:len(bond{})])
}
