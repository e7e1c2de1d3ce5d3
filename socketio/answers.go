package socketio

import (
	"context"
	"slices"
	"time"
)

// Answers are the acknowledgements of a broadcast, and the sockets that have not
// acknowledged it.
type Answers struct {
	// List holds the answers in order of arrival.
	List []Answer
	// Missing holds the sorted IDs of the sockets that were sent the event and whose answer is not
	// in List, because they ended or because EmitWithAck returned before they had answered.
	Missing []string
	// Unnamed is the number of further sockets that have not answered, on nodes that count
	// their sockets without naming them, as the Node server does.
	Unnamed int
}

// An Answer is one socket's answer to a broadcast.
type Answer struct {
	// Socket is the socket's ID. It is empty if the socket's node does not name its sockets.
	Socket string
	Arguments
}

// gathering collects the answers of this node's sockets and of the other nodes.
type gathering struct {
	answers Answers
	most    int // bytes of answers to keep; 0 means no bound
	size    int // of those that are kept
	full    bool
	local   *ask
	others  *askedNodes // nil if no other node is asked
}

// run collects answers until all have arrived or ctx ends.
func (g *gathering) run(ctx context.Context) (err error) {
	for err == nil && !g.full && (len(g.local.pending) > 0 || !g.others.complete()) {
		select {
		case r := <-g.local.replies:
			g.take(r)
		case <-g.others.woken():
			g.others.take(g)
		case <-g.others.late():
			g.others.endLate()
		case <-g.others.closed():
			g.others.endByBus()
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	switch {
	case err != nil:
		g.takeLast()
	case g.full:
		g.takeLast()
		err = ErrAnswersTooLarge
	case g.others != nil:
		err = g.others.failed()
	}
	g.answers.Missing = append(g.answers.Missing, g.local.ids()...)
	g.others.missing(&g.answers)
	slices.Sort(g.answers.Missing)
	return err
}

// take records the reply of a socket of this node.
func (g *gathering) take(r reply) {
	switch {
	case !g.local.take(r):
	case r.ended:
		g.answers.Missing = append(g.answers.Missing, r.socket.ID())
	default:
		g.keep(Answer{r.socket.ID(), r.args})
	}
}

// keep keeps an answer. One that would exceed the bound counts as missing, as those after it.
func (g *gathering) keep(a Answer) {
	g.size += a.size() + len(a.Socket)
	g.full = g.full || g.most > 0 && g.size > g.most
	switch {
	case !g.full:
		g.answers.List = append(g.answers.List, a)
	case a.Socket != "":
		g.answers.Missing = append(g.answers.Missing, a.Socket)
	default:
		g.answers.Unnamed++
	}
}

// takeLast takes the answers that have already arrived.
func (g *gathering) takeLast() {
	g.local.forget()
	for {
		select {
		case r := <-g.local.replies:
			g.take(r)
		default:
			g.others.take(g)
			return
		}
	}
}

// askedNodes holds the replies of the other nodes to a broadcast that wants answers. It is nil
// if no node is asked. Methods that check for nil may then be called.
type askedNodes struct {
	link     *link
	request  *request
	due      *roll
	err      error
	nodes    map[NodeID]*askedNode
	counting *time.Timer // ends the wait for counts
	asking   *time.Timer // ends the wait for answers
	ended    bool        // stop waiting
}

// askedNode holds the replies of one node, or of all nodes that reply without their name.
type askedNode struct {
	counted  bool
	gone     bool
	count    int
	ids      []string        // of the node's sockets, if the node names them
	answered int             // number of sockets that have answered or ended
	seen     map[string]bool // their IDs
}

// askOthers sends an event to the other nodes and asks for answers. It returns nil if there are
// no other nodes or the broadcast does not concern them.
func (b Broadcast) askOthers(ctx context.Context, o *outgoing, to Selector) *askedNodes {
	l := b.others(to)
	if l == nil {
		return nil
	}
	timeout := timeLeft(ctx)
	a := &askedNodes{link: l, request: l.open(), nodes: make(map[NodeID]*askedNode)}
	a.counting, a.asking = time.NewTimer(nodePatience), time.NewTimer(longestAsk)
	m := o.message()
	m.Request, m.Timeout = a.request.id, timeout
	m.To = to
	b.target.address(&m)
	asked, err := l.ask(ctx, &m)
	if err != nil {
		a.err, a.ended = &PartialError{Err: err}, true
	}
	a.due = newRoll(asked)
	return a
}

func (a *askedNodes) close() {
	if a != nil {
		a.link.forget(a.request)
		a.counting.Stop()
		a.asking.Stop()
	}
}

func (a *askedNodes) woken() <-chan struct{} {
	if a == nil {
		return nil
	}
	return a.request.wake
}

// late returns the timer for counts while a node has not counted its sockets, and then the timer
// for answers.
func (a *askedNodes) late() <-chan time.Time {
	switch {
	case a == nil || a.ended:
		return nil
	case !a.due.complete():
		return a.counting.C
	}
	return a.asking.C
}

// closed returns a channel that is closed when the bus closes, after which no reply arrives.
func (a *askedNodes) closed() <-chan struct{} {
	if a == nil || a.ended {
		return nil
	}
	return a.link.ctx.Done()
}

// endByBus stops waiting for the other nodes because the bus has closed.
func (a *askedNodes) endByBus() {
	a.ended = true
	cause := context.Cause(a.link.ctx)
	if !a.due.complete() {
		a.err = a.due.partial(cause)
	} else if a.err == nil {
		a.err = cause
	}
}

// endLate is called when late has fired. It stops waiting for the nodes that have not counted
// their sockets or, if all have, for any answer.
func (a *askedNodes) endLate() {
	if a.due.complete() {
		a.ended = true
		if a.err == nil {
			a.err = context.DeadlineExceeded
		}
		return
	}
	a.err = a.due.partial(context.DeadlineExceeded)
	a.due.giveUp()
}

// failed returns the error to return when no more replies are awaited.
func (a *askedNodes) failed() error {
	if a.err != nil {
		return a.err
	}
	return a.due.partial(ErrNodeGone)
}

// complete reports whether no more replies are awaited.
func (a *askedNodes) complete() bool {
	if a == nil || a.ended {
		return true
	}
	if !a.due.complete() {
		return false
	}
	for _, node := range a.nodes {
		if node.answered < node.count && !node.gone {
			return false
		}
	}
	return true
}

// take takes the replies that have arrived.
func (a *askedNodes) take(g *gathering) {
	if a == nil {
		return
	}
	for _, m := range a.request.take() {
		if m.Kind == KindGone && m.From == "" {
			a.due.gone("")
			continue
		}
		node := a.nodes[m.From]
		if node == nil {
			node = &askedNode{seen: make(map[string]bool)}
			a.nodes[m.From] = node
		}
		switch m.Kind {
		case KindGone:
			node.gone = true
			a.due.gone(m.From)
		case KindCount:
			if a.due.replied(m.From) {
				node.counts(&m)
			}
		case KindAnswer:
			node.answer(&m, g)
		}
	}
}

// counts records the number of sockets of the node, or adds that of one more unnamed node.
func (n *askedNode) counts(m *Message) {
	n.counted = m.From != "" // there may be more unnamed nodes
	if n.ids = m.IDs; len(n.ids) > 0 && n.counted {
		n.count = len(n.ids)
		return
	}
	n.ids = nil
	n.count += m.Count
}

// answer records the reply of one socket of the node. It ignores a second answer of the same
// socket, and answers beyond the node's count.
func (n *askedNode) answer(m *Message, g *gathering) {
	args, err := m.arguments()
	if err != nil || n.seen[m.Socket] || n.counted && n.answered >= n.count {
		return
	}
	n.answered++
	if m.Socket != "" {
		n.seen[m.Socket] = true
	}
	switch {
	case !m.Ended:
		g.keep(Answer{m.Socket, args})
	case m.Socket != "":
		g.answers.Missing = append(g.answers.Missing, m.Socket)
	default:
		g.answers.Unnamed++
	}
}

// missing adds the sockets of other nodes that have not answered.
func (a *askedNodes) missing(answers *Answers) {
	if a == nil {
		return
	}
	for _, node := range a.nodes {
		for _, id := range node.ids {
			if !node.seen[id] {
				answers.Missing = append(answers.Missing, id)
			}
		}
		if len(node.ids) == 0 {
			answers.Unnamed += max(0, node.count-node.answered)
		}
	}
}
