package auth

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"socketiojwt/internal/logging"
	"socketiojwt/internal/mac"
	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

const (
	// ticketPatience is how long the node that has made a ticket may take to answer.
	ticketPatience = 2 * time.Second
	// mostTicketQuestions bounds the tickets that other nodes are asked for at once.
	mostTicketQuestions = 1000
	ticketVersion       = 2
)

// ticketShare asks other nodes for the tickets that they have made.
type ticketShare struct {
	srv  *socketio.Server
	name string // of the extension
	log  *slog.Logger
	rate logging.Sampler // of log
	aead cipher.AEAD     // of answers
	of   ticketMemory

	mu    sync.Mutex
	asked map[[16]byte]chan *ticketTold // by the ID of the question
}

// ticketMessage is a question for a ticket, or the answer of the node that has made it.
type ticketMessage struct {
	Version int    `json:"v"`
	ID      []byte `json:"id"` // of the question

	Node   []byte `json:"node,omitzero"`   // of a question: which node has made the ticket
	Ticket []byte `json:"ticket,omitzero"` // of a question: the hash of the ticket

	Answer bool   `json:"answer,omitzero"`
	Found  []byte `json:"found,omitzero"` // of an answer: the ticket, which the asker has now; see seal
}

// ticketTold is a ticket for another node. It contains a credential if Options.KeepEncoded is set,
// and else the claims of a user, so it is sealed.
type ticketTold struct {
	Token     json.RawMessage `json:"token"`
	Until     *time.Time      `json:"until"` // the zero time means never; nil is malformed
	Encoded   string          `json:"encoded,omitzero"`
	Namespace string          `json:"namespace"`
	Origin    string          `json:"origin,omitzero"`
}

// shareTickets makes the tickets of the gates of this name good on all nodes. It must be
// called before srv.Handler.
func (g *Gate) shareTickets(srv *socketio.Server, name string) {
	ts := g.tickets
	name = "auth.ticket:" + name
	key := srv.ExtensionKey(name)
	s := &ticketShare{srv: srv, name: name, log: g.opts.Logger, rate: logging.Sampler{PerMinute: 10, Repeat: time.Minute}, aead: newAEAD(srv.ExtensionKey(name + " sealed")), asked: make(map[[16]byte]chan *ticketTold)}
	ts.mu.Lock()
	ts.key, ts.share = mac.New(key[:]), s
	ts.mu.Unlock()
	srv.HandleExtension(name, func(from socketio.NodeID, payload []byte) { ts.receive(s, from, payload) })
}

// newAEAD returns AES-256 in GCM with random nonces.
func newAEAD(key [32]byte) cipher.AEAD {
	block, _ := aes.NewCipher(key[:]) // fails only for other lengths of a key
	aead, _ := cipher.NewGCMWithRandomNonce(block)
	return aead
}

// seal encrypts a ticket under a key of the cluster, as the answer to the question with this ID. It
// returns nil if the token cannot be sent.
func (s *ticketShare) seal(question []byte, t *ticket) []byte {
	told := t.told()
	if told == nil {
		return nil
	}
	text, err := json.Marshal(told)
	if err != nil {
		return nil
	}
	return s.aead.Seal(nil, nil, text, question)
}

// unseal returns the ticket in the answer to a question, or nil if there is none.
func (s *ticketShare) unseal(question, sealed []byte) (*ticketTold, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	text, err := s.aead.Open(nil, nil, sealed, question)
	if err != nil {
		return nil, errors.New("auth: the ticket is not from a gate of this name in a cluster with this ClusterKey")
	}
	told := new(ticketTold)
	if err := wirejson.UnmarshalKnown(text, told); err != nil {
		return nil, err
	}
	return told, nil
}

// shared reports whether other nodes take the tickets too.
func (ts *tickets) shared() bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.share != nil
}

