package auth_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/bustest"
)

// A recorder is a Bus that keeps the messages that its server has published.
type recorder struct {
	socketio.Bus
	mu   sync.Mutex
	sent []socketio.Message
}

func (b *recorder) wrap(opts *socketio.Options) {
	join := opts.Bus
	opts.Bus = func(deliver func(socketio.Message)) (bus socketio.Bus, err error) {
		b.Bus, err = join(deliver)
		return b, err
	}
}

func (b *recorder) Publish(m *socketio.Message) error {
	b.mu.Lock()
	b.sent = append(b.sent, *m)
	b.mu.Unlock()
	return b.Bus.Publish(m)
}

// replay publishes the recorded messages that contain text again. It returns their number.
func (b *recorder) replay(t *testing.T, text string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.sent {
		m := &b.sent[i]
		if strings.Contains(string(m.Payload), text) {
			n++
			if err := b.Bus.Publish(m); err != nil {
				t.Error(err)
			}
		}
	}
	return n
}

// An Unblock that arrives again does not end a block that was made after it.
func TestReplayedUnblock(t *testing.T) {
	inCluster(t, 1, auth.Options{}, func(hub *bustest.Hub, _ []socketio.NodeID, nodes []*fixture) {
		var server socketio.Options
		hub.Join(&server)
		bus := &recorder{}
		bus.wrap(&server)
		n, stop := startNode(nodes[0].t, server, auth.Options{})
		defer stop()
		compact := sign(issued("7"))
		block := func() {
			if _, err := n.gate.Block(n.ctx, "https://issuer", "ada", auth.RevokeOptions{}); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second)
			nodes[0].refusedAs("handshake", compact, "token_revoked")
		}
		block()
		if err := n.gate.Unblock(n.ctx, "https://issuer", "ada", ""); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		nodes[0].refusedAs("handshake", compact, "")
		block()
		if replayed := bus.replay(t, "remove"); replayed != 1 {
			t.Errorf("%d messages, want 1", replayed)
		}
		synctest.Wait()
		nodes[0].refusedAs("handshake", compact, "token_revoked")
	})
}

// Unblock ends a block that a node has made whose clock is ahead.
func TestUnblockOfABlockFromAFastClock(t *testing.T) {
	inCluster(t, 2, auth.Options{}, func(_ *bustest.Hub, ids []socketio.NodeID, nodes []*fixture) {
		at := time.Now().Add(time.Minute).UTC().Format(time.RFC3339Nano)
		add := `{"v":1,"add":[{"match":"1/sub/https:%2F%2Fissuer/ada","at":"` + at + `"},{"match":"1/sub/https:%2F%2Fissuer/adA","at":"` + at + `"}]}`
		for i, id := range ids {
			if err := nodes[1-i].srv.SendExtension(id, "auth:chat", []byte(add)); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		compact := sign(issued("7"))
		nodes[1].refusedAs("handshake", compact, "token_revoked")
		if err := nodes[0].gate.Unblock(nodes[0].ctx, "https://issuer", "ada", ""); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		for _, n := range nodes {
			n.refusedAs("handshake", compact, "")
			if got := n.gate.Stats().Denied; got != 1 {
				t.Errorf("%d entries, want 1", got)
			}
		}
	})
}
