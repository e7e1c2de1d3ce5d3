package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"socketiojwt/socketio"
)

// FuzzSession runs a program of two bytes per step against a server under fake time:
// packets of a peer, good and bad, and actions of the server. A model of the sockets
// checks that
//   - no handler, room or broadcast sees a socket before its last middleware accepted
//     it, nor after it was refused,
//   - the events of a socket come in order, one at a time, between OnConnect and
//     OnDisconnect,
//   - nothing is left at the end.
func FuzzSession(f *testing.F) {
	for _, seed := range []string{
		"Ca  E  e  B  Da",                       // in, events, out
		"Cb  EbEb  A  Eb  B  Db",                // held, early events, admitted
		"Cb  Eb  R  Eb  Cb  A  Eb",              // held, refused, back
		"Cc  EcEc  A  Ec  A  Ec  B  K",          // held twice, then kicked
		"Cd  Ed  Ca  Ea  J  B  W  B  X  Ca  Ea", // refused in one namespace, in another admitted
		"Ca  LaLbLc  Cb  La  Eb  B",             // intercepted events
		"CaCaEa  M! EaCa  M\" Ca  M# Ca  M$ ",   // malformed packets
		"Cb  T9Eb  A  e  b  Cf  Ef  B  Df",      // time passes; a dynamic namespace
		"CaEaEaEaDaCaEaEaEaDaCaEaB  ",           // rejoins without a pause
		"CbEbAEbRCbAEbKCbEbB  ",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) > 160 {
			return // longer programs add only time
		}
		m := newSessionModel(t)
		opts := socketio.Options{Logger: slog.New(slog.DiscardHandler)}
		bubble(t, opts, m.furnish, func(f *fixture) {
			m.f = f
			for ; len(program) >= 2; program = program[2:] {
				m.step(program[0], program[1])
			}
			m.finish()
		})
	})
}

// sessionModel is the model of FuzzSession.
type sessionModel struct {
	*pairs
	f       *fixture
	conn    *engineConn
	readers sync.WaitGroup
	number  int // number of the last event sent

	state      sync.Mutex
	sockets    []*modelled          // in the order of their CONNECTs
	byID       map[string]*modelled // of the sockets that a middleware has seen
	broadcasts int                  // number begun
}

// modelled is the model of one socket.
type modelled struct {
	socket   *socketio.Socket
	holds    int  // calls of Hold that Admit has not ended yet
	atLast   bool // the last middleware has seen it
	accepted bool // by the last middleware
	since    int  // number of broadcasts that began before the last middleware saw it
	refused  bool
	last     int          // number of the last event handled
	ends     atomic.Int32 // calls of the function of OnEnd
}

func (k *modelled) String() string {
	if k == nil {
		return "unknown"
	}
	return fmt.Sprintf("holds %d, accepted %t since %d, refused %t", k.holds, k.accepted, k.since, k.refused)
}

var modelNamespaces = map[byte]string{'a': "/", 'b': "/hold", 'c': "/twice", 'd': "/refuse", 'e': "/unknown", 'f': "/dynamic1", 'g': "/dynamic2"}

func newSessionModel(t *testing.T) *sessionModel {
	return &sessionModel{
		pairs: &pairs{t: t, connected: map[*socketio.Socket]bool{}, ended: map[*socketio.Socket]bool{}, busy: map[*socketio.Socket]bool{}},
		byID:  map[string]*modelled{},
	}
}

func (m *sessionModel) furnish(srv *socketio.Server) {
	m.namespace(srv.Mux, 0)
	m.namespace(srv.Of("/hold").Mux, 1)
	m.namespace(srv.Of("/twice").Mux, 2)
	srv.Of("/refuse").Use(func(context.Context, *socketio.Socket) error { return errors.New("no") })
	m.namespace(srv.Of("/refuse").Mux, 0)
	m.namespace(srv.OfPattern(regexp.MustCompile(`^/dynamic\d$`)).Mux, 1)
}

