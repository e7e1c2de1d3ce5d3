package socketio

import "testing"

// An event for a socket that was refused while the event was being read, before its namespace was found, does no harm.
func TestEventOfASocketWithoutANamespace(t *testing.T) {
	s := &Socket{conn: &conn{server: new(Server)}, state: stateClosed}
	if s.ignores([]byte(`["unknown"]`)) {
		t.Error("the event has been counted for a namespace")
	}
}
