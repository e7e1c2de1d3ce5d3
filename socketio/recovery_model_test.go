package socketio_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio/bustest"
)

// nodesWorld is a cluster whose clients lose their connections and come back on any node. It knows
// which events each client must receive.
type nodesWorld struct {
	t       *testing.T
	rand    *rand.Rand
	n       *nodes
	stalled []bool
	failing []bool
	whole   bool // no node fails
	peers   []*worldPeer
	events  int

	recovered, refused int
}

type worldPeer struct {
	*recoverer
	node  int
	lost  bool
	rooms map[string]bool
	due   []int // events of the session, in their order
	got   []heardEvent
}

type heardEvent struct {
	n      int
	offset string
}

// TestNothingIsMissedOrRepeatedOnNodes plays random steps. A client that was recovered has received
// each event of its session once, in the order of the log.
func TestNothingIsMissedOrRepeatedOnNodes(t *testing.T) {
	recovered, refused := 0, 0
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			w := &nodesWorld{t: t, whole: seed%2 == 0, rand: rand.New(rand.NewPCG(seed, 1)), n: &nodes{hub: bustest.New()}}
			w.n.hub.KeepLog()
			for range 3 {
				opts := recovering()
				w.n.ids = append(w.n.ids, w.n.hub.Join(&opts))
				f, stop := start(t, opts, keyed)
				defer stop()
				w.n.at = append(w.n.at, f)
			}
			w.stalled, w.failing = make([]bool, 3), make([]bool, 3)
			for i := range 4 {
				w.peers = append(w.peers, &worldPeer{recoverer: w.n.at[i%3].recoverer("/", ada), node: i % 3, rooms: map[string]bool{}})
			}
			synctest.Wait()
			for range 150 {
				w.step()
			}
			w.settle()
			for i, p := range w.peers {
				if p.lost {
					w.comes(p)
				}
				w.settle()
				w.check(i, p)
			}
			recovered, refused = recovered+w.recovered, refused+w.refused
			if w.whole && w.refused > 0 {
				t.Errorf("%d clients were not recovered, although all events are in the log", w.refused)
			}
			if t.Failed() {
				t.Logf("seed %d", seed)
			}
		})
		if t.Failed() {
			return
		}
	}
	t.Logf("%d recovered, %d refused", recovered, refused)
	if recovered < refused || refused == 0 {
		t.Error("the steps do not try out both")
	}
}

func (w *nodesWorld) step() {
	p := w.peers[w.rand.IntN(len(w.peers))]
	i := w.rand.IntN(3)
	switch w.rand.IntN(14) {
	case 0, 1, 2, 3, 4:
		w.broadcast(i)
	case 5, 6:
		w.own(p)
	case 7:
		w.move(p)
	case 8:
		if w.failing[i] {
			return
		}
		w.stalled[i] = !w.stalled[i]
		w.n.hub.Stall(w.n.ids[i], w.stalled[i])
	case 9:
		w.settle()
		w.failing[i] = !w.whole && !w.failing[i] && w.rand.IntN(3) == 0
		w.n.hub.Fail(w.n.ids[i], w.failing[i])
	case 10, 11:
		if !p.lost {
			w.loses(p)
		}
	default:
		if p.lost {
			w.comes(p)
		}
	}
}

// settle lets all nodes send everything that is recorded.
func (w *nodesWorld) settle() {
	for i := range w.stalled {
		w.stalled[i] = false
		w.n.hub.Stall(w.n.ids[i], false)
	}
	synctest.Wait()
	time.Sleep(20 * time.Millisecond) // clients wait for nodes that are behind
	synctest.Wait()
}

// broadcast emits an event on a node. One that fails reaches only its own sockets.
func (w *nodesWorld) broadcast(node int) {
	w.events++
	b := w.n.at[node].srv.Broadcast
	var rooms, except []string
	for _, room := range []string{"a", "b", w.peers[0].sid} {
		switch w.rand.IntN(5) {
		case 0, 1:
			rooms = append(rooms, room)
		case 2:
			except = append(except, room)
		}
	}
	if len(rooms) > 0 {
		b = b.To(rooms...)
	}
	in := func(p *worldPeer, list []string) bool {
		return slices.ContainsFunc(list, func(room string) bool { return p.rooms[room] || room == p.sid })
	}
	for _, p := range w.peers {
		if (len(rooms) == 0 || in(p, rooms)) && !in(p, except) && (!w.failing[node] || !p.lost && p.node == node) {
			p.due = append(p.due, w.events)
		}
	}
	emits(w.t, b.Except(except...), "e", w.events)
	synctest.Wait()
}

// own emits an event to one socket.
func (w *nodesWorld) own(p *worldPeer) {
	if p.lost {
		return
	}
	w.events++
	p.due = append(p.due, w.events)
	emits(w.t, w.n.at[p.node].socketOf(p.sid), "e", w.events)
	synctest.Wait()
}

// move makes a socket join or leave a room, when no event is on its way.
func (w *nodesWorld) move(p *worldPeer) {
	if p.lost {
		return
	}
	w.settle()
	s := w.n.at[p.node].socketOf(p.sid)
	room := []string{"a", "b"}[w.rand.IntN(2)]
	if p.rooms[room] = !p.rooms[room]; p.rooms[room] {
		if err := s.Join(room); err != nil {
			w.t.Error(err)
		}
	} else {
		s.Leave(room)
	}
}

// hears reads what the client has received since the last call.
func (p *worldPeer) hears() {
	for _, packet := range p.raw {
		if !strings.HasPrefix(packet, "2") {
			continue
		}
		var args []any
		if json.Unmarshal([]byte(packet[1:]), &args) != nil {
			continue
		}
		h := heardEvent{n: int(args[1].(float64))}
		h.offset, _ = args[len(args)-1].(string)
		p.got = append(p.got, h)
	}
	p.raw = nil
}

// loses ends the connection of a client. Its last events may not have arrived.
func (w *nodesWorld) loses(p *worldPeer) {
	synctest.Wait()
	p.lose()
	p.hears()
	p.lost = true
	if cut := w.rand.IntN(4); cut < len(p.got) && w.rand.IntN(2) == 0 {
		p.got = p.got[:len(p.got)-cut]
		p.offset = ""
		for _, h := range slices.Backward(p.got) {
			if h.offset != "" {
				p.offset = h.offset
				break
			}
		}
	}
}

// comes connects a client to any node.
func (w *nodesWorld) comes(p *worldPeer) {
	p.node = w.rand.IntN(3)
	p.f = w.n.at[p.node]
	pid := p.pid
	p.connect(ada)
	p.lost = false
	if w.stalled[p.node] || w.rand.IntN(2) == 0 {
		w.settle()
	}
	if p.pid == pid {
		w.recovered++
		p.hears()
		return
	}
	w.refused++
	p.rooms, p.due, p.got = map[string]bool{}, nil, nil
	// What this node has not sent yet is for the new socket, too.
	p.raw = nil
	w.settle()
	p.raw = nil
}

func (w *nodesWorld) check(i int, p *worldPeer) {
	p.hears()
	var got []int
	for _, h := range p.got {
		got = append(got, h.n)
	}
	if !slices.Equal(got, p.due) {
		w.t.Errorf("peer %d received\n%v, want\n%v", i, got, p.due)
	}
}
