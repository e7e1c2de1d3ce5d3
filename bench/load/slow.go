package load

import (
	"fmt"
	"io"
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
	return g.broadcast(ask, 1, func(_ int, c *connection) error {
		c.skims = true
		return nil
	})
}

// skimmedHead is how much of a long message skim reads, which must contain the time of a broadcast.
const skimmedHead = 64

// discarded is where skim reads to. Nothing is written there.
var discarded [64 << 10]byte

// skim returns the head of a message of length bytes, and discards the rest without copying it from the kernel (MSG_TRUNC of tcp(7)). Otherwise
// a generator that reads as many bytes as a server writes would be slower than the server, and the time of a delivery its own.
func (c *connection) skim(length int) (head []byte, err error) {
	c.buf = append(c.buf[:0], make([]byte, skimmedHead)...)
	if _, err := io.ReadFull(c.r, c.buf); err != nil {
		return nil, err
	}
	rest := length - skimmedHead
	if n, err := c.r.Discard(min(rest, c.r.Buffered())); err != nil {
		return nil, err
	} else if rest -= n; rest == 0 {
		return c.buf, nil
	}
	raw, err := c.Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, err
	}
	failed := raw.Read(func(fd uintptr) bool {
		for rest > 0 {
			n, _, failed := syscall.Recvfrom(int(fd), discarded[:min(rest, len(discarded))], syscall.MSG_TRUNC)
			switch {
			case failed == syscall.EINTR:
			case failed == syscall.EAGAIN:
				return false
			case failed != nil:
				err = failed
				return true
			case n == 0:
				err = io.ErrUnexpectedEOF
				return true
			default:
				rest -= n
			}
		}
		return true
	})
	if failed != nil {
		err = failed
	}
	return c.buf, err
}
