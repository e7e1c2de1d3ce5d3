package replay_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"socketiojwt/engineio"
	"socketiojwt/socketio/internal/replay"
)

// A world is a namespace whose peers lose their connections, played with one step of one
// goroutine at a time. It knows which events each peer must receive, and checks that each peer
// receives them once, whatever the order of the steps.
type world struct {
	t      *testing.T
	rand   *rand.Rand
	log    *replay.Log
	drafts map[*engineio.Message]event
	peers  []*peer
	flight []*broadcast
	events int
	limit  int

	recovered, refused int
}

type event struct {
	name   string
	offset []byte
}

// broadcast is a broadcast that has chosen its sockets and has not been written to all of them.
type broadcast struct {
	number  uint64
	message *engineio.Message
	sockets []*socket
}

// peer is a client, and the session that the server has for it.
type peer struct {
	name     string
	session  *replay.Session
	socket   *socket // nil while the server knows that the connection is lost
	rooms    map[string]struct{}
	offset   string
	received []string
	due      map[string]bool // events of the session that it must receive
}

// socket is one connection of a peer. The network delivers sent events later, or never.
type socket struct {
	session *replay.Session
	live    bool
	dead    bool // the network is gone, and the server has not noticed
	sent    []*engineio.Message
}

var roomNames = []string{"a", "b", "c"}

func newWorld(t *testing.T, seed uint64, budget, limit int) *world {
	w := &world{t: t, rand: rand.New(rand.NewPCG(seed, 1)), drafts: make(map[*engineio.Message]event), limit: limit}
	w.log = replay.NewLog(replay.NewBudget(budget))
	for i := range 3 {
		w.peers = append(w.peers, &peer{name: fmt.Sprint("peer", i)})
		w.begin(w.peers[i])
	}
	return w
}

func (w *world) begin(p *peer) {
	p.session = w.log.Begin(p.name, w.limit)
	p.rooms, p.due, p.received = make(map[string]struct{}), make(map[string]bool), nil
	p.socket = &socket{session: p.session, live: true}
	// The offset stays, as in the JavaScript client.
}

func (w *world) draft() (string, *replay.Draft) {
	w.events++
	name := fmt.Sprint("event", w.events)
	text := append([]byte(name), make([]byte, replay.OffsetSize)...)
	d := &replay.Draft{Message: engineio.NewMessage(text), Offset: text[len(name):], Size: 100}
	w.drafts[d.Message] = event{name, d.Offset}
	return name, d
}

func (w *world) target() (to replay.Target) {
	for _, name := range append([]string{"peer0", "peer1"}, roomNames...) {
		switch w.rand.IntN(6) {
		case 0, 1:
			to.Rooms = append(to.Rooms, name)
		case 2:
			to.Except = append(to.Except, name)
		}
	}
	to.All = len(to.Rooms) == 0
	return to
}

func (p *peer) in(rooms []string) bool {
	return slices.ContainsFunc(rooms, func(room string) bool { _, in := p.rooms[room]; return in || room == p.name })
}

// step does one random thing.
func (w *world) step() {
	p := w.peers[w.rand.IntN(len(w.peers))]
	switch w.rand.IntN(10) {
	case 0, 1:
		w.broadcast()
	case 2, 3, 4:
		w.write()
	case 5:
		if p.socket != nil {
			name, d := w.draft()
			p.session.SendOnly(d)
			p.due[name] = true
			p.socket.sent = append(p.socket.sent, d.Message)
		}
	case 6:
		w.move(p)
	case 7, 8:
		w.deliver(p)
	default:
		w.connection(p)
	}
}

func (w *world) broadcast() {
	name, d := w.draft()
	to := w.target()
	b := &broadcast{message: d.Message}
	for _, p := range w.peers {
		if (to.All || p.in(to.Rooms)) && !p.in(to.Except) {
			p.due[name] = true
			if p.socket != nil {
				b.sockets = append(b.sockets, p.socket)
			}
		}
	}
	b.number = w.log.Record(d, to)
	w.rand.Shuffle(len(b.sockets), func(i, j int) { b.sockets[i], b.sockets[j] = b.sockets[j], b.sockets[i] })
	w.flight = append(w.flight, b)
}

