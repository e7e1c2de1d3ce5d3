package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
)

// step runs one instruction of the fuzz program.
func (m *sessionModel) step(what, which byte) {
	if m.peerStep(what, which) {
		return
	}
	known := m.some(which % 4)
	switch {
	case what == 'T':
		time.Sleep(time.Duration(which) * 10 * time.Millisecond)
	case what == 'B':
		m.state.Lock()
		m.broadcasts++
		number := m.broadcasts
		m.state.Unlock()
		for _, name := range modelNamespaces {
			if n := m.f.srv.Lookup(name); n != nil {
				_ = n.To([]string{"room", "", "empty"}[which%3]).Emit("heard", number)
			}
		}
	case known == nil:
		synctest.Wait()
	case what == 'A':
		m.admit(known)
	case what == 'R':
		m.refuse(known, errors.New("no"))
	case what == 'r':
		m.refuse(known, &socketio.Ending{Message: "later", Temporary: true})
	case what == 'K':
		known.socket.Disconnect(errors.New("kicked"))
	case what == 'X':
		known.socket.Disconnect(&socketio.Ending{Temporary: true, WholeConnection: true})
	case what == 'J':
		if known.socket.Join("room") == nil {
			m.expectAccepted(known.socket, "Join")
		}
	case what == 'S':
		_ = known.socket.Emit("direct", []byte("x"))
	default:
		synctest.Wait()
	}
}

// peerStep runs an instruction of the peer. It returns false for an instruction of the server.
func (m *sessionModel) peerStep(what, which byte) bool {
	name, listed := modelNamespaces[which]
	if !listed {
		name = "/"
	}
	prefix := ""
	if name != "/" {
		prefix = name + ","
	}
	m.number++
	switch what {
	case 'C':
		m.send("0" + prefix)
	case 'D':
		m.send("1" + prefix)
	case 'E':
		m.send(fmt.Sprintf(`2%s["n",%d]`, prefix, m.number))
	case 'e':
		m.send(fmt.Sprintf(`2%s%d["n",%d,"\ud83d"]`, prefix, m.number, m.number))
	case 'b':
		m.send(fmt.Sprintf(`51-%s["n",%d,{"_placeholder":true,"num":0}]`, prefix, m.number))
		m.sendBinary()
	case 'a':
		m.send(fmt.Sprintf(`3%s%d[]`, prefix, which))
	case 'L':
		m.send(fmt.Sprintf(`2["login",%d]`, which))
	case 'l':
		m.send(fmt.Sprintf(`2/hold,["login",%d]`, which))
	case 'M':
		bad := []string{"", "9", "2", `2["n"`, `2{}`, `2["connect"]`, `59-["n"]`, `51-["n",{"_placeholder":true,"num":1}]`, `0{"a"}`, "1x", "3[]", `4"x"`, "2/unknown,[\"n\"]", strings.Repeat("2[", 99)}
		m.send(bad[int(which)%len(bad)])
	case 'm':
		m.sendBinary()
	case 'Q':
		m.hangUp(which%2 == 0)
	default:
		return false
	}
	return true
}

// send sends a packet, on a new connection if the previous one has closed.
func (m *sessionModel) send(packet string) {
	if m.conn != nil && m.conn.Send([]byte(packet)) == nil {
		return
	}
	conn, err := m.f.engine()
	if err != nil {
		return
	}
	m.conn = conn
	m.readers.Go(func() { m.listen(conn) })
	_ = conn.Send([]byte(packet))
}

func (m *sessionModel) sendBinary() {
	if m.conn != nil {
		_ = m.conn.SendBinary([]byte("x"))
	}
}

func (m *sessionModel) hangUp(politely bool) {
	switch {
	case m.conn == nil:
	case politely:
		_ = m.conn.Close()
	default:
		m.conn.Abort()
	}
	m.conn = nil
}

var (
	joinedPacket = regexp.MustCompile(`^0(/\w+)?,?\{"sid":"([^"]+)"\}`)
	heardPacket  = regexp.MustCompile(`^2(/\w+)?,?\["heard",(\d+)\]`)
)

// listen checks what the peer receives.
func (m *sessionModel) listen(conn *engineConn) {
	ids := map[string]string{} // of the namespaces that are joined
	for {
		data, binary, err := conn.Receive(m.f.ctx)
		if err != nil {
			return
		}
		if binary {
			continue
		}
		if joined := joinedPacket.FindStringSubmatch(string(data)); joined != nil {
			ids[joined[1]] = joined[2]
		}
		if heard := heardPacket.FindStringSubmatch(string(data)); heard != nil {
			var number int
			_, _ = fmt.Sscan(heard[2], &number)
			m.state.Lock()
			known := m.byID[ids[heard[1]]]
			if known == nil || !known.accepted || known.holds > 0 || known.refused || number < known.since {
				m.t.Errorf("%s received broadcast %d: %s", data, number, known)
			}
			m.state.Unlock()
		}
	}
}

// finish closes everything and checks that nothing is left.
func (m *sessionModel) finish() {
	patience, enough := context.WithTimeout(m.f.ctx, time.Minute)
	defer enough()
	if err := m.f.srv.Shutdown(patience); err != nil {
		m.t.Errorf("Shutdown: %v", err)
	}
	m.hangUp(false)
	m.readers.Wait()
	synctest.Wait()
	if left := m.f.srv.Remains(); left != "" {
		m.t.Errorf("left: %s", left)
	}
	if n := len(m.connected); n != 0 {
		m.t.Errorf("%d sockets never saw OnDisconnect", n)
	}
	for _, known := range m.sockets {
		if n := known.ends.Load(); n != 1 {
			m.t.Errorf("OnEnd of %v ran %d times", known.socket, n)
		}
	}
}
