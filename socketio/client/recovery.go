package client

import (
	"encoding/json"

	"socketiojwt/socketio"
)

// session is what a socket needs to recover its session on the server. Client.mu guards its
// fields.
type session struct {
	pid       string   // secret that names the session; empty if the server recovers none
	offset    string   // of the last event
	missed    []*Event // came before the answer to CONNECT
	recovered bool
}

// maxSessionID bounds pids and offsets in bytes. Known servers send at most 24.
const maxSessionID = 128

// Recovered reports whether the last connection continued the session of the one before, by the
// connection state recovery of the server. The socket then has the same ID and is in the same
// rooms, and Receive has returned the missed events before EventConnect. It is always false for
// the first connection, and may be called concurrently.
func (s *Socket) Recovered() bool {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	return s.session.recovered
}

// withSession adds what names a session to the payload of CONNECT. Members of Options.Auth come
// first, as in the JavaScript client. A payload that is not an object is left as it is.
func withSession(payload []byte, pid, offset string) []byte {
	if pid == "" {
		return payload
	}
	members := make(map[string]json.RawMessage)
	for name, value := range map[string]string{"pid": pid, "offset": offset} {
		if value != "" {
			members[name], _ = json.Marshal(value) // never fails
		}
	}
	if len(payload) > 0 && (payload[0] != '{' || json.Unmarshal(payload, &members) != nil) {
		return payload
	}
	merged, _ := json.Marshal(members) // never fails
	return merged
}

// heard notes the offset of an event, which a server that recovers sessions adds to each event
// that it keeps, as the last argument. A longer string is not an offset.
func (x *session) heard(e *Event) {
	if x.pid == "" || e.Len() == 0 {
		return
	}
	last := e.Drop(e.Len() - 1).Args()[0].(socketio.Raw).JSON()
	var offset string
	if last[0] == '"' && len(last) <= maxSessionID+2 && json.Unmarshal(last, &offset) == nil && offset != "" {
		x.offset = offset
	}
}

// missedOne keeps an event that came before the answer to CONNECT. The caller holds mu.
func (s *Socket) missedOne(e *Event) {
	s.session.missed = append(s.session.missed, e)
	s.pending += e.size
	s.client.pending += e.size
}

// dropMissed drops the events that came before an answer to CONNECT that does not come, or that
// begins a new session. The caller holds mu.
func (s *Socket) dropMissed() {
	for _, e := range s.session.missed {
		s.pending -= e.size
		s.client.pending -= e.size
	}
	s.session.missed = nil
}

// continues handles the pid in the answer to CONNECT. If the server recovered the session, the
// missed events are there for Receive. The caller holds mu.
func (s *Socket) continues(pid string) {
	x := &s.session
	if x.recovered = pid != "" && pid == x.pid; !x.recovered {
		s.dropMissed()
		*x = session{}
		if len(pid) <= maxSessionID {
			x.pid = pid
		}
		return
	}
	for _, e := range x.missed {
		x.heard(e)
	}
	s.events = append(s.events, x.missed...) // their size counts already
	x.missed = nil
}
