package auth_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing/synctest"

	"socketiojwt/internal/engineclient"
	"socketiojwt/socketio"
)

// recoverer is a peer of "/" that knows only packets, and keeps what a client keeps to recover
// its session.
type recoverer struct {
	f           *fixture
	conn        *engineclient.Conn
	pid, offset string
	got         []string       // packets
	payload     map[string]any // more members of the auth payload
	told        string         // arguments of the last event
}

// connect connects with a token, and waits for the answer.
func (p *recoverer) connect(compact string) {
	p.f.t.Helper()
	network := &http.Transport{DialContext: p.f.in.Dial}
	conn, err := engineclient.Dial(p.f.ctx, "http://server/socket.io/", engineclient.Options{HTTPClient: &http.Client{Transport: network}})
	if err != nil {
		p.f.t.Fatal(err)
	}
	p.conn, p.got = conn, nil
	p.f.t.Cleanup(conn.Abort)
	go p.read()
	payload := map[string]any{}
	maps.Copy(payload, p.payload)
	for name, value := range map[string]string{"token": compact, "pid": p.pid, "offset": p.offset} {
		if value != "" {
			payload[name] = value
		}
	}
	auth, err := json.Marshal(payload)
	if err != nil {
		p.f.t.Fatal(err)
	}
	p.send("40" + string(auth))
	synctest.Wait()
}

func (p *recoverer) read() {
	for {
		data, _, err := p.conn.Receive(p.f.ctx)
		if err != nil {
			return
		}
		packet := string(data)
		switch packet[0] {
		case '0':
			var answer struct{ PID string }
			_ = json.Unmarshal(data[1:], &answer)
			packet = "connected"
			if answer.PID != "" && answer.PID == p.pid {
				packet = "recovered"
			}
			p.pid = answer.PID
		case '2':
			_, array, _ := strings.Cut(packet, "[")
			var args []any
			if err := json.Unmarshal([]byte("["+array), &args); err != nil {
				p.f.t.Errorf("event %s: %v", packet, err)
				continue
			}
			packet = args[0].(string)
			if told, err := json.Marshal(args[1:]); err == nil {
				p.told = string(told)
			}
			if last, ok := args[len(args)-1].(string); ok {
				p.offset = last
			}
		case '4':
			packet = "refused"
		}
		p.got = append(p.got, packet)
	}
}

func (p *recoverer) send(packet string) {
	p.f.t.Helper()
	if err := p.conn.Send(p.f.ctx, []byte(packet[1:])); err != nil {
		p.f.t.Fatal(err)
	}
}

func (p *recoverer) lose() {
	p.conn.Abort()
	synctest.Wait()
}

func (p *recoverer) expect(what string, want ...string) {
	p.f.t.Helper()
	synctest.Wait()
	if got, want := strings.Join(p.got, " "), strings.Join(want, " "); got != want {
		p.f.t.Errorf("%s: got %q, want %q", what, got, want)
	}
	p.got = nil
}

// recovering is a server that recovers sessions, with all their rooms.
func recovering() socketio.Options {
	return socketio.Options{Recovery: &socketio.Recovery{RestoreRoom: func(*socketio.Socket, string) bool { return true }}}
}
