package socketio_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing/synctest"

	"socketiojwt/socketio"
)

// A recoverer is a peer that knows only packets. It keeps what a client keeps to recover its
// session.
type recoverer struct {
	f         *fixture
	namespace string
	conn      *engineConn
	sid, pid  string
	offset    string
	packets   []string // received since the last call of take, with offsets written as "O"
	raw       []string // all packets received, as they were
	stop      context.CancelFunc
}

// recoverer joins a namespace with further members of the auth payload, which begin with a comma.
func (f *fixture) recoverer(namespace string, more ...string) *recoverer {
	f.t.Helper()
	p := &recoverer{f: f, namespace: namespace}
	p.connect(more...)
	return p
}

// connect connects, with the pid and offset of the session before, and waits for the answer.
func (p *recoverer) connect(more ...string) {
	p.f.t.Helper()
	p.begin(more...)
	synctest.Wait()
}

// begin is connect without waiting.
func (p *recoverer) begin(more ...string) {
	p.f.t.Helper()
	conn, err := p.f.engine()
	if err != nil {
		p.f.t.Fatal(err)
	}
	p.conn = conn
	ctx, cancel := context.WithCancel(p.f.ctx)
	p.stop = cancel
	received := make(chan string)
	go func() {
		defer close(received)
		for {
			data, _, err := conn.Receive(ctx)
			if err != nil {
				return
			}
			received <- string(data)
		}
	}()
	go func() {
		for packet := range received {
			p.receive(packet)
		}
	}()
	p.f.t.Cleanup(p.lose)
	p.send("0", p.payload(more...))
}

// payload returns the auth payload of a CONNECT.
func (p *recoverer) payload(more ...string) string {
	members := []string{}
	if p.pid != "" {
		members = append(members, `"pid":"`+p.pid+`"`)
		if p.offset != "" {
			members = append(members, `"offset":"`+p.offset+`"`)
		}
	}
	if members = append(members, more...); len(members) == 0 {
		return ""
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (p *recoverer) send(kind, payload string) {
	p.f.t.Helper()
	head := kind
	if p.namespace != "/" {
		head += p.namespace + ","
	}
	if err := p.conn.Send([]byte(head + payload)); err != nil {
		p.f.t.Fatal(err)
	}
}

// receive does what a client does with a packet.
func (p *recoverer) receive(packet string) {
	p.raw = append(p.raw, packet)
	body := strings.TrimPrefix(packet[1:], p.namespace+",")
	switch packet[:1] {
	case "0":
		var answer struct{ SID, PID string }
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			p.f.t.Errorf("answer to CONNECT %s: %v", packet, err)
		}
		packet = "connected"
		if p.pid != "" && p.pid == answer.PID {
			packet = "recovered"
		}
		p.sid, p.pid = answer.SID, answer.PID
	case "2", "5":
		var args []any
		if err := json.Unmarshal([]byte(body[strings.IndexByte(body, '['):]), &args); err == nil {
			if last, ok := args[len(args)-1].(string); ok {
				p.offset = last
				packet = strings.Replace(packet, `,"`+last+`"]`, `,"O"]`, 1)
			}
		}
	}
	p.packets = append(p.packets, packet)
}

// take waits until all goroutines are idle, and returns the packets received since the last call.
func (p *recoverer) take() string {
	synctest.Wait()
	packets := p.packets
	p.packets = nil
	return strings.Join(packets, " ")
}

// lose makes the connection end without any packet.
func (p *recoverer) lose() {
	p.stop()
	p.conn.Abort()
	synctest.Wait()
}

// keyed admits every socket, and takes the key of its session from the auth payload.
func keyed(srv *socketio.Server) { srv.Use(setKey) }

func setKey(_ context.Context, s *socketio.Socket) error {
	var auth struct{ Key, Refuse string }
	if err := json.Unmarshal(s.Handshake().Auth, &auth); err != nil && len(s.Handshake().Auth) > 0 {
		return err
	}
	s.SetRecoveryKey(auth.Key)
	if auth.Refuse != "" {
		return &socketio.Ending{Message: auth.Refuse}
	}
	return nil
}

// ada is the member of an auth payload that names the key of a session.
const ada = `"key":"ada"`
