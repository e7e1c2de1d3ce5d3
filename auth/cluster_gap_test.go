package auth_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/bustest"
	"socketiojwt/socketio/sockettest"
)

// A gappy bus loses the messages for this node and of this node while it is cut off. It reports
// that it is not connected if it is honest, and otherwise how many messages of this node were lost.
type gappy struct {
	socketio.Bus
	cut     atomic.Bool
	gaps    atomic.Uint64
	dropped atomic.Uint64
	looks   atomic.Uint64 // calls of Health
	again   atomic.Uint64 // messages that ask to be asked
	honest  bool
}

// drop drops a message. A bus that does not know that it is cut off reports that later.
func (b *gappy) drop() error {
	if !b.honest {
		time.AfterFunc(2*time.Second, func() { b.dropped.Add(1) })
	}
	return nil
}

func (b *gappy) Publish(m *socketio.Message) error {
	if b.cut.Load() {
		return b.drop()
	}
	if strings.Contains(string(m.Payload), `"again":true`) {
		b.again.Add(1)
	}
	return b.Bus.Publish(m)
}

func (b *gappy) Reply(to socketio.NodeID, m *socketio.Message) error {
	if b.cut.Load() {
		return b.drop()
	}
	return b.Bus.Reply(to, m)
}

// wrap makes a server use the bus.
func (b *gappy) wrap(opts *socketio.Options) {
	join := opts.Bus
	opts.Bus = func(deliver func(socketio.Message)) (socketio.Bus, error) {
		bus, err := join(func(m socketio.Message) {
			if !b.cut.Load() {
				deliver(m)
			}
		})
		b.Bus = bus
		return b, err
	}
}

func (b *gappy) Health() socketio.BusHealth {
	b.looks.Add(1)
	return socketio.BusHealth{Connected: !b.honest || !b.cut.Load(), Gaps: b.gaps.Load(), Dropped: b.dropped.Load()}
}

// mend ends the interruption.
func (b *gappy) mend() {
	b.cut.Store(false)
	if b.honest {
		b.gaps.Add(1)
	}
}

// A node that the bus could not reach asks the others for what it missed: soon if the bus reports
// the interruption, and some time later if it does not.
func TestNodeThatWasCutOffAsksAgain(t *testing.T) {
	for name, c := range map[string]struct {
		honest bool
		within time.Duration
	}{"reported": {true, 15 * time.Second}, "not reported": {false, 31 * time.Minute}} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 1, auth.Options{}, func(hub *bustest.Hub, _ []socketio.NodeID, nodes []*fixture) {
				var server socketio.Options
				hub.Join(&server)
				bus := &gappy{honest: c.honest}
				bus.wrap(&server)
				n, stop := startNode(nodes[0].t, server, auth.Options{})
				defer stop()
				nodes[0].dial(sockettest.Options{Auth: bearing(sign(claims{"sub": "eve"}))})
				p := n.dial(sockettest.Options{Auth: bearing(sign(named("7")))})
				time.Sleep(20 * time.Second)
				bus.cut.Store(true)
				nodes[0].revoke(ada, auth.RevokeOptions{}, 0)
				time.Sleep(time.Minute)
				if got := n.whoami(p); got != "ada" {
					t.Errorf("it is %s", got)
				}
				bus.mend()
				time.Sleep(c.within)
				if told, _ := n.unauthorized(p); told.Reason != "token_revoked" {
					t.Errorf("told %+v", told)
				}
				if got := n.gate.Stats().Denied; got != 1 {
					t.Errorf("%d entries, want 1", got)
				}
			})
		})
	}
}

// A node that could not store all entries fetches them again when it has room.
func TestFailedFetchIsRepeated(t *testing.T) {
	inCluster(t, 1, auth.Options{}, func(hub *bustest.Hub, _ []socketio.NodeID, nodes []*fixture) {
		nodes[0].dial(sockettest.Options{Auth: bearing(sign(claims{"sub": "eve"}))})
		time.Sleep(10 * time.Second)
		nodes[0].revoke(ada, auth.RevokeOptions{Until: time.Now().Add(time.Hour)}, 0)
		nodes[0].revoke(auth.BySubject("https://issuer", "bob"), auth.RevokeOptions{Until: time.Now().Add(time.Hour)}, 0)
		var server socketio.Options
		hub.Join(&server)
		list := auth.NewDenylist(auth.DenylistOptions{MaxEntries: 2})
		if err := list.Add(t.Context(), auth.Revocation{Match: auth.BySubject("i", "x"), Until: time.Now().Add(30 * time.Second)}); err != nil {
			t.Fatal(err)
		}
		n, stop := startNode(nodes[0].t, server, auth.Options{Denylist: list})
		defer stop()
		n.dial(sockettest.Options{Auth: bearing(sign(claims{"sub": "eve"}))})
		time.Sleep(5 * time.Second)
		if !strings.Contains(n.log.String(), "could not be stored") {
			t.Errorf("log:\n%s", n.log.String())
		}
		time.Sleep(3 * time.Minute)
		n.refusedAs("handshake", sign(named("7")), "token_revoked")
		if !strings.Contains(n.log.String(), "were fetched from another node") {
			t.Errorf("log:\n%s", n.log.String())
		}
	})
}