// write writes one of the broadcasts to one more socket.
func (w *world) write() {
	if len(w.flight) == 0 {
		return
	}
	i := w.rand.IntN(len(w.flight))
	b := w.flight[i]
	if len(b.sockets) == 0 {
		w.log.Done(b.number)
		w.flight = slices.Delete(w.flight, i, i+1)
		return
	}
	s := b.sockets[0]
	b.sockets = b.sockets[1:]
	if !s.live {
		s.session.Missed(b.number)
		return
	}
	s.session.Sent(b.number)
	s.sent = append(s.sent, b.message)
}

func (w *world) move(p *peer) {
	room := roomNames[w.rand.IntN(len(roomNames))]
	if p.socket == nil {
		return
	}
	if _, in := p.rooms[room]; in {
		delete(p.rooms, room)
		p.session.Left(room)
	} else {
		p.rooms[room] = struct{}{}
		p.session.Joined(room)
	}
}

// deliver lets the peer receive the next event of its connection.
func (w *world) deliver(p *peer) {
	if p.socket == nil || p.socket.dead || len(p.socket.sent) == 0 {
		return
	}
	e := w.drafts[p.socket.sent[0]]
	p.socket.sent = p.socket.sent[1:]
	p.received = append(p.received, e.name)
	p.offset = string(e.offset)
}

// connection makes progress with the loss of a connection, or its recovery.
func (w *world) connection(p *peer) {
	switch {
	case p.socket == nil:
		w.connect(p)
	case p.socket.dead:
		p.socket.live = false
		p.socket = nil
		if !p.session.Lose(maps.Clone(p.rooms)) {
			w.refused++
			p.session.End()
			w.begin(p)
		}
	case w.rand.IntN(3) == 0:
		p.socket.dead = true
	}
}

func (w *world) connect(p *peer) {
	plan, ok := p.session.Plan(p.offset)
	for ok && w.rand.IntN(2) == 0 { // between the plan and its end
		w.broadcast()
		w.write()
		if w.rand.IntN(3) == 0 {
			plan.CatchUp()
		}
	}
	if !ok || !plan.Resume() {
		w.refused++
		p.session.End()
		w.begin(p)
		return
	}
	w.recovered++
	p.socket = &socket{session: p.session, live: true, sent: plan.Missed}
}

// settle lets everything arrive, and compares what each peer has received with what was due.
func (w *world) settle() {
	for len(w.flight) > 0 {
		w.write()
	}
	for _, p := range w.peers {
		for p.socket == nil || p.socket.dead {
			w.connection(p)
			for len(w.flight) > 0 {
				w.write()
			}
		}
		for len(p.socket.sent) > 0 {
			w.deliver(p)
		}
		got := slices.Sorted(slices.Values(p.received))
		if want := slices.Sorted(maps.Keys(p.due)); !slices.Equal(got, want) {
			w.t.Errorf("%s received %q, want %q", p.name, got, want)
		}
	}
}

func TestNothingIsMissedOrRepeated(t *testing.T) {
	for _, test := range []struct {
		name          string
		budget, limit int
	}{
		{"unlimited", 1 << 30, 1 << 20},
		{"small log", 9000, 1 << 20},
		{"small sessions", 1 << 30, 400},
		{"nothing is kept", 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			recovered, refused := 0, 0
			for seed := range uint64(300) {
				w := newWorld(t, seed, test.budget, test.limit)
				for range 3 {
					for range 100 {
						w.step()
					}
					w.settle()
				}
				recovered, refused = recovered+w.recovered, refused+w.refused
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
			t.Logf("%d recovered, %d refused", recovered, refused)
			if test.budget > 0 && recovered < 150 {
				t.Errorf("%d recovered, %d refused: too few to test anything", recovered, refused)
			}
		})
	}
}
