package admin

import (
	"net/http"
	"time"

	"socketiojwt/socketio"
)

// Nodes are the servers of a cluster, as one of them knows them.
type Nodes struct {
	// Self is this node, and Others are the others that it hears.
	Self   Node
	Others []Node
	// Bus is the state of the connection to the others: socketio.Stats.Bus. Nil means that this
	// server is the only one.
	Bus *socketio.BusHealth
}

// A Node is a server of a cluster.
type Node struct {
	ID string
	// Name is what operators call the node, such as the name of its machine. Empty means that it
	// is not known.
	Name string
	// Version is the version of the program, if known.
	Version string
	// Since is when the node joined the cluster, and Seen is when it was heard last. Zero means
	// that it is not known.
	Since, Seen time.Time
}

// nodes is the response of GET /nodes.
type nodes struct {
	Self   node   `json:"self"`
	Others []node `json:"others"`
	Bus    *bus   `json:"bus,omitempty"`
}

type node struct {
	ID      string    `json:"id"`
	Name    string    `json:"name,omitzero"`
	Version string    `json:"version,omitzero"`
	Since   time.Time `json:"since,omitzero"`
	Seen    time.Time `json:"seen,omitzero"`
}

// bus is socketio.BusHealth as the API returns it.
type bus struct {
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since"`
	Error     string    `json:"error,omitzero"`
	Queued    int       `json:"queued"` // bytes
	Sent      uint64    `json:"sent"`
	Received  uint64    `json:"received"`
	Ignored   uint64    `json:"ignored"`
	Dropped   uint64    `json:"dropped"`
	Overflows uint64    `json:"overflows"`
	Gaps      uint64    `json:"gaps"`
}

func (a *api) showNodes(w http.ResponseWriter, _ *http.Request) {
	var known Nodes
	if a.nodes != nil {
		known = a.nodes()
	}
	out := nodes{Self: newNode(known.Self), Others: make([]node, 0, len(known.Others))}
	for _, n := range known.Others {
		out.Others = append(out.Others, newNode(n))
	}
	if h := known.Bus; h != nil {
		out.Bus = &bus{
			Connected: h.Connected, Since: h.Since.UTC(), Queued: h.Queued, Sent: h.Sent, Received: h.Received,
			Ignored: h.Ignored, Dropped: h.Dropped, Overflows: h.Overflows, Gaps: h.Gaps,
		}
		if h.Err != nil {
			out.Bus.Error = h.Err.Error()
		}
	}
	answer(w, out)
}

func newNode(n Node) node {
	return node{ID: n.ID, Name: n.Name, Version: n.Version, Since: n.Since.UTC(), Seen: n.Seen.UTC()}
}
