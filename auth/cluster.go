package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"sync"
	"time"

	"socketiojwt/internal/logging"
	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio"
)

// Share joins the gate with the gates that share the same name on the other nodes of srv's
// cluster. What Revoke, Block and Unblock do on one of them, all of them do, within the delay
// of the bus, and a ticket of one is good on all. It needs socketio.Options.Bus; without it,
// Share does nothing. With a SharedDenylist, Share is only for the tickets.
//
// A node that has started asks the others for their entries when the first socket or request
// arrives. It admits sockets meanwhile, and ends those whose tokens it finds to be revoked. If
// no other node answers, it logs that and goes on with the entries that it has. It asks again when
// the bus reports that it may have missed messages, and at least every half hour. The entries of a
// node whose messages the bus has lost reach the others when the bus is back: see
// ErrOthersNotTold.
//
// Several gates of a server have different names. Share must be called once, before srv.Handler
// and before other methods of the gate. It fails if the name is empty or Share was called
// before, and panics as HandleExtension of srv does.
//
// A message of another node is believed: anyone who can write to the bus can revoke tokens.
// Malformed ones are logged and ignored. If a Block and an Unblock of the same subject
// cross on different nodes, some nodes may keep the block; call Unblock again then.
func (g *Gate) Share(srv *socketio.Server, name string) error {
	switch {
	case name == "":
		return errors.New("auth: Share: the name is empty; set one that differs from those of other gates")
	case g.tickets.shared():
		return errors.New("auth: Share was called before; a gate has one server and one name")
	}
	g.name = name
	g.shareTickets(srv, name)
	if g.sharedList() != nil {
		return nil
	}
	s := &share{gate: g, srv: srv, name: "auth:" + name, log: logging.Sampler{PerMinute: 10, Repeat: time.Minute}}
	srv.HandleExtension(s.name, s.receive)
	g.share = s
	return nil
}

// share is the gate's connection with other nodes. A nil share does nothing. Its goroutines
// live only while there is something to do.
type share struct {
	gate *Gate
	srv  *socketio.Server
	name string // of the extension
	log  logging.Sampler

	joined sync.Once

	mu      sync.Mutex
	timer   *time.Timer // of look
	sending sending
	fetch   fetch    // the one that has begun last
	ready   bool     // the others were asked, so this node may answer
	inbox   []letter // messages that have not been handled
	bytes   int      // their size
	working bool
	lost    bool      // messages were dropped, so the others must be asked again
	answers int       // questions that are being answered
	ended   bool      // the server is closed
	missed  uint64    // what the bus had reported when the others were asked last
	owed    bool      // entries may have been missed, and were not fetched since
	next    time.Time // when to ask them again
}

// letter is a message of another node.
type letter struct {
	from    socketio.NodeID
	payload []byte
}

// Bounds of the messages that wait, the questions that are answered at once, and the entries of
// a message.
const (
	mostLetters     = 10_000
	mostLetterBytes = 32 << 20
	mostAnswers     = 16
	mostAdded       = 100 // entries of one message
)

// noteVersion is the version of the messages.
const noteVersion = 1

// note is a message. It has one of the members beside the version.
type note struct {
	Version int          `json:"v"`
	Add     []Revocation `json:"add,omitempty"`
	Remove  *unblock     `json:"remove,omitempty"`
	Ask     *question    `json:"ask,omitempty"`
	Page    *page        `json:"page,omitempty"`
	Again   bool         `json:"again,omitempty"` // messages of the sender may have been lost: ask it
}

// An unblock ends a block. It has the time until which the block was made, so that it does not end a
// newer one if it arrives late, or again.
type unblock struct {
	Match     Match     `json:"match"`
	MadeUntil time.Time `json:"madeUntil"`
}

func (n note) encode() ([]byte, error) {
	n.Version = noteVersion
	return wirejson.Marshal(n)
}

// receive queues a message of another node. It must not block, but adding to a denylist may.
func (s *share) receive(from socketio.NodeID, payload []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.inbox) >= mostLetters || s.bytes+len(payload) > mostLetterBytes {
		s.lost = true
		return
	}
	s.inbox = append(s.inbox, letter{from, payload})
	s.bytes += len(payload)
	if !s.working {
		s.working = true
		go s.work()
	}
}

// work handles the messages, one after the other, until there are none.
func (s *share) work() {
	for {
		s.mu.Lock()
		if len(s.inbox) == 0 {
			lost := s.lost
			s.inbox, s.working, s.lost = nil, false, false
			s.mu.Unlock()
			if lost {
				s.warn("auth: too many messages of other nodes; some were dropped, and the entries are fetched again")
				s.ask(fetch{})
			}
			return
		}
		next := s.inbox[0]
		s.inbox = s.inbox[1:]
		s.bytes -= len(next.payload)
		s.mu.Unlock()
		s.handle(next)
	}
}

// handle carries out a message. Nothing in it is trusted to be well-formed.
func (s *share) handle(l letter) {
	var n note
	if err := wirejson.Unmarshal(l.payload, &n); err != nil || n.Version != noteVersion || len(n.Add) > mostAdded {
		hash := sha256.Sum256(l.payload)
		s.warn("auth: a message of another node was ignored, because it is malformed or of another version",
			"node", l.from, "version", n.Version, "bytes", len(l.payload), "hash", hex.EncodeToString(hash[:8]))
		return
	}
	for _, r := range n.Add {
		s.add(l.from, r)
	}
	switch {
	case n.Remove != nil:
		err := s.gate.remove(context.Background(), n.Remove.Match, n.Remove.MadeUntil)
		s.gate.audit(context.Background(), "auth: unblocked by another node", err, slog.Any("match", n.Remove.Match), slog.Any("node", l.from))
	case n.Ask != nil:
		s.answer(l.from, *n.Ask)
	case n.Page != nil:
		s.turn(l.from, *n.Page)
	case n.Again:
		s.called(l.from)
	}
}

// add carries out a revocation of another node.
func (s *share) add(from socketio.NodeID, r Revocation) {
	if err := r.Check(); err != nil || !r.lasts(time.Now()) {
		s.warn("auth: a revocation of another node was ignored, because it is invalid or has ended", "node", from, "error", err)
		return
	}
	ended, err := s.gate.revokeOnThisNode(context.Background(), r)
	s.gate.audit(context.Background(), "auth: revoked by another node", err, append(r.attrs(), slog.Int("sockets", ended), slog.Any("node", from))...)
}

// warn logs what other nodes can cause at will.
func (s *share) warn(msg string, attrs ...any) {
	s.log.Log(context.Background(), s.gate.opts.Logger, slog.LevelWarn, msg, msg, attrs...)
}
