package engineio

import (
	"errors"
	"net"
	"os"
	"slices"
	"time"

	"socketiojwt/internal/turns"
)

// lingerTimeout is how long a WebSocket that this side closes waits for its peer to
// close. If a TCP connection is closed while the peer still sends, the system discards
// what the peer has not read, including the close frame.
const lingerTimeout = time.Second

var (
	errHeartbeat = errors.New("engineio: heartbeat in the wrong direction")
	errPeerLeft  = errors.New("engineio: close packet from the peer")
)

// reasonOf returns the reason for which a session ends whose transport failed with err.
func reasonOf(err error) Reason {
	var frame *frameError
	switch {
	case errors.Is(err, errRate):
		return RateExceeded
	case errors.Is(err, errPacket), errors.Is(err, errTooManyPackets):
		return ParseError
	case errors.Is(err, errHeartbeat), errors.As(err, &frame):
		return TransportError
	default:
		return TransportClose
	}
}

// close closes the connection of ws, which is not the session's transport any more,
// because of err. It runs on the goroutine that reads ws.
func (ws *webSocket) close(err error) {
	conn, linger := ws.in.conn, ws.session.srv.linger
	ws.endWatchTLS()
	defer closeWithin(conn, linger)()
	defer ws.in.release()
	if ws.peerIsGone(err) {
		return
	}
	frame, wait := closeFrameFor(err)
	if frame == nil {
		return
	}
	conn.SetDeadline(time.Now().Add(linger))
	s := ws.session
	s.mu.Lock()
	ws.sendClose(frame) // behind what is queued
	ws.endWriting()
	s.mu.Unlock()
	if !wait {
		return
	}
	if ws.in.poll != nil {
		ws.in.poll.endWatch(conn)
		conn.SetReadDeadline(time.Now().Add(linger))
	}
	awaitClose(conn)
}

// endWriting waits until the writer is released, and allows no other write. The connection must
// have a deadline. The session's mutex is held, and let go while it waits.
func (ws *webSocket) endWriting() {
	s := ws.session
	for ws.owned() {
		released := make(chan struct{})
		ws.released = released
		s.mu.Unlock()
		<-released
		s.mu.Lock()
	}
	ws.state = writerBroken
}

// closeFrameFor returns the close frame that answers err, nil if there is no peer to
// read it, and whether the peer may still be sending.
func closeFrameFor(err error) (frame []byte, wait bool) {
	var (
		breach *frameError
		peer   *peerClosed
	)
	switch {
	case errors.As(err, &peer): // RFC 6455, section 5.5.1: answered with the same code, then over
		return appendCloseFrame(nil, peer.code), false
	case errors.As(err, &breach):
		return appendCloseFrame(nil, breach.code), true
	case errors.Is(err, errPacket), errors.Is(err, errHeartbeat), errors.Is(err, errPeerLeft), errors.Is(err, errUpgrade):
		return plainCloseFrame, true
	case errors.Is(err, os.ErrDeadlineExceeded): // aborted by this side
		return plainCloseFrame, false
	default: // lost
		return nil, false
	}
}

// peerIsGone reports whether the peer has sent a close frame and then closed the connection, as
// browsers do when the user leaves a page. The answer is then not sent, because writing it would
// take a tenth of the CPU time of a connection. For connections that cannot be polled it reports
// false.
func (ws *webSocket) peerIsGone(err error) bool {
	_, closed := err.(*peerClosed)
	return closed && ws.in.poll != nil && ws.in.poll.hasEnded()
}

// awaitClose reads until the peer has closed its end, or until the deadline.
func awaitClose(conn net.Conn) {
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		c.CloseWrite()
	}
	buf := readBuffers.Get().(*readBuffer)
	defer readBuffers.Put(buf)
	for turn := new(turns.Turn); ; {
		turn.Check()
		if _, err := conn.Read(buf.bytes[:]); err != nil {
			return
		}
		turn.Waited()
	}
}

// closeWithin returns the function that closes conn. After d the connection below it is
// closed, because a TLS connection may spend 5 s on its close alert to a peer that does
// not read.
func closeWithin(conn net.Conn, d time.Duration) (closeConn func()) {
	layered, ok := conn.(interface{ NetConn() net.Conn })
	if !ok {
		return func() { conn.Close() }
	}
	timer := time.AfterFunc(d, func() { layered.NetConn().Close() })
	return func() {
		conn.Close()
		timer.Stop()
	}
}

// closeUnused closes a WebSocket that is not needed, in order, on another goroutine. Nothing was
// written to it yet, and nothing reads it.
func (ws *webSocket) closeUnused(response []byte) {
	conn, srv := ws.in.conn, ws.session.srv
	srv.start(func() {
		defer closeWithin(conn, srv.linger)()
		conn.SetDeadline(time.Now().Add(srv.linger))
		if _, err := conn.Write(slices.Concat(response, plainCloseFrame)); err == nil {
			awaitClose(conn)
		}
	})
}
