package auth

import "socketiojwt/socketio"

// ShareTickets is what Share does for tickets.
func ShareTickets(g *Gate, srv *socketio.Server, name string) { g.shareTickets(srv, name) }

// TicketsLeft returns how many tickets a gate keeps.
func TicketsLeft(g *Gate) int {
	g.tickets.mu.Lock()
	defer g.tickets.mu.Unlock()
	return max(len(g.tickets.kept), len(g.tickets.of), g.tickets.queue.Len())
}
