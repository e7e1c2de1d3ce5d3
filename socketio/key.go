package socketio

import (
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"socketiojwt/internal/wirejson"
)

// A Key names a value of one type that sockets carry:
//
//	var player = socketio.NewKey[*Player]()
//
//	player.Set(s, p)
//	p, ok := player.Value(s)
type Key[T any] struct{ shared string } // of non-zero size, so that each has its own address

// NewKey returns a key that differs from every other.
func NewKey[T any]() *Key[T] { return new(Key[T]) }

// NewSharedKey returns a key whose values other nodes can read: FetchSockets encodes them as
// JSON under this name. Use it for public data about a socket, such as a display name, and
// never for a token or another secret. A name that is empty or not UTF-8 panics.
func NewSharedKey[T any](name string) *Key[T] {
	if name == "" || !utf8.ValidString(name) {
		panic(fmt.Sprintf("socketio: NewSharedKey: name %q is empty or not UTF-8", name))
	}
	return &Key[T]{shared: name}
}

func (k *Key[T]) sharedName() string { return k.shared }

// Shared returns the value of a socket described by FetchSockets. It reports false if the
// socket carries no value, if the value is not of type T, or if NewSharedKey did not make the
// key.
func (k *Key[T]) Shared(info SocketInfo) (value T, ok bool) {
	var members map[string]json.RawMessage
	if k.shared == "" || wirejson.UnmarshalPeer(info.Data, nil, &members) != nil || members[k.shared] == nil {
		return value, false
	}
	if wirejson.UnmarshalPeer(members[k.shared], nil, &value) != nil {
		var none T
		return none, false
	}
	return value, true
}

// Set makes the socket carry a value, which replaces the previous one. It may be called
// concurrently.
func (k *Key[T]) Set(s *Socket, value T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, v := range s.values {
		if v.key == any(k) || k.restored(v) {
			s.values[i] = contextValue{k, value}
			return
		}
	}
	s.values = append(s.values, contextValue{k, value})
}

// Value returns the value that the socket carries, and whether it carries one. It may be called
// concurrently.
func (k *Key[T]) Value(s *Socket) (T, bool) {
	value, text, ok := k.value(s)
	if text == nil {
		return value, ok
	}
	var decoded T
	err := guarded(func() error { return wirejson.UnmarshalPeer(text, nil, &decoded) }) // runs code of the program
	s.mu.Lock()
	for i, v := range s.values {
		if k.restored(v) {
			if err != nil {
				s.values = slices.Delete(s.values, i, i+1)
			} else {
				s.values[i] = contextValue{k, decoded}
			}
			break
		}
	}
	s.mu.Unlock()
	value, _, ok = k.value(s) // another goroutine may have been faster
	return value, ok
}

// value returns the value of the socket, or the text of one that came with a recovered session.
func (k *Key[T]) value(s *Socket) (value T, text json.RawMessage, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.values {
		switch {
		case v.key == any(k):
			value, _ = v.value.(T) // nil if T is an interface type
			return value, nil, true
		case k.restored(v):
			text, _ = v.value.(json.RawMessage)
			return value, text, false
		}
	}
	return value, nil, false
}

// restored reports whether v is a value of k that came with a recovered session.
func (k *Key[T]) restored(v contextValue) bool {
	return k.shared != "" && v.key == any(restoredKey(k.shared))
}
