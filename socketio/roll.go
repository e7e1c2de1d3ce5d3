package socketio

import (
	"maps"
	"slices"
)

// roll says which of the nodes that were asked have replied.
type roll struct {
	nodes    int                 // number of nodes that were asked
	awaited  map[NodeID]bool     // the named nodes that were asked; false once the node has left
	replies  map[NodeID]struct{} // the named nodes that have replied
	named    int                 // replies awaited from named nodes
	unnamed  int                 // replies awaited from unnamed nodes
	nameless int                 // unnamed nodes that were asked and have not replied, including silent ones
	answered int
}

func newRoll(asked Asked) *roll {
	r := &roll{
		awaited: make(map[NodeID]bool, len(asked.Nodes)),
		replies: make(map[NodeID]struct{}, len(asked.Nodes)),
		unnamed: asked.Unnamed, nameless: asked.Unnamed + asked.Silent,
	}
	for _, id := range asked.Nodes {
		r.awaited[id] = true
	}
	r.named = len(r.awaited)
	r.nodes = r.named + r.nameless
	return r
}

// replied records a reply. It returns false for a second reply of a node. It returns true for a
// node that was not counted when the request was sent, but that node does not replace another.
func (r *roll) replied(from NodeID) bool {
	if from == "" {
		r.unnamed--
		if r.nameless > 0 {
			r.nameless--
			r.answered++
		}
		return true
	}
	if _, again := r.replies[from]; again {
		return false
	}
	r.replies[from] = struct{}{}
	if waiting, asked := r.awaited[from]; asked {
		r.answered++
		if waiting {
			r.named--
		}
	}
	return true
}

// gone records that a node does not reply any more.
func (r *roll) gone(id NodeID) {
	if id == "" {
		r.unnamed--
		return
	}
	if _, replied := r.replies[id]; r.awaited[id] && !replied {
		r.awaited[id] = false
		r.named--
	}
}

// giveUp stops waiting for further replies.
func (r *roll) giveUp() { r.named, r.unnamed = 0, 0 }

// complete reports whether no reply is awaited.
func (r *roll) complete() bool { return r.named <= 0 && r.unnamed <= 0 }

// partial returns a *PartialError, or nil if all nodes have replied.
func (r *roll) partial(cause error) error {
	if r.answered >= r.nodes {
		return nil
	}
	missing := slices.DeleteFunc(slices.Sorted(maps.Keys(r.awaited)), func(id NodeID) bool {
		_, replied := r.replies[id]
		return replied
	})
	return &PartialError{Answered: r.answered, Nodes: r.nodes, Missing: missing, Err: cause}
}

// named returns the name of a node for results.
func named(from NodeID) NodeID {
	if from == "" {
		return UnnamedNode
	}
	return from
}