// ask asks the other nodes for a ticket. The one that has made it decides who gets it.
func (ts *tickets) ask(ctx context.Context, id ticketID) (*ticket, error) {
	ts.mu.Lock()
	s := ts.share
	ts.mu.Unlock()
	if s == nil {
		return nil, fmt.Errorf("%w: another process has made it, and the gate is not shared", errTicket)
	}
	patience, err := s.of.begin(id)
	if err != nil {
		return nil, err
	}
	answered, late := false, false
	defer func() { s.of.end(id, answered, late) }()
	within, cancel := halfOf(ctx)
	defer cancel()
	within, cancel = context.WithTimeout(within, patience)
	defer cancel()
	question, answer, err := s.open()
	if err != nil {
		return nil, err
	}
	defer s.forget(question)
	node, hash := id.node(), id.hash()
	payload, err := json.Marshal(ticketMessage{Version: ticketVersion, ID: question[:], Node: node[:], Ticket: hash[:]})
	if err == nil {
		err = s.srv.PublishExtension(s.name, payload)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: the node that has made it could not be asked: %w", errTicket, err)
	}
	select {
	case told := <-answer:
		answered = true
		return told.ticket()
	case <-within.Done():
		late = ctx.Err() == nil // else the socket has ended
		return nil, fmt.Errorf("%w: the node that has made it did not answer, or has restarted", errTicket)
	}
}

// open returns the ID of a new question and the channel of its answer.
func (s *ticketShare) open() (question [16]byte, answer chan *ticketTold, err error) {
	_, _ = rand.Read(question[:]) // never fails
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asked) >= mostTicketQuestions {
		return question, nil, fmt.Errorf("%w: other nodes are being asked for too many tickets", errOverloaded)
	}
	answer = make(chan *ticketTold, 1)
	s.asked[question] = answer
	return question, answer, nil
}

// forget ends a question.
func (s *ticketShare) forget(question [16]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.asked, question)
}

// receive handles a message of another node. It does not block.
func (ts *tickets) receive(s *ticketShare, from socketio.NodeID, payload []byte) {
	var m ticketMessage
	if err := wirejson.UnmarshalKnown(payload, &m); err != nil || m.Version != ticketVersion || len(m.ID) != 16 {
		s.warn("auth: a message about tickets was ignored, because it is malformed or of another version", "node", from)
		return
	}
	if m.Answer {
		question := [16]byte(m.ID)
		found, err := s.unseal(m.ID, m.Found)
		if err != nil {
			s.warn("auth: an answer about a ticket was ignored", "node", from, "error", err)
			return
		}
		s.mu.Lock()
		answer := s.asked[question]
		delete(s.asked, question)
		s.mu.Unlock()
		if answer != nil {
			answer <- found
		}
		return
	}
	if len(m.Ticket) != len(digest{}) || string(m.Node) != string(ts.node[:]) {
		return
	}
	answer := ticketMessage{Version: ticketVersion, ID: m.ID, Answer: true}
	if taken := ts.take(digest(m.Ticket)); taken != nil {
		answer.Found = s.seal(m.ID, taken)
	}
	told, err := json.Marshal(answer)
	if err == nil {
		err = s.srv.SendExtension(from, s.name, told)
	}
	if err != nil {
		s.warn("auth: another node did not get the ticket that it asked for", "node", from, "error", err)
	}
}

// warn logs a warning that other nodes can cause at will.
func (s *ticketShare) warn(message string, attrs ...any) {
	s.rate.Log(context.Background(), s.log, slog.LevelWarn, message, message, attrs...)
}

// told returns the ticket for another node, or nil if its token cannot be sent.
func (t *ticket) told() *ticketTold {
	exported, err := token.Export(t.lease.Token)
	if err != nil {
		return nil
	}
	return &ticketTold{Token: exported, Until: &t.lease.Until, Encoded: t.lease.Encoded, Namespace: t.namespace, Origin: t.origin}
}

// ticket returns the ticket that another node has sent. A nil t means that there is none.
func (t *ticketTold) ticket() (*ticket, error) {
	if t == nil {
		return nil, fmt.Errorf("%w: it was used, or has expired", errTicket)
	}
	imported, err := token.Import(t.Token)
	if err != nil {
		return nil, fmt.Errorf("%w: the node that has made it sent something else: %w", errTicket, err)
	}
	if t.Until == nil {
		return nil, fmt.Errorf("%w: the node that has made it did not send its end", errTicket)
	}
	return &ticket{lease: &Lease{Token: imported, Until: *t.Until, Encoded: t.Encoded}, namespace: t.Namespace, origin: t.Origin}, nil
}
