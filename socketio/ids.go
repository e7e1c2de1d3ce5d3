package socketio

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"socketiojwt/engineio"
)

// A socket id is a room that holds only that socket, so no other socket may join a
// room of that name: not while the socket is there, and not after it has left, when
// somebody may still send to the id. The server recognizes the ids it has made
// without keeping them, by a code in each (docs/adr/0019-rooms-named-like-sockets.md).

const (
	idRandom = 10 // bytes
	idCode   = 5
)

// idKey makes the codes of a server's ids.
type idKey [32]byte

// newIDKey derives a key from that of a cluster. Without one the key is random.
func newIDKey(cluster []byte) (k idKey) {
	if len(cluster) == 0 {
		_, _ = rand.Read(k[:]) // never fails
		return k
	}
	mac := hmac.New(sha256.New, cluster)
	mac.Write([]byte("socketio: socket ids"))
	return idKey(mac.Sum(nil))
}

// newID returns an id for a socket in a namespace: 20 characters, of 80 random bits
// and their code.
func (k *idKey) newID(namespace string) string {
	var b [idRandom + idCode]byte
	_, _ = rand.Read(b[:idRandom]) // never fails
	copy(b[idRandom:], k.code(namespace, b[:idRandom]))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// issued reports whether name is an id that newID has returned for the namespace.
// Another name passes for one once in 2^40 times.
func (k *idKey) issued(namespace, name string) bool {
	var b [idRandom + idCode]byte
	if len(name) != base64.RawURLEncoding.EncodedLen(len(b)) {
		return false
	}
	if _, err := base64.RawURLEncoding.Strict().Decode(b[:], []byte(name)); err != nil {
		return false
	}
	return string(b[idRandom:]) == string(k.code(namespace, b[:idRandom]))
}

func (k *idKey) code(namespace string, random []byte) []byte {
	mac := hmac.New(sha256.New, k[:])
	mac.Write(random)
	mac.Write([]byte(namespace))
	return mac.Sum(nil)[:idCode]
}

// reserved reports whether a room of that name in a namespace belongs to one socket,
// which exists, existed, or may still be made by a legacy client.
func (srv *Server) reserved(namespace, name string) bool {
	if srv.ids.issued(namespace, name) {
		return true
	}
	if !srv.opts.Engine.AllowEIO3 {
		return false
	}
	session := name // see newSocket
	if namespace != "/" {
		var ok bool
		if session, ok = strings.CutPrefix(name, namespace+"#"); !ok {
			return false
		}
	}
	return engineio.IssuedID(session)
}
