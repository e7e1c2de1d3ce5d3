package auth

// TicketsLeft returns how many tickets a gate keeps.
func TicketsLeft(g *Gate) int {
	g.tickets.mu.Lock()
	defer g.tickets.mu.Unlock()
	return max(len(g.tickets.kept), len(g.tickets.of), g.tickets.queue.Len())
}
