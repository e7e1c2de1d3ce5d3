package admin

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"socketiojwt/internal/logging"
	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio"
)

// extension is the name under which the APIs of the nodes ask each other.
const extension = "admin"

const (
	messageVersion = 1
	// nodePatience is how long to wait for a node. One that has not answered is not asked again
	// for nodeSilence.
	nodePatience = 2 * time.Second
	nodeSilence  = 3 * time.Second
	// mostAnswering bounds the questions of other nodes that are answered at once, and
	// mostAnswered the bytes of the leases of one answer.
	mostAnswering = 16
	mostAnswered  = 512 << 10
)

// message is a question to another node, or its answer.
type message struct {
	Version int    `json:"v"`
	ID      string `json:"id"` // of the question

	// In a question: one of the constants below, and what it needs.
	Ask       string `json:"ask,omitzero"`
	Query     string `json:"query,omitzero"` // the filter
	After     string `json:"after,omitzero"` // the ID of a lease, without the node
	Limit     int    `json:"limit,omitzero"`
	Lease     string `json:"lease,omitzero"` // its ID, without the node
	Temporary bool   `json:"temporary,omitzero"`

	// In an answer:
	Answer bool    `json:"answer,omitzero"`
	Leases []lease `json:"leases,omitzero"`
	More   bool    `json:"more,omitzero"` // there was no room for further leases
	Count  int     `json:"count,omitzero"`
	Status int     `json:"status,omitzero"` // of HTTP, for one lease
}

// What a node is asked for.
const (
	askList       = "list"
	askCount      = "count"
	askShow       = "show"
	askDisconnect = "disconnect"
	askRefresh    = "refresh"
)

// cluster asks the APIs of other nodes. A nil cluster has no other nodes.
type cluster struct {
	api  *api
	srv  *socketio.Server
	log  logging.Sampler
	busy chan struct{} // has a place for each question that is answered

	mu      sync.Mutex
	last    uint64
	waiting map[string]chan message // by the ID of the question and the node
	silent  map[string]time.Time    // nodes that have not answered, until when
}

func newCluster(a *api, srv *socketio.Server) *cluster {
	c := &cluster{
		api: a, srv: srv, log: logging.Sampler{PerMinute: 10, Repeat: time.Minute}, busy: make(chan struct{}, mostAnswering),
		waiting: make(map[string]chan message), silent: make(map[string]time.Time),
	}
	srv.HandleExtension(extension, c.receive)
	return c
}

// errSilent says that a node has not answered.
var errSilent = errors.New("the node does not answer")

// ask asks a node.
func (c *cluster) ask(ctx context.Context, node string, m message) (message, error) {
	c.mu.Lock()
	if time.Now().Before(c.silent[node]) {
		c.mu.Unlock()
		return message{}, errSilent
	}
	c.last++
	m.Version, m.ID = messageVersion, strconv.FormatUint(c.last, 36)
	key, answer := m.ID+" "+node, make(chan message, 1)
	c.waiting[key] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.waiting, key)
	}()
	payload, err := wirejson.Marshal(m)
	if err == nil {
		err = c.srv.SendExtension(socketio.NodeID(node), extension, payload)
	}
	if err != nil {
		return message{}, err
	}
	late := time.NewTimer(nodePatience)
	defer late.Stop()
	select {
	case got := <-answer:
		return got, nil
	case <-ctx.Done():
		return message{}, context.Cause(ctx)
	case <-late.C:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.silent) > 1000 {
		clear(c.silent)
	}
	c.silent[node] = time.Now().Add(nodeSilence)
	return message{}, errSilent
}

// receive handles a message of another node. It does not block.
func (c *cluster) receive(from socketio.NodeID, payload []byte) {
	var m message
	if err := wirejson.Unmarshal(payload, &m); err != nil || m.Version != messageVersion {
		c.warn("admin: a message of another node was ignored, because it is malformed or of another version", "node", from)
		return
	}
	if m.Answer {
		c.mu.Lock()
		answer := c.waiting[m.ID+" "+string(from)]
		delete(c.waiting, m.ID+" "+string(from))
		delete(c.silent, string(from))
		c.mu.Unlock()
		if answer != nil {
			answer <- m
		}
		return
	}
	select {
	case c.busy <- struct{}{}:
	default:
		c.warn("admin: a question of another node was not answered, because there are too many", "node", from)
		return
	}
	go func() {
		defer func() { <-c.busy }()
		payload, err := wirejson.Marshal(c.api.answered(m))
		if err == nil {
			err = c.srv.SendExtension(from, extension, payload)
		}
		if err != nil {
			c.warn("admin: another node did not get an answer", "node", from, "error", err)
		}
	}()
}

// warn logs what other nodes can cause at will.
func (c *cluster) warn(text string, attrs ...any) {
	c.log.Log(context.Background(), c.api.log, slog.LevelWarn, text, text, attrs...)
}

// answered returns the answer to a question about the sockets of this node.
func (a *api) answered(m message) message {
	ctx, cancel := context.WithTimeout(context.Background(), nodePatience)
	defer cancel()
	out := message{Version: messageVersion, ID: m.ID, Answer: true, Status: http.StatusBadRequest}
	switch m.Ask {
	case askList, askCount:
		f, err := parseFilter(m.Query)
		if err != nil {
			break
		}
		out.Status = http.StatusOK
		if m.Ask == askCount {
			out.Count = a.countHere(ctx, f)
			break
		}
		out.Leases = a.listHere(ctx, f, m.After, min(max(m.Limit, 1), maxLimit+1))
		out.Leases, out.More = fitting(out.Leases)
	case askShow, askDisconnect, askRefresh:
		var l lease
		if l, out.Status = a.actHere(m.Ask, m.Lease, m.Temporary); out.Status < http.StatusBadRequest || out.Status == http.StatusConflict {
			out.Leases = []lease{l}
		}
	}
	return out
}

// fitting returns as many leases as fit into an answer, and whether that are not all.
func fitting(leases []lease) ([]lease, bool) {
	size := 0
	for i, l := range leases {
		size += 300 + 6*(len(l.ID)+len(l.Namespace)+len(l.Socket)+len(l.RemoteAddr)+len(l.Issuer)+len(l.Subject)+len(l.TokenID)+len(l.SessionID))
		if size > mostAnswered && i > 0 {
			return leases[:i], true
		}
	}
	return leases, false
}

// members returns the IDs of all nodes from one on, in order. Without a cluster, the only one is
// this node.
func (a *api) members(from string) []string {
	all := []string{a.self}
	if a.cluster != nil {
		for _, n := range a.nodes().Others {
			all = append(all, n.ID)
		}
	}
	all = slices.DeleteFunc(all, func(id string) bool { return id < from })
	slices.Sort(all)
	return slices.Compact(all)
}

// split splits the ID of a lease into that of its node and the rest. Without a cluster, the node is
// this one, whose ID is not part of it.
func (a *api) split(id string) (node, rest string) {
	if a.cluster == nil {
		return a.self, id
	}
	last := strings.LastIndexByte(id, '.')
	if last < 0 {
		return "", id
	}
	before := strings.LastIndexByte(id[:last], '.')
	if before < 0 {
		return "", id
	}
	return id[:before], id[before+1:]
}

// joined returns the ID of a lease of this node in the API of the cluster.
func (a *api) joined(rest string) string {
	if a.cluster == nil {
		return rest
	}
	return a.self + "." + rest
}
