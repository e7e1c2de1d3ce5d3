package auth

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"socketiojwt/socketio"
)

// question asks other nodes for their entries.
type question struct {
	ID    string `json:"id"`    // random
	After string `json:"after"` // the ID of an entry; see Denylist.List
}

// page is the answer: entries in the order of their IDs.
type page struct {
	ID      string       `json:"id"` // of the question
	Entries []Revocation `json:"entries"`
	Next    string       `json:"next,omitzero"`   // for the question for the next page; empty after the last
	Behind  bool         `json:"behind,omitzero"` // the node may have missed entries itself
}

const (
	// pageEntries and pageBytes bound a page.
	pageEntries = 1000
	pageBytes   = 512 << 10
	// A node that asks all others gets an answer from each, so they answer after a random time
	// of up to answerDelay, and the first answer counts. Those that may have missed entries
	// themselves answer behindDelay later, and say so. pagePatience is how long to wait.
	answerDelay  = 200 * time.Millisecond
	behindDelay  = time.Second
	pagePatience = 2 * time.Second
	// mostTries bounds how often a page is asked for.
	mostTries = 3
	// mostPages bounds the pages of one fetch, against a node whose pages never end.
	mostPages = 100_000
)

// A fetch asks the other nodes for their entries, page by page. The first node that answers is
// asked for the other pages. If it goes away, any other one continues, because all have the
// same order. No goroutine waits for an answer.
type fetch struct {
	asking string          // the ID of the question that is asked; empty means none
	of     socketio.NodeID // the node that is asked; empty means all
	after  string
	tries  int
	pages  int
	count  int  // of entries
	failed int  // entries that could not be stored
	called bool // the node that is asked has asked for it; no other one is of use
	behind bool // a node that answered may have missed entries, so the others are asked once more
	late   *time.Timer
}

// ask sends the next question of a fetch. It replaces a fetch that has not ended.
func (s *share) ask(f fetch) {
	q := question{ID: newID(), After: f.after}
	f.asking = q.ID
	f.late = time.AfterFunc(pagePatience, func() { s.late(q.ID) })
	s.mu.Lock()
	if old := s.fetch; old.called && old.asking != "" && !f.called {
		s.sending.call(old.of) // later
	}
	s.stopFetch()
	s.fetch = f
	s.mu.Unlock()
	payload, err := note{Ask: &q}.encode()
	if err == nil && f.of == "" {
		err = s.srv.PublishExtension(s.name, payload)
	} else if err == nil {
		err = s.srv.SendExtension(f.of, s.name, payload)
	}
	if errors.Is(err, socketio.ErrClosed) { // other errors may pass
		s.end()
	}
}

// stopFetch makes the fetch wait for nothing. The caller holds mu.
func (s *share) stopFetch() {
	if s.fetch.late != nil {
		s.fetch.late.Stop()
	}
	s.fetch.asking, s.fetch.late = "", nil
}

// late asks again, or gives up, if a question was not answered in time.
func (s *share) late(id string) {
	s.mu.Lock()
	f := s.fetch
	if f.asking != id {
		s.mu.Unlock()
		return
	}
	s.stopFetch()
	if f.tries++; !f.called {
		f.of = ""
	}
	if f.tries < mostTries {
		s.mu.Unlock()
		s.ask(f)
		return
	}
	if f.called {
		s.mu.Unlock()
		return // it has left, or will call again
	}
	first, owed := !s.ready, s.owed
	s.ready = true
	s.mu.Unlock()
	if owed {
		s.again(retryEvery)
	}
	if !first {
		return
	}
	s.gate.opts.Logger.Info("auth: no other node has answered with the entries of its denylist; this node may be the first one", "entries", f.count)
}

