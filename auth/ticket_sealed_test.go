package auth_test

import (
	"strings"
	"sync"
	"testing"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/bustest"
)

// A spy records what a node sends, and may change it.
type spy struct {
	socketio.Bus
	mu     sync.Mutex
	sent   [][]byte
	change func(*socketio.Message)
}

func (b *spy) wrap(opts *socketio.Options) {
	join := opts.Bus
	opts.Bus = func(deliver func(socketio.Message)) (_ socketio.Bus, err error) {
		b.Bus, err = join(deliver)
		return b, err
	}
}

func (b *spy) see(m *socketio.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent = append(b.sent, m.Payload)
	if b.change != nil {
		b.change(m)
	}
}

func (b *spy) Publish(m *socketio.Message) error {
	seen := *m
	b.see(&seen)
	return b.Bus.Publish(&seen)
}

func (b *spy) Reply(to socketio.NodeID, m *socketio.Message) error {
	seen := *m
	b.see(&seen)
	return b.Bus.Reply(to, &seen)
}

// The bus carries neither the token of a ticket nor its claims, and a node takes no ticket that
// was not sealed for its question.
func TestTicketsAreSealed(t *testing.T) {
	opts := ticketed()
	opts.KeepEncoded = true
	inCluster(t, 1, opts, func(hub *bustest.Hub, _ []socketio.NodeID, nodes []*fixture) {
		var server socketio.Options
		hub.Join(&server)
		bus := new(spy)
		bus.wrap(&server)
		maker, stop := startNode(nodes[0].t, server, opts)
		defer stop()
		asker := nodes[0]
		compact := sign(claims{"sub": "ada", "email": "ada@example"})
		p := asker.dial(inQuery(maker.ticket(compact, "", auth.TicketOptions{})))
		if got := asker.whoami(p); got != "ada" {
			t.Errorf("it is %q", got)
		}
		var answer []byte
		bus.mu.Lock()
		for _, payload := range bus.sent {
			text := string(payload)
			if strings.Contains(text, `"found"`) {
				answer = payload
			}
			for _, secret := range append(strings.Split(compact, "."), "ada") {
				if strings.Contains(text, secret) {
					t.Errorf("the bus carries %q in %s", secret, text)
				}
			}
		}
		if answer == nil {
			t.Error("no answer was seen")
		}
		_, found, _ := strings.Cut(string(answer), `"found":`)
		bus.change = func(m *socketio.Message) { // the answer to another question
			if head, _, ok := strings.Cut(string(m.Payload), `"found":`); ok {
				m.Payload = []byte(head + `"found":` + found)
			}
		}
		bus.mu.Unlock()
		asker.refusedTicket("another answer", inQuery(maker.ticket(compact, "", auth.TicketOptions{})))
		if log := asker.log.String(); !strings.Contains(log, "an answer about a ticket was ignored") || strings.Contains(log, compact) {
			t.Errorf("log:\n%s", log)
		}
	})
}
