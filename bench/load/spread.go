package load

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"
)

// spread measures how long the server takes until the last of all connections has been written a broadcast, as it says itself, and
// what a message costs. The connections read when that is over, so that the server has the cores for itself.
func (g *generator) spread() (r Result, err error) {
	connections, err := g.openSilent(0, g.Count)
	defer g.closeAll(connections)
	if err != nil {
		return r, err
	}
	time.Sleep(g.Settle)
	if _, err := g.spreadTimes(connections, g.Warm); err != nil {
		return r, fmt.Errorf("warming up: %w", err)
	}
	r.Delivered = g.Messages * g.Count
	err = g.measure(&r, func() (int, []uint32, error) {
		took, err := g.spreadTimes(connections, g.Messages)
		return r.Delivered, took, err
	})
	return r, err
}

// spreadTimes asks for n broadcasts, one after the other, and returns how many microseconds each took.
func (g *generator) spreadTimes(connections []*connection, n int) (took []uint32, err error) {
	padding := filler(g.Padding)
	for range n {
		t := time.Since(g.zero).Microseconds()
		for _, c := range connections {
			_ = c.SetDeadline(time.Now().Add(g.Patience))
		}
		asking, others := connections[0], connections[1:]
		if err := wakeAt(unnoticed, others); err != nil {
			return nil, err
		}
		if err := asking.send(fmt.Sprintf(`420["spread",{"t":%d,"pad":"%s"}]`, t, padding)); err != nil {
			return nil, err
		}
		if err := asking.expectBroadcast(t); err != nil {
			return nil, fmt.Errorf("the connection that asked: %w", err)
		}
		us, err := asking.number("430[")
		if err != nil {
			return nil, err
		}
		took = append(took, us)
		if err := wakeAt(1, others); err != nil {
			return nil, err
		}
		for i, c := range others {
			if err := c.expectBroadcast(t); err != nil {
				return nil, fmt.Errorf("connection %d: %w", i+2, err)
			}
		}
	}
	return took, nil
}

// unnoticed is more bytes than a connection receives while the server sends a broadcast.
const unnoticed = 4096

// wakeAt sets how many bytes a connection must have received before the system wakes the poller of this process. Otherwise each message of
// a broadcast wakes it, which takes a third of a core from the server while the server writes.
func wakeAt(bytes int, connections []*connection) error {
	for _, c := range connections {
		raw, err := c.Conn.(syscall.Conn).SyscallConn()
		if err != nil {
			return err
		}
		failed := raw.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, bytes) })
		if err := errors.Join(err, failed); err != nil {
			return fmt.Errorf("SO_RCVLOWAT: %w", err)
		}
	}
	return nil
}

// expectBroadcast reads the broadcast that was sent at a time.
func (c *connection) expectBroadcast(t int64) error {
	p, err := c.next()
	if err != nil {
		return err
	}
	if sent, ok := sentAt(p); !ok || sent != t {
		return fmt.Errorf("the broadcast of %d expected, got %.80q", t, p)
	}
	return nil
}

// number reads an acknowledgement whose argument is a number.
func (c *connection) number(prefix string) (uint32, error) {
	p, err := c.next()
	if err != nil {
		return 0, err
	}
	digits, ok := bytes.CutPrefix(p, []byte(prefix))
	n, err := strconv.ParseUint(string(bytes.TrimSuffix(digits, []byte("]"))), 10, 32)
	if !ok || err != nil {
		return 0, fmt.Errorf("%s and a number expected, got %.80q", prefix, p)
	}
	return uint32(n), nil
}

// broadcastsUnderway is how many broadcasts the connections of the noise Broadcasts wait for at a time, so that the server always has
// something to write.
const broadcastsUnderway = 2

// beginBroadcasts lets the first connection ask for broadcasts to all of them, again and again.
func (s *speakers) beginBroadcasts() {
	for range broadcastsUnderway {
		s.arrived <- struct{}{}
	}
	s.writers.Go(func() {
		for n := 0; !s.ended.Load(); n++ {
			select {
			case <-s.arrived:
			case <-s.over:
				return
			}
			if err := s.all[0].emit("broadcast", fmt.Sprintf(`{"t":%d,"pad":"%s"}`, n, filler(s.padding))); err != nil {
				s.check(0, err)
				return
			}
		}
	})
}

// listen counts broadcasts until the connection closes.
func (s *speakers) listen(c *connection) error {
	for {
		p, err := c.next()
		if err != nil {
			return err
		}
		if _, ok := sentAt(p); ok && s.sent.Add(1)%int64(len(s.all)) == 0 {
			select {
			case s.arrived <- struct{}{}:
			case <-s.over:
			}
		}
	}
}
