package auth

import (
	"fmt"
	"sync"
	"time"
)

const (
	// A node that has not answered is asked with less patience for a while, so that its tickets
	// cost other nodes little: it has probably ended, and its tickets with it.
	silentFor      = 30 * time.Second
	silentPatience = 100 * time.Millisecond
	mostSilent     = 1000
	// mostSpent bounds the tickets of other nodes that are known to be of no use. The older half
	// is forgotten first.
	mostSpent = 20_000
)

// ticketMemory is what a node knows about tickets of other nodes. The zero value is ready to use.
type ticketMemory struct {
	mu     sync.Mutex
	asking map[digest]bool                    // those that are being asked for
	young  map[digest]bool                    // of no use
	old    map[digest]bool                    // of no use
	silent map[[ticketNode]byte]time.Duration // until when, since began
	began  time.Time
}

// begin returns how long to wait for the node that has made a ticket. It fails if the ticket is
// being asked for, or is of no use. The caller must call end if it does not.
func (m *ticketMemory) begin(id ticketID) (time.Duration, error) {
	hash := id.hash()
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.asking[hash]:
		return 0, fmt.Errorf("%w: another socket is using it", errTicket)
	case m.young[hash] || m.old[hash]:
		return 0, fmt.Errorf("%w: it was used, or has expired", errTicket)
	}
	if m.asking == nil {
		m.asking, m.silent, m.began = make(map[digest]bool), make(map[[ticketNode]byte]time.Duration), time.Now()
	}
	m.asking[hash] = true
	until, silent := m.silent[id.node()]
	if silent && time.Since(m.began) < until {
		return silentPatience, nil
	}
	return ticketPatience, nil
}

// end ends begin. Answered says that the node has answered, and late that it had its time.
func (m *ticketMemory) end(id ticketID, answered, late bool) {
	hash := id.hash()
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.asking, hash)
	switch {
	case answered:
		delete(m.silent, id.node())
		if len(m.young) >= mostSpent/2 || m.young == nil {
			m.old, m.young = m.young, make(map[digest]bool)
		}
		m.young[hash] = true
	case late:
		if len(m.silent) >= mostSilent {
			clear(m.silent)
		}
		m.silent[id.node()] = time.Since(m.began) + silentFor
	}
}
