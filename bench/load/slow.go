package load

import (
	"fmt"
	"net"
	"syscall"
)

// slowBuffer is the receive buffer of a connection that does not read, in bytes. It is small, so that the server soon cannot write.
const slowBuffer = 4096

// slow measures what one delivered message costs the server, and how long it takes, beside Quiet connections that do not read. The next
// broadcast is asked for after those that read have the one before.
func (g *generator) slow() (r Result, err error) {
	small := net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if failed := c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, slowBuffer)
		}); failed != nil {
			return failed
		}
		return err
	}}
	silent := make([]*connection, g.Quiet)
	defer g.closeAll(silent)
	if _, err := g.each(g.Count, g.Quiet, func(i int) (err error) {
		silent[i-g.Count], err = g.openWith(small, g.Address, i, g.token(i))
		return err
	}); err != nil {
		return r, fmt.Errorf("slow connections: %w", err)
	}
	ask := func(c *connection, n int) error { return g.atOnce(c, "burst", 1, g.Count, n) }
	return g.broadcast(ask, 1, nil)
}
