package redisbus_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"socketiojwt/internal/engineclient"
	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
	"socketiojwt/socketio"
)

// A recoverer is a peer of "/" that keeps what a client keeps to recover its session.
type recoverer struct {
	n        *node
	conn     *engineclient.Conn
	answered chan struct{} // closed when the server has answered CONNECT
	opened   chan struct{} // closed when OnConnect has returned

	mu               sync.Mutex
	sid, pid, offset string
	got              []string // the names of events, and "connected" or "recovered"
}

// connect connects to a node as a user, and waits for the answer.
func (p *recoverer) connect(n *node, user string) {
	n.t.Helper()
	p.dial(n)
	if err := p.join(user); err != nil {
		n.t.Fatal(err)
	}
}

// dial opens a connection to a node.
func (p *recoverer) dial(n *node) {
	n.t.Helper()
	p.n = n
	conn, err := engineclient.Dial(n.ctx, n.web.URL+"/socket.io/", engineclient.Options{})
	if err != nil {
		n.t.Fatal(err)
	}
	p.conn = conn
	n.t.Cleanup(conn.Abort)
}

// join sends CONNECT as a user, and waits for the answer, and until OnConnect has returned: a socket
// that is lost before cannot be recovered.
func (p *recoverer) join(user string) error {
	n, conn := p.n, p.conn
	payload := map[string]string{"user": user}
	p.mu.Lock()
	p.got, p.answered, p.opened = nil, make(chan struct{}), make(chan struct{})
	if p.pid != "" {
		payload["pid"] = p.pid
	}
	if p.offset != "" {
		payload["offset"] = p.offset
	}
	p.mu.Unlock()
	auth, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	go p.read(conn)
	if err := conn.Send(n.ctx, append([]byte("0"), auth...)); err != nil {
		return err
	}
	select {
	case <-p.answered:
	case <-n.ctx.Done():
		return errors.New("CONNECT was not answered")
	}
	if err := conn.Send(n.ctx, []byte(`20["opened"]`)); err != nil {
		return err
	}
	select {
	case <-p.opened:
		return nil
	case <-n.ctx.Done():
		return errors.New("OnConnect has not returned")
	}
}

func (p *recoverer) read(conn *engineclient.Conn) {
	for {
		data, binary, err := conn.Receive(context.Background())
		if err != nil {
			return
		}
		if binary {
			continue
		}
		p.receive(string(data))
	}
}

func (p *recoverer) receive(packet string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch packet[0] {
	case '0':
		var answer struct{ SID, PID string }
		_ = json.Unmarshal([]byte(packet[1:]), &answer)
		said := "connected"
		if p.pid != "" && p.pid == answer.PID {
			said = "recovered"
		}
		p.sid, p.pid = answer.SID, answer.PID
		p.got = append(p.got, said)
		close(p.answered)
	case '3': // acknowledges "opened"
		close(p.opened)
	case '2', '5':
		_, array, _ := strings.Cut(packet, "[")
		var args []any
		if json.Unmarshal([]byte("["+array), &args) != nil {
			return
		}
		p.got = append(p.got, fmt.Sprint(args[0]))
		if last, ok := args[len(args)-1].(string); ok {
			p.offset = last
		}
	}
}

func (p *recoverer) all() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.got...)
}

// until waits until one of the texts was received.
func (p *recoverer) until(texts ...string) {
	p.n.t.Helper()
	redistest.Eventually(p.n.t, "one of "+strings.Join(texts, ", "), func() bool {
		for _, got := range p.all() {
			for _, text := range texts {
				if got == text {
					return true
				}
			}
		}
		return false
	})
}

// expect waits for an event "end", which it sends from a node to all, and compares what was received
// before.
func (p *recoverer) expect(what string, want ...string) {
	p.n.t.Helper()
	if err := p.n.Emit("end"); err != nil {
		p.n.t.Fatal(err)
	}
	p.until("end")
	p.mu.Lock()
	got := strings.Join(p.got, " ")
	p.got = nil
	p.mu.Unlock()
	if want := strings.Join(append(want, "end"), " "); got != want {
		p.n.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// lose ends the connection without a packet, and waits until the session is kept.
func (p *recoverer) lose() {
	p.n.t.Helper()
	p.conn.Abort()
	sid := p.sid
	redistest.Eventually(p.n.t, "the loss to be noticed", func() bool { return len(p.n.To(sid).Local().Sockets()) == 0 })
}

// kept waits until the sessions of peers are kept.
func kept(t testing.TB, redis *redistest.Server, peers ...*recoverer) {
	t.Helper()
	for _, p := range peers {
		redistest.Eventually(t, "the session to be kept", func() bool { return fmt.Sprint(redis.Do("EXISTS", "sio:session:"+p.pid)) == "1" })
	}
}

// records waits until what a node emits is recorded, and the sessions of its sockets are kept.
func records(t testing.TB, redis *redistest.Server, n *node) {
	t.Helper()
	redistest.Eventually(t, "an epoch", func() bool {
		p := &recoverer{}
		p.connect(n, "probe")
		_ = n.To(p.sid).Emit("probe")
		p.until("probe")
		p.conn.Abort()
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.offset != "" && fmt.Sprint(redis.Do("EXISTS", "socket.io-go:epoch:"+string(n.bus.ID()))) == "1"
	})
}

// users admits each peer as the user that it names.
func users(srv *socketio.Server) {
	srv.Use(func(_ context.Context, s *socketio.Socket) error {
		var auth struct{ User string }
		if err := json.Unmarshal(s.Handshake().Auth, &auth); err != nil {
			return err
		}
		s.SetRecoveryKey(auth.User)
		return nil
	})
	srv.OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Join("room") })
	srv.Handle("opened", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error { return e.Ack() })
}

// recovery are the options of servers that recover sessions.
var recovery = &socketio.Recovery{Window: time.Minute, RestoreRoom: func(*socketio.Socket, string) bool { return true }}

// recovering starts nodes that recover sessions of each other.
func recovering(t testing.TB, redis *redistest.Server, opts redisbus.Options, count int) []*node {
	t.Helper()
	opts.Wire = redisbus.Streams
	var nodes []*node
	for range count {
		nodes = append(nodes, startRecovering(t, redis.Addr(), opts, recovery, users))
	}
	return nodes
}
