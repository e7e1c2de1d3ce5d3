package socketio

import (
	"fmt"

	"socketiojwt/engineio"
)

// AdmitWith is Admit with an event that the peer receives first when it is admitted, before
// anything that OnConnect or a broadcast sends. If a later middleware refuses the socket, the
// peer does not receive it. Events that the peer sends after receiving it are not early. If a
// later middleware holds the socket again, the peer receives the event when it is held.
func (s *Socket) AdmitWith(event string, args ...any) error {
	welcome, _, err := encodeEvent(s.name, 0, false, event, args)
	if err != nil {
		return fmt.Errorf("socketio: admit with %q: %w", event, err)
	}
	return s.admitWith(welcome)
}

// Welcome makes the peer receive an event first when the socket is admitted, as AdmitWith
// does, and after what earlier calls of Welcome and AdmitWith send. If a later middleware
// holds the socket, the peer receives the event when it is held. Welcome returns ErrAdmitted
// if the socket is admitted, and ErrClosed if it has ended. It may be called concurrently.
func (s *Socket) Welcome(event string, args ...any) error {
	m, _, err := encodeEvent(s.name, 0, false, event, args)
	if err != nil {
		return fmt.Errorf("socketio: welcome with %q: %w", event, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state > stateAdmitted:
		return ErrClosed
	case s.state == stateAdmitted:
		return ErrAdmitted
	}
	s.keepWelcome(m)
	return nil
}

// keepWelcome keeps a packet until the socket is admitted. The caller holds mu.
func (s *Socket) keepWelcome(m *engineio.Message) {
	if s.arrival.early == nil {
		s.arrival.early = &early{}
	}
	s.arrival.early.welcome = append(s.arrival.early.welcome, m)
}

// sendWelcome sends what was kept for the admission. The caller holds mu.
func (s *Socket) sendWelcome() {
	for _, m := range s.arrival.early.welcome {
		_ = s.conn.session.Send(m) // fails only if the session is closed, which ends the socket
	}
	s.arrival.early.welcome = nil
}
