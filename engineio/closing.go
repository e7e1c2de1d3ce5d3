package engineio

import (
	"errors"
	"net"
	"os"
	"time"
)

// lingerTimeout is how long a WebSocket that we close waits for its peer to do
// the same. Closing a TCP connection under a peer that still sends makes the
// system discard what the peer has not read, the close frame among it.
const lingerTimeout = time.Second

var (
	errBeat     = errors.New("engineio: heartbeat in the wrong direction")
	errPeerLeft = errors.New("engineio: close packet from the peer")
)

// reasonOf says why a session ended whose transport failed with err.
func reasonOf(err error) Reason {
	var frame *frameError
	switch {
	case errors.Is(err, errPacket), errors.Is(err, errTooManyPackets):
		return ParseError
	case errors.Is(err, errBeat), errors.As(err, &frame):
		return TransportError
	default:
		return TransportClose
	}
}

// shut closes the connection of ws, which belongs to the session no more, for
// the reason that err gives. It runs on the goroutine that read it.
func (s *Session) shut(ws *webSocket, err error) {
	conn := ws.in.conn
	defer closeWithin(conn, lingerTimeout)()
	defer ws.in.release()
	frame, wait := goodbye(err)
	if frame == nil {
		return
	}
	conn.SetDeadline(time.Now().Add(lingerTimeout))
	s.mu.Lock()
	ws.sendClose(frame) // behind what is queued
	ws.endWriting()
	s.mu.Unlock()
	if wait {
		linger(conn)
	}
}

// goodbye returns the close frame that answers err, none when there is no peer
// to read it, and whether the peer may still be sending.
func goodbye(err error) (frame []byte, wait bool) {
	var (
		breach *frameError
		peer   *peerClosed
	)
	switch {
	case errors.As(err, &peer): // RFC 6455, section 5.5.1: answered with the same code, then over
		return appendCloseFrame(nil, peer.code), false
	case errors.As(err, &breach):
		return appendCloseFrame(nil, breach.code), true
	case errors.Is(err, errPacket), errors.Is(err, errBeat), errors.Is(err, errPeerLeft), errors.Is(err, errUpgrade):
		return plainCloseFrame, true
	case errors.Is(err, os.ErrDeadlineExceeded): // this side has given the connection up
		return plainCloseFrame, false
	default: // lost
		return nil, false
	}
}

// linger reads until the peer has closed its end, or the deadline.
func linger(conn net.Conn) {
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		c.CloseWrite()
	}
	buf := readBuffers.Get().(*readBuffer)
	defer readBuffers.Put(buf)
	for {
		if _, err := conn.Read(buf[:]); err != nil {
			return
		}
	}
}

// closeWithin returns the function that closes conn. What is under conn is closed
// when d is over: a TLS connection may take 5 s to say goodbye to a peer that does
// not read.
func closeWithin(conn net.Conn, d time.Duration) (closeConn func()) {
	layered, ok := conn.(interface{ NetConn() net.Conn })
	if !ok {
		return func() { conn.Close() }
	}
	cut := time.AfterFunc(d, func() { layered.NetConn().Close() })
	return func() {
		conn.Close()
		cut.Stop()
	}
}

// discard closes a WebSocket that is not needed, in order.
func discard(conn net.Conn, response []byte) {
	defer closeWithin(conn, lingerTimeout)()
	conn.SetDeadline(time.Now().Add(lingerTimeout))
	if _, err := conn.Write(append(response, plainCloseFrame...)); err == nil {
		linger(conn)
	}
}
