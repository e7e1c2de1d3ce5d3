package socketio

import (
	"crypto/rand"
	"encoding/base64"
	"strings"

	"socketiojwt/engineio"
	"socketiojwt/internal/mac"
)

// A socket id is a room that holds only that socket, so no other socket may join a room of that
// name. This also applies after the socket has left, because programs may still send to the id.
// Each id contains a code by which the server recognizes the ids it has made without storing
// them (docs/adr/0019-rooms-named-like-sockets.md).

const (
	idRandom = 10 // bytes
	idCode   = 5
)

// idKey is the key of the codes in a server's ids.
type idKey struct{ *mac.Key }

// newIDKey derives a key from the key of a cluster. If that is empty, the result is random.
func newIDKey(cluster []byte) idKey {
	var secret [32]byte
	if len(cluster) == 0 {
		_, _ = rand.Read(secret[:]) // never fails
	} else {
		secret = mac.New(cluster).Sum(nil, "socketio: socket ids")
	}
	return idKey{mac.New(secret[:])}
}

// newID returns an id for a socket in a namespace: 20 characters, made of 80 random bits and
// their code.
func (k idKey) newID(namespace string) string {
	var b [idRandom + idCode]byte
	_, _ = rand.Read(b[:idRandom]) // never fails
	code := k.code(namespace, b[:idRandom])
	copy(b[idRandom:], code[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// issued reports whether newID has returned name for the namespace. For another name it returns
// true with a probability of 1 in 2^40.
func (k idKey) issued(namespace, name string) bool {
	var b [idRandom + idCode]byte
	if len(name) != base64.RawURLEncoding.EncodedLen(len(b)) {
		return false
	}
	if _, err := base64.RawURLEncoding.Strict().Decode(b[:], []byte(name)); err != nil {
		return false
	}
	return [idCode]byte(b[idRandom:]) == k.code(namespace, b[:idRandom])
}

func (k idKey) code(namespace string, random []byte) [idCode]byte {
	sum := k.Sum(random, namespace)
	return [idCode]byte(sum[:])
}

// reserved reports whether a room name in a namespace belongs to one socket, which exists,
// existed, or may still be created by a legacy client.
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
