package socketio

// A Key names a value that sockets carry, of one type:
//
//	var player = socketio.NewKey[*Player]()
//
//	player.Set(s, p)
//	p, ok := player.Value(s)
type Key[T any] struct{ _ byte } // not of size zero, so that each has an address of its own

// NewKey returns a key that is equal to no other.
func NewKey[T any]() *Key[T] { return new(Key[T]) }

// Set makes the socket carry a value, in place of the one it carried.
func (k *Key[T]) Set(s *Socket, value T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, v := range s.values {
		if v.key == any(k) {
			s.values[i].value = value
			return
		}
	}
	s.values = append(s.values, contextValue{k, value})
}

// Value returns what the socket carries, and whether it carries anything.
func (k *Key[T]) Value(s *Socket) (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.values {
		if v.key == any(k) {
			value, _ := v.value.(T) // nil, when T is an interface
			return value, true
		}
	}
	var none T
	return none, false
}
