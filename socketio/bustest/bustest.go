// Package bustest joins servers of one process to a cluster, for tests of programs that run on
// several nodes. It carries messages in memory only, but encodes and decodes each of them as a
// network would require:
//
//	hub := bustest.New()
//	for range 3 {
//		var opts socketio.Options
//		hub.Join(&opts)
//		srv, err := socketio.NewServer(opts)
//		...
//	}
package bustest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"socketiojwt/socketio"
)

// ErrBacklog is returned for a message to a node for which too many messages wait.
var ErrBacklog = errors.New("bustest: too many messages wait")

// mostWaiting bounds the messages that wait for one node.
const mostWaiting = 100_000

// A Hub joins servers to a cluster. Its methods may be called concurrently.
type Hub struct {
	key []byte

	mu    sync.Mutex // also guards all nodes
	last  int
	nodes map[socketio.NodeID]*node // those that have joined and not left
	log   log
	reads int           // of the log
	slow  time.Duration // see SlowReads
}

// New returns a Hub without servers.
func New() *Hub {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return &Hub{key: key, nodes: make(map[socketio.NodeID]*node)}
}

// Join makes the server of opts a node of the cluster, and returns the ID of the node. The
// server joins when its Handler is called. Join sets opts.Bus, and opts.ClusterKey unless it is
// set.
func (h *Hub) Join(opts *socketio.Options) socketio.NodeID {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	id := socketio.NodeID(fmt.Sprintf("node %d", h.last))
	if opts.ClusterKey == nil {
		opts.ClusterKey = h.key
	}
	opts.Bus = func(deliver func(socketio.Message)) (socketio.Bus, error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.nodes[id] != nil {
			return nil, fmt.Errorf("bustest: %s has joined already", id)
		}
		n := &node{hub: h, id: id, deliver: deliver, rooms: make(map[string]map[string]bool)}
		h.nodes[id] = n
		if h.log.kept {
			n.position = h.log.first + len(h.log.entries) - 1
			return recorder{n}, nil
		}
		return n, nil
	}
	return id
}

// Stall makes a node receive nothing until Stall is called again with false. Messages of the
// other nodes wait meanwhile, and Ask still counts the node.
func (h *Hub) Stall(id socketio.NodeID, stalled bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := h.nodes[id]; n != nil {
		n.stalled = stalled
		n.start()
	}
}

// Rooms returns the rooms that have sockets on a node, sorted, as last reported by the node.
func (h *Hub) Rooms(id socketio.NodeID, namespace string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := h.nodes[id]; n != nil {
		return slices.Sorted(maps.Keys(n.rooms[namespace]))
	}
	return nil
}

// send queues a message for a node. A nil node has left. The caller holds mu.
func (h *Hub) send(from socketio.NodeID, to *node, data []byte) error {
	if to == nil {
		return nil
	}
	if len(to.waiting) >= mostWaiting {
		return ErrBacklog
	}
	to.waiting = append(to.waiting, letter{from: from, data: data})
	to.start()
	return nil
}

// letter is a message in transit.
type letter struct {
	from socketio.NodeID
	data []byte
	at   int                 // place in the log, or zero
	done func(string, error) // of the node that has recorded it
}

// node is the Bus of one server.
type node struct {
	hub      *Hub
	id       socketio.NodeID
	deliver  func(socketio.Message)
	waiting  []letter
	working  bool
	stalled  bool
	fails    bool // see Hub.Fail
	position int  // in the log
	since    int  // the place in the log at which it was last made not to fail
	rooms    map[string]map[string]bool
}

var _ socketio.RoomWatcher = (*node)(nil)

// Publish sends m to all other nodes.
func (n *node) Publish(m *socketio.Message) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	n.hub.mu.Lock()
	defer n.hub.mu.Unlock()
	return n.publish(data)
}

// publish sends data to all other nodes. The caller holds the Hub's mu.
func (n *node) publish(data []byte) (err error) {
	for _, to := range n.hub.nodes {
		if to != n {
			err = errors.Join(err, n.hub.send(n.id, to, data))
		}
	}
	return err
}

// Reply sends m to one node.
func (n *node) Reply(to socketio.NodeID, m *socketio.Message) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	n.hub.mu.Lock()
	defer n.hub.mu.Unlock()
	return n.hub.send(n.id, n.hub.nodes[to], data)
}

// Ask sends m to all other nodes, and returns their names.
func (n *node) Ask(_ context.Context, m *socketio.Message) (asked socketio.Asked, err error) {
	data, err := json.Marshal(m)
	if err != nil {
		return asked, err
	}
	n.hub.mu.Lock()
	defer n.hub.mu.Unlock()
	for id := range n.hub.nodes {
		if id != n.id {
			asked.Nodes = append(asked.Nodes, id)
		}
	}
	return asked, n.publish(data)
}

// Rooms records changes to the node's rooms.
func (n *node) Rooms(namespace string, opened, closed []string) {
	n.hub.mu.Lock()
	defer n.hub.mu.Unlock()
	rooms := n.rooms[namespace]
	if rooms == nil {
		rooms = make(map[string]bool)
		n.rooms[namespace] = rooms
	}
	for _, room := range closed {
		delete(rooms, room)
	}
	for _, room := range opened {
		rooms[room] = true
	}
	if len(rooms) == 0 {
		delete(n.rooms, namespace)
	}
}

// Close leaves the cluster. Messages that the node has sent are still delivered. The other nodes
// do not wait for its replies any more.
func (n *node) Close(context.Context) error {
	n.hub.mu.Lock()
	defer n.hub.mu.Unlock()
	delete(n.hub.nodes, n.id)
	n.waiting = nil
	gone, err := json.Marshal(socketio.Message{Kind: socketio.KindGone})
	return errors.Join(err, n.publish(gone))
}

// start starts delivery of the node's waiting messages, one after the other. The caller holds
// the Hub's mu.
func (n *node) start() {
	if len(n.waiting) > 0 && !n.working && !n.stalled {
		n.working = true
		go n.work()
	}
}

func (n *node) work() {
	for {
		n.hub.mu.Lock()
		if len(n.waiting) == 0 || n.stalled {
			n.working = false
			n.hub.mu.Unlock()
			return
		}
		next := n.waiting[0]
		n.waiting = n.waiting[1:]
		n.hub.mu.Unlock()
		n.hand(next)
		if next.at > 0 {
			n.hub.mu.Lock()
			n.position = next.at
			n.hub.mu.Unlock()
		}
	}
}

// hand delivers a message.
func (n *node) hand(l letter) {
	if l.done != nil {
		l.done(offset(l.at), nil)
		return
	}
	var m socketio.Message
	if json.Unmarshal(l.data, &m) != nil {
		return
	}
	m.From = l.from
	if l.at > 0 {
		m.Offset = offset(l.at)
	}
	n.deliver(m)
}