// turn carries out the entries of a page, and asks for the next one. It ignores a page that was
// not asked for.
func (s *share) turn(from socketio.NodeID, p page) {
	s.mu.Lock()
	f := s.fetch
	if p.ID == "" || p.ID != f.asking {
		s.mu.Unlock()
		return
	}
	s.stopFetch()
	s.mu.Unlock()
	if failed, err := s.take(f.after, p); err != nil {
		f.failed += failed
		s.gate.opts.Logger.Error("auth: entries of the denylist of another node could not be stored; their sockets were ended, but peers may come back",
			"node", from, "entries", failed, "error", err)
	}
	f.behind = f.behind || p.Behind && !f.called
	f.of, f.tries, f.pages, f.count = from, 0, f.pages+1, f.count+len(p.Entries)
	if p.Next > f.after && f.pages < mostPages {
		f.after = p.Next
		s.ask(f)
		return
	}
	if f.failed > 0 {
		s.again(retryEvery)
		return // without all entries, this node must not answer others
	}
	s.mu.Lock()
	first := !s.ready
	s.owed = s.owed && f.called
	s.ready = true // before, the list may have been empty only because this node had just started
	s.mu.Unlock()
	if f.behind {
		s.again(retryEvery)
	}
	level := slog.LevelDebug
	if first {
		level = slog.LevelInfo
	}
	s.gate.opts.Logger.Log(context.Background(), level, "auth: the entries of the denylist were fetched from another node", "node", from, "entries", f.count)
}

// take carries out those entries of a page that this node does not have. After is where the page
// begins. An entry that cannot be stored still ends its sockets, and does not stop the others. Take
// returns the number of such entries and the first error.
func (s *share) take(after string, p page) (failed int, err error) {
	own := make(map[string]Revocation)
	known, _ := s.gate.list(context.Background(), after, pageEntries) // without it, adding them again does no harm
	for _, r := range known {
		own[r.ID()] = r
	}
	for _, r := range p.Entries {
		if r.Check() != nil || !r.lasts(time.Now()) {
			continue
		}
		if k, ok := own[r.ID()]; ok && k.includes(r) {
			continue
		}
		if _, one := s.gate.revokeOnThisNode(context.Background(), r); one != nil {
			failed, err = failed+1, cmp.Or(err, one)
		}
	}
	return failed, err
}

// answer answers a question after a random time, if this node has been up to date.
func (s *share) answer(to socketio.NodeID, q question) {
	s.join()
	missed := s.state().missed()
	s.mu.Lock()
	answers := s.ready && s.answers < mostAnswers
	calling := s.fetch.called && s.fetch.asking != ""
	behind := s.owed || missed != s.missed || calling || len(s.sending.callers) > 0
	if answers {
		s.answers++
	}
	s.mu.Unlock()
	if !answers {
		return
	}
	delay := time.Duration(0)
	if q.After == "" {
		if delay = rand.N(answerDelay); behind {
			delay += behindDelay
		}
	}
	time.AfterFunc(delay, func() {
		defer func() {
			s.mu.Lock()
			s.answers--
			s.mu.Unlock()
		}()
		if err := s.sendPage(to, q, behind); err != nil {
			s.warn("auth: another node did not get the entries of the denylist", "node", to, "error", err)
		}
	})
}

// sendPage sends the entries after q.After to a node, as many as fit.
func (s *share) sendPage(to socketio.NodeID, q question, behind bool) error {
	entries, err := s.gate.list(context.Background(), q.After, pageEntries)
	if err != nil {
		return err
	}
	p, size := page{ID: q.ID, Entries: []Revocation{}, Behind: behind}, 0
	for _, r := range entries {
		if size += len(r.ID()) + len(r.Reason)*6 + 200; size > pageBytes {
			break
		}
		p.Entries = append(p.Entries, r)
	}
	if n := len(p.Entries); n == pageEntries || n < len(entries) {
		p.Next = p.Entries[n-1].ID()
	}
	payload, err := note{Page: &p}.encode()
	if err != nil {
		return err
	}
	return s.srv.SendExtension(to, s.name, payload)
}
