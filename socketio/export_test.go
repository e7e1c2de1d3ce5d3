package socketio

import "fmt"

// Remains says what the server keeps of its connections: "" when it is nothing.
func (srv *Server) Remains() string {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	text := ""
	note := func(what string, n int) {
		if n != 0 {
			text += fmt.Sprintf("%d %s; ", n, what)
		}
	}
	note("connections", len(srv.conns))
	for name, n := range srv.namespaces {
		if n.parent != nil {
			note("references to "+name, n.refs)
		}
		n.local.mu.RLock()
		note("sockets in "+name, len(n.local.byID))
		note("rooms in "+name, len(n.local.room))
		n.local.mu.RUnlock()
	}
	srv.running.mu.Lock()
	note("goroutines", srv.running.n)
	srv.running.mu.Unlock()
	note("bytes of early events", int(srv.earlyBytes.Load()))
	return text
}
