package auth_test

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio/sockettest"
)

// check compares what the peer was told with what the socket is, after the old token has
// expired by every clock.
func (m *meeting) check() {
	m.t.Helper()
	inside := m.srv.Sockets()
	id, alive := "none", len(inside) == 1
	if alive {
		if lease := auth.Current(inside[0]); lease != nil {
			id = lease.Token.ID
		}
		if seen := m.token(); seen != id {
			m.t.Errorf("the socket has the token %s, and its handlers see %s", id, seen)
		}
	}
	guests := m.mode == "guest" || m.mode == "becomes guest"
	refreshed, refused := 0, 0
	for len(m.acks) > 0 {
		switch a := <-m.acks; {
		case a.Error != nil:
			refused++
		case a.left() > int64(oldLife/time.Second):
			refreshed++
		}
	}
	var told []string // the reasons
	if refusal := (*sockettest.ConnectError)(nil); errors.As(m.dialErr, &refusal) {
		told = append(told, refusal.Message)
	}
	for p := m.peer.Load(); p != nil && len(p.Events()) > 0; {
		if e, _ := p.Next(m.ctx); e.Name == "unauthorized" {
			told = append(told, fmt.Sprintf("%s", e.Args()[0]))
		}
	}
	switch {
	case len(inside) > 1:
		m.t.Errorf("%d sockets", len(inside))
	case id != "none" && id != "new":
		m.t.Errorf("the socket has the token %q", id)
	case alive && id == "none" && !guests:
		m.t.Error("a socket without a token is inside")
	case alive && m.mustEnd.Load():
		m.t.Error("the socket has not ended")
	case alive && refreshed > 0 != (id == "new") && m.repeats.Load() == 0:
		m.t.Errorf("%d refreshes were acknowledged, %d refused, and the token is %s", refreshed, refused, id)
	case m.repeats.Load() > 0: // a repeat that is refused is told by the event, too
	case !guests && (len(told) > 1 || alive && len(told) > 0), len(told) > 2:
		m.t.Errorf("a peer that is inside: %t was told %q", alive, told)
	}
	listed := map[bool]string{true: "running https://issuer/ada new", false: "guest / "}[id == "new"]
	m.lists(slices.Repeat([]string{listed}, count(alive))...)
	st := m.gate.Stats()
	if st.Held != 0 || st.Leased != count(id == "new") || st.Guests != count(alive && id == "none") || st.Panics != 0 || m.srv.Stats().Panics != 0 ||
		!guests && st.Expired+st.Revoked > 1 {
		m.t.Errorf("figures %+v of a socket with the token %s", st, id)
	}
	if _, old := m.revoked.Load("old"); !old && st.Revoked > 0 && st.Refreshes == 0 && m.repeats.Load() == 0 && !guests {
		m.t.Error("the socket was ended because of a token that it did not have")
	}
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// token asks a handler for the ID of its token.
func (m *meeting) token() string {
	got, err := m.peer.Load().EmitWithAck(m.ctx, "token")
	var id string
	if err == nil {
		err = got.Scan(&id)
	}
	if err != nil {
		return fmt.Sprint(err)
	}
	return id
}
