package bustest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"socketiojwt/socketio"
)

// ErrNotRecorded is the error of a message that was not recorded: see Hub.Fail.
var ErrNotRecorded = errors.New("bustest: the log fails")

// log is what a Hub keeps for recovery.
type log struct {
	kept     bool // KeepLog was called
	first    int  // offset of the first entry that is kept
	entries  []entry
	epochs   map[socketio.NodeID]int
	sessions map[string]savedSession
}

type entry struct {
	namespace string
	data      []byte
}

type savedSession struct {
	socketio.SavedSession
	until time.Time
}

// KeepLog makes the nodes that join later Recorders, so that they recover sessions of each other.
func (h *Hub) KeepLog() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log = log{kept: true, first: 1, epochs: make(map[socketio.NodeID]int), sessions: make(map[string]savedSession)}
}

// Trim removes all but the last entries from the log.
func (h *Hub) Trim(left int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	gone := max(0, len(h.log.entries)-left)
	h.log.first += gone
	h.log.entries = h.log.entries[gone:]
}

// Fail makes the log not record what a node sends until Fail is called again with false.
func (h *Hub) Fail(id socketio.NodeID, fails bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := h.nodes[id]; n != nil && n.fails != fails {
		h.log.epochs[id]++
		n.fails, n.since = fails, n.position
	}
}

// Sessions returns the number of sessions that are kept.
func (h *Hub) Sessions() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.log.sessions {
		if time.Now().Before(s.until) {
			n++
		}
	}
	return n
}

// Save keeps a session, as a server of other software would do.
func (h *Hub) Save(s socketio.SavedSession) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log.sessions[s.PID] = savedSession{s, time.Now().Add(s.Window)}
}

// Saved returns the session of a pid that is kept.
func (h *Hub) Saved(pid string) (s socketio.SavedSession, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	saved, ok := h.log.sessions[pid]
	return saved.SavedSession, ok
}

// recorder is a node that is a Recorder.
type recorder struct{ *node }

var _ socketio.Recorder = recorder{}

func offset(n int) string { return "1-" + strconv.Itoa(n) }

func place(text string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(text, "1-"))
	return n
}

// Record appends m to the log.
func (n recorder) Record(m socketio.Message, done func(string, error)) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	h := n.hub
	h.mu.Lock()
	if n.fails {
		h.mu.Unlock()
		done("", ErrNotRecorded)
		return nil
	}
	defer h.mu.Unlock()
	h.log.entries = append(h.log.entries, entry{m.Namespace, data})
	at := h.log.first + len(h.log.entries) - 1
	for _, to := range h.nodes {
		l := letter{from: n.id, data: data, at: at}
		if to == n.node {
			l.done = done
		}
		to.waiting = append(to.waiting, l)
		to.start()
	}
	return nil
}

// Position returns the offset of the last entry that was delivered.
func (n recorder) Position(string) string {
	n.hub.mu.Lock()
	defer n.hub.mu.Unlock()
	return offset(n.position)
}

// Epoch returns the epoch of the node.
// Log returns the same name for ever.
func (n recorder) Log(string) string { return "log" }

func (n recorder) Epoch(string) (name, since string) {
	n.hub.mu.Lock()
	defer n.hub.mu.Unlock()
	if n.fails {
		return "", ""
	}
	return fmt.Sprintf("%s/%d", n.id, n.hub.log.epochs[n.id]), offset(n.since)
}

// Read reads the log.
func (n recorder) Read(_ context.Context, namespace string, after []string, until string, each func(socketio.Message)) ([]bool, error) {
	h := n.hub
	h.mu.Lock()
	if slow := h.slow; slow > 0 {
		h.mu.Unlock()
		time.Sleep(slow)
		h.mu.Lock()
	}
	complete := make([]bool, len(after))
	from := -1
	for i, a := range after {
		last := h.log.first + len(h.log.entries) - 1
		if complete[i] = place(a) >= h.log.first-1 && place(a) <= last; complete[i] && (from < 0 || place(a) < from) {
			from = place(a)
		}
	}
	var found []socketio.Message
	for at := from + 1; from >= 0 && at <= place(until); at++ {
		var m socketio.Message
		if e := h.log.entries[at-h.log.first]; (e.namespace == namespace || e.namespace == "") && json.Unmarshal(e.data, &m) == nil {
			m.Offset = offset(at)
			found = append(found, m)
		}
	}
	h.reads++
	h.mu.Unlock()
	for _, m := range found {
		each(m)
	}
	return complete, nil
}

// SaveSessions keeps sessions, and removes others.
func (n recorder) SaveSessions(_ context.Context, sessions []socketio.SavedSession, forget []string) error {
	for _, s := range sessions {
		n.hub.Save(s)
	}
	n.hub.mu.Lock()
	defer n.hub.mu.Unlock()
	for _, pid := range forget {
		delete(n.hub.log.sessions, pid)
	}
	return nil
}

// FindSession returns a session.
func (n recorder) FindSession(_ context.Context, pid string) (socketio.SavedSession, error) {
	n.hub.mu.Lock()
	defer n.hub.mu.Unlock()
	s, ok := n.hub.log.sessions[pid]
	if s.Window = time.Until(s.until); !ok || s.Window <= 0 {
		return socketio.SavedSession{}, socketio.ErrNoSession
	}
	return s.SavedSession, nil
}

// TakeSession removes a session.
func (n recorder) TakeSession(ctx context.Context, s socketio.SavedSession, epoch string) error {
	if _, err := n.FindSession(ctx, s.PID); err != nil {
		return err
	}
	n.hub.mu.Lock()
	defer n.hub.mu.Unlock()
	delete(n.hub.log.sessions, s.PID)
	if node, count, ok := strings.Cut(epoch, "/"); ok && count != strconv.Itoa(n.hub.log.epochs[socketio.NodeID(node)]) {
		return socketio.ErrNoSession
	}
	return nil
}

// SlowReads makes each reading of the log take a time.
func (h *Hub) SlowReads(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.slow = d
}

// Reads returns how often the log was read.
func (h *Hub) Reads() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reads
}
