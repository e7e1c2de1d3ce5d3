package admin

import (
	"slices"
	"time"

	"socketiojwt/auth"
)

// ended is the response of POST /revocations and POST /blocks.
type ended struct {
	Sockets int `json:"sockets"` // of this node
	// These are the other nodes that have ended their sockets, and those that have not said so, if
	// the nodes share their denylist.
	Confirmed []confirmed `json:"confirmed,omitzero"`
	Missing   []string    `json:"missing,omitzero"`
}

type confirmed struct {
	Node    string `json:"node"`
	Sockets int    `json:"sockets"`
}

// confirmWait is how long a request waits for other nodes.
const confirmWait = 2 * time.Second

// add adds what one gate has done.
func (e *ended) add(r auth.Revoked) {
	e.Sockets += r.Sockets
	for _, c := range r.Confirmed {
		if i := slices.IndexFunc(e.Confirmed, func(other confirmed) bool { return other.Node == c.Node }); i >= 0 {
			e.Confirmed[i].Sockets += c.Sockets
			continue
		}
		e.Confirmed = append(e.Confirmed, confirmed{c.Node, c.Sockets})
	}
	for _, node := range r.Missing {
		if !slices.Contains(e.Missing, node) {
			e.Missing = append(e.Missing, node)
		}
	}
	// A node that has not answered for one gate is not done.
	e.Confirmed = slices.DeleteFunc(e.Confirmed, func(c confirmed) bool { return slices.Contains(e.Missing, c.Node) })
}