// namespace sets up a namespace that holds each socket the given number of times, at most
// twice.
func (m *sessionModel) namespace(n *socketio.Mux, holds int) {
	for i := range 2 {
		n.Use(func(_ context.Context, s *socketio.Socket) error {
			known := m.know(s)
			m.state.Lock()
			defer m.state.Unlock()
			if known.holds > 0 {
				m.t.Errorf("the next middleware ran while %v was held", s)
			}
			known.atLast = i == 1
			if i < holds {
				known.holds++
				return s.Hold(socketio.HoldOptions{})
			}
			if i == 1 {
				known.accepted, known.since = true, m.broadcasts
			}
			return nil
		})
	}
	n.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		m.run(s, "OnConnect", func() { m.expectAccepted(s, "OnConnect"); _ = s.Join("room") })
		return nil
	})
	n.OnDisconnect(func(_ context.Context, s *socketio.Socket, _ socketio.Reason) { m.run(s, "OnDisconnect", func() {}) })
	n.Handle("n", func(_ context.Context, s *socketio.Socket, e *socketio.Event) error {
		m.run(s, "event", func() {
			known := m.expectAccepted(s, "a handler")
			var number int
			if err := e.Scan(&number); err != nil || number <= known.last {
				m.t.Errorf("event %d of %v after %d, %v", number, s, known.last, err)
			}
			known.last = number
			time.Sleep(time.Duration(number%3) * time.Millisecond)
		})
		return e.Ack()
	})
}

// know returns the model of a socket. The first middleware creates it.
func (m *sessionModel) know(s *socketio.Socket) *modelled {
	m.state.Lock()
	known, met := m.byID[s.ID()]
	if !met {
		known = &modelled{socket: s}
		m.byID[s.ID()] = known
		m.sockets = append(m.sockets, known)
	}
	m.state.Unlock()
	if !met {
		s.OnEnd(func() { known.ends.Add(1) })
		_ = s.Intercept("login", m.login)
	}
	return known
}

func (m *sessionModel) expectAccepted(s *socketio.Socket, what string) *modelled {
	m.state.Lock()
	defer m.state.Unlock()
	known := m.byID[s.ID()]
	if known == nil || !known.accepted || known.holds > 0 || known.refused {
		m.t.Errorf("%s ran for %v: %s", what, s, known)
	}
	return known
}

// login handles the intercepted event. Its argument says whether the socket is admitted.
func (m *sessionModel) login(_ context.Context, s *socketio.Socket, e *socketio.Event) error {
	var verdict int
	_ = e.Scan(&verdict)
	m.state.Lock()
	known := m.byID[s.ID()]
	m.state.Unlock()
	switch verdict % 4 {
	case 0:
		m.admit(known)
	case 1:
		m.refuse(known, errors.New("no"))
	case 2:
		m.refuse(known, &socketio.Ending{Message: "later", Temporary: true})
	}
	return e.Ack()
}

func (m *sessionModel) admit(known *modelled) {
	m.state.Lock()
	defer m.state.Unlock()
	if known.socket.Admit() == nil {
		known.holds--
		if known.atLast {
			known.accepted, known.since = true, m.broadcasts
		}
	}
}

func (m *sessionModel) refuse(known *modelled, err error) {
	if known.socket.Refuse(err) != nil {
		return
	}
	m.pairs.mu.Lock()
	was := m.connected[known.socket] || m.ended[known.socket]
	m.pairs.mu.Unlock()
	m.state.Lock()
	defer m.state.Unlock()
	known.refused = known.refused || !was
}

// some returns one of the sockets, chosen by number.
func (m *sessionModel) some(number byte) *modelled {
	m.state.Lock()
	defer m.state.Unlock()
	if len(m.sockets) == 0 {
		return nil
	}
	return m.sockets[len(m.sockets)-1-int(number)%len(m.sockets)]
}
