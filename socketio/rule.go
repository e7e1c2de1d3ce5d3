package socketio

import (
	"context"
	"fmt"
	"regexp"
	"slices"
)

// A Rule declares dynamic namespaces. See Server.OfPattern and Server.OfFunc. The registrations
// on its Mux apply to each of them. The servers of a cluster must declare the same rules in the
// same order.
type Rule struct {
	// Mux has the middleware and handlers of the rule's namespaces.
	*Mux
	// Broadcast addresses all sockets of all namespaces of the rule, including namespaces that
	// exist only on other nodes. It must not be changed.
	Broadcast

	matches func(ctx context.Context, name string, h *Handshake) (bool, error)

	listed []*Namespace // those that have admitted sockets, in no order; guarded by Server.mu
}

// OfPattern declares dynamic namespaces: all those whose whole name matches the pattern. Each
// has its own sockets and rooms. A dynamic namespace is created by the first CONNECT that names
// it and exists as long as it has sockets. It is listed from its first admitted socket until
// its last one has ended. Rules are tried in the order of their declaration. "/" is never
// dynamic. The pattern is the name of the rule. OfPattern panics after Server.Handler.
func (srv *Server) OfPattern(pattern *regexp.Regexp) *Rule {
	whole := regexp.MustCompile(`\A(?:` + pattern.String() + `)\z`)
	r := srv.OfFunc(func(_ context.Context, name string, _ *Handshake) (bool, error) {
		return whole.MatchString(name), nil
	})
	r.name = pattern.String()
	return r
}

// OfFunc declares dynamic namespaces: all those for which matches returns true. It is called
// for each CONNECT, concurrently, with the name that the peer sent and before the peer is
// authenticated. An error refuses the socket. While a namespace has sockets, it belongs to the
// rule that created it. A socket for which another rule matches is refused. The rule is named
// after its position in the order of rules. OfFunc panics after Server.Handler.
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

// Open declares that the rule's namespaces admit every socket that passes the middleware. See
// Namespace.Open.
func (r *Rule) Open() *Rule {
	r.open()
	return r
}

// ServerSideEmit sends an event to the functions of Mux.OnServerSide of the same rule on the
// other nodes. See Namespace.ServerSideEmit.
func (r *Rule) ServerSideEmit(event string, args ...any) error {
	return r.target.serverSideEmit(event, args)
}

// ServerSideEmitWithAck is ServerSideEmit, and then waits for the answers of the other nodes.
// See Namespace.ServerSideEmitWithAck.
func (r *Rule) ServerSideEmitWithAck(ctx context.Context, event string, args ...any) ([]ServerSideAnswer, error) {
	return r.target.serverSideAsk(ctx, event, args)
}

// namespaces returns the rule's namespaces on this node that have admitted sockets.
func (r *Rule) namespaces() []*Namespace {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	return slices.Clone(r.listed)
}

// namespaceFor finds the namespace named by a peer, or creates it if a rule matches. It may run
// user code. A namespace without registrations does not exist for peers.
func (srv *Server) namespaceFor(ctx context.Context, name string, h *Handshake) (*Namespace, error) {
	srv.mu.Lock()
	n := srv.namespaces[name]
	srv.mu.Unlock()
	switch {
	case n == nil || n.rule != nil:
	case n.table.admits():
		return n, nil
	default: // "/" without middleware, which no rule may open
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

// child returns the dynamic namespace of that name, and counts a socket that connects to it.
// All sockets with the same name get the same namespace.
func (srv *Server) child(rule *Rule, name string) (*Namespace, error) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	n := srv.namespaces[name]
	switch {
	case n == nil:
		n = srv.newNamespace(name, rule.table, rule)
		srv.namespaces[name] = n
	case n.rule != rule:
		return nil, errNoNamespace // its middleware would be that of another rule
	}
	n.refs++
	return n, nil
}

// release removes a dynamic namespace with its last socket, admitted or not.
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

// count adds delta to the number of admitted sockets of a namespace. A dynamic namespace is
// listed while that number is positive.
func (srv *Server) count(n *Namespace, delta int) {
	if n.rule == nil {
		return
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	before := n.members
	n.members += delta
	switch {
	case before == 0:
		n.rule.listed = append(n.rule.listed, n)
		n.place = int32(len(n.rule.listed))
	case n.members == 0:
		n.rule.unlist(n)
	}
}

// unlist removes a namespace that has no admitted socket any more. The caller holds Server.mu.
func (r *Rule) unlist(n *Namespace) {
	list, moved := without(r.listed, n.place)
	r.listed, moved.place, n.place = list, n.place, 0
}
