package socketio

import (
	"context"
	"fmt"
	"regexp"
)

// A Rule declares dynamic namespaces; see Server.OfPattern. What is registered on its Mux
// holds for each of them. Servers of a cluster must declare the same rules, in the same
// order.
type Rule struct {
	// Mux has the middleware and handlers of the rule's namespaces.
	*Mux
	// Broadcast addresses all sockets of all the rule's namespaces, those that only other
	// nodes have included. It must not be changed.
	Broadcast

	matches func(ctx context.Context, name string, h *Handshake) (bool, error)
}

// OfPattern declares dynamic namespaces: all whose whole name matches. Each has its own
// sockets and rooms. It exists from the first CONNECT that names it, only for its
// sockets, and is listed from its first admitted socket until its last one has gone.
// Rules are tried in the order in which they were declared. "/" is never dynamic. The
// pattern is the name of the rule.
func (srv *Server) OfPattern(pattern *regexp.Regexp) *Rule {
	whole := regexp.MustCompile(`\A(?:` + pattern.String() + `)\z`)
	r := srv.OfFunc(func(_ context.Context, name string, _ *Handshake) (bool, error) {
		return whole.MatchString(name), nil
	})
	r.name = pattern.String()
	return r
}

// OfFunc declares dynamic namespaces: all for which matches returns true. It is
// asked for each CONNECT, with the name that the peer chose and before anything
// is known of the peer; an error refuses the socket. While a namespace has
// sockets it belongs to the rule that made it: a socket that another rule
// matches is refused. The rule is named after its place in the order of rules.
func (srv *Server) OfFunc(matches func(ctx context.Context, name string, h *Handshake) (bool, error)) *Rule {
	notNil("OfFunc", matches == nil)
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.frozen {
		panic("socketio: OfFunc or OfPattern after Server.Handler")
	}
	name := fmt.Sprintf("dynamic namespace %d", len(srv.dynamic)+1)
	r := &Rule{Mux: &Mux{name: name, server: srv, table: newTable()}, matches: matches}
	r.Broadcast = Broadcast{target: target{server: srv, rule: r}}
	srv.dynamic = append(srv.dynamic, r)
	return r
}

// Open declares that the rule's namespaces admit every socket that passes the middleware;
// see Namespace.Open.
func (r *Rule) Open() *Rule {
	r.open()
	return r
}

// ServerSideEmit sends an event to the functions of Mux.OnServerSide of the same rule on
// the other nodes; see Namespace.ServerSideEmit.
func (r *Rule) ServerSideEmit(event string, args ...any) error {
	return r.target.serverSideEmit(event, args)
}

// ServerSideEmitWithAck is ServerSideEmit, and waits for the answers of the other nodes;
// see Namespace.ServerSideEmitWithAck.
func (r *Rule) ServerSideEmitWithAck(ctx context.Context, event string, args ...any) ([]ServerSideAnswer, error) {
	return r.target.serverSideAsk(ctx, event, args)
}

// namespaces returns the rule's namespaces on this node that have admitted sockets.
func (r *Rule) namespaces() (all []*Namespace) {
	srv := r.server
	srv.mu.Lock()
	defer srv.mu.Unlock()
	for _, n := range srv.namespaces {
		if n.rule == r && n.members > 0 {
			all = append(all, n)
		}
	}
	return all
}

// namespaceFor finds the namespace that a peer named, or makes it if a dynamic
// one matches. It may run user code. A namespace that nothing was registered on
// does not exist for peers.
func (srv *Server) namespaceFor(ctx context.Context, name string, h *Handshake) (*Namespace, error) {
	srv.mu.Lock()
	n := srv.namespaces[name]
	srv.mu.Unlock()
	switch {
	case n == nil || n.rule != nil:
	case n.table.admits():
		return n, nil
	default: // "/" with no middleware of its own: no rule may open it
		return nil, errNoNamespace
	}
	for _, rule := range srv.dynamic {
		ok, err := rule.matches(ctx, name, h)
		if err != nil {
			return nil, err
		}
		if ok {
			return srv.child(rule, name)
		}
	}
	return nil, errNoNamespace
}

// child returns the dynamic namespace of that name, and counts a socket that connects
// to it. All sockets of one name get the same.
func (srv *Server) child(rule *Rule, name string) (*Namespace, error) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	n := srv.namespaces[name]
	switch {
	case n == nil:
		n = srv.newNamespace(name, rule.table, rule)
		srv.namespaces[name] = n
	case n.rule != rule:
		return nil, errNoNamespace // its middleware would not be the rule's
	}
	n.refs++
	return n, nil
}

// release lets a dynamic namespace go with its last socket, admitted or not.
func (srv *Server) release(n *Namespace) {
	if n == nil || n.rule == nil {
		return
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if n.refs--; n.refs == 0 {
		delete(srv.namespaces, n.name)
	}
}

// count adds to the number of admitted sockets of a namespace. A dynamic one is listed
// while it has some.
func (srv *Server) count(n *Namespace, delta int) {
	if n.rule == nil {
		return
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	n.members += delta
}
