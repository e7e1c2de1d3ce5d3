package socketio

import (
	"context"
	"math/rand/v2"
	"time"
)

// closeSpread closes the connections one after the other in random order, within
// Options.ShutdownSpread or half of the time left in ctx, whichever is less. A connection works
// as before until its turn comes. Shutdown handles the connections that are left.
func (srv *Server) closeSpread(ctx context.Context) {
	spread := srv.opts.ShutdownSpread
	if deadline, ok := ctx.Deadline(); ok {
		spread = min(spread, time.Until(deadline)/2)
	}
	all := srv.connections()
	if spread <= 0 || len(all) == 0 {
		return
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	step := spread / time.Duration(len(all))
	tick := time.NewTicker(max(step, time.Millisecond))
	defer tick.Stop()
	begun := time.Now()
	var busy []*conn // a handler is still running
	for next := 0; next < len(all); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		due := min(len(all), int(time.Since(begun)/max(step, 1)))
		turn := append(busy, all[next:max(due, next)]...)
		next, busy = max(due, next), nil
		for _, c := range turn {
			if !c.closeWhenIdle() {
				busy = append(busy, c)
			}
		}
	}
}

// closeWhenIdle makes the connection accept no new sockets or events. If no handler is running, it
// closes the connection and returns true.
func (c *conn) closeWhenIdle() bool {
	if !c.shuttingDown.Swap(true) {
		for _, s := range c.all() {
			s.close()
		}
	}
	if len(c.all()) > 0 {
		return false
	}
	c.close(ReasonShutdown, nil)
	return true
}
