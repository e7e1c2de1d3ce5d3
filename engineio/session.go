package engineio

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"socketiojwt/internal/alarm"
	"socketiojwt/internal/hidden"
)

// Conn is the receiver of a session's messages, implemented by the layer above.
//
// Neither method may wait for the network or for other sessions: Message runs on the
// session's reader, and while it runs nothing else of the session is read.
type Conn interface {
	// Message receives a message from the peer. It is called in the order of the
	// messages, one at a time. The data is valid only during the call.
	Message(data []byte, binary bool)
	// Closed says that the session has ended. It is called once, after the last
	// Message, and never from inside a call of Send or Close.
	Closed(reason Reason)
}

// OwningConn is a Conn that takes over the buffers of long messages.
type OwningConn interface {
	Conn
	// OwnMessage is called instead of Message for a message in a buffer that is not used
	// again. The receiver may keep the data, and must not change it: the capacity of the
	// buffer may exceed the length of the data.
	OwnMessage(data []byte, binary bool)
}

// life is the first half of a session's state. The second half is which transport it has,
// and whether an upgrade is in progress.
type life uint8

const (
	opening life = iota // the layer above has not returned its Conn yet, and what it sends is queued
	open
	closing // nothing is received any more, and what is queued is written
	closed  // the transport is aborted; the last reader calls Conn.Closed
)

// Session is one Engine.IO session. Its methods may be called concurrently, and from
// inside the methods of Conn. The Server ends a session whose peer is gone, so the layer
// above need not close it.
type Session struct {
	srv  *Server
	conn Conn // set before the session can be reached
	id   sessionID
	addr string

	maxMessage atomic.Int64            // bytes of a message that are kept
	address    atomic.Pointer[address] // nil if its address does not count

	codec         codec // for polling; a WebSocket has its own
	originChecked bool
	fresh         atomic.Bool // it is new, and its address counts
	listed        listed      // with its flusher, whose mutex guards it

	mu     sync.Mutex // guards everything below, and the structs of the transports
	life   life
	calls  uint8 // calls of Conn in progress
	reads  uint8 // readers: goroutines that may still call Conn.Message
	reason Reason

	traffic *traffic // what the peer has sent, if that is counted

	alarm     alarm.Entry // for all deadlines; see arm
	heartbeat heartbeat
	closeBy   time.Duration // when closing turns into closed

	bond    *bond      // nil if the session is bound to nothing, or by WebSocket if its ID is not public
	polling *polling   // nil by WebSocket
	ws      *webSocket // the transport if it is not polling

	flushed chan struct{} // closed when Flush must check again; nil if no Flush waits
}

// ID returns the session's ID, the sid of the protocol. It must not be logged: anyone who
// knows it can take part in the session while that polls, unless Options.Bind prevents it.
func (s *Session) ID() string { return s.id.String() }

func (s *Session) describe() hidden.Text { return hidden.Text("session of " + s.addr) }

// String describes the session without its ID.
func (s *Session) String() string { return s.describe().String() }

// Format writes the text of String for every verb.
func (s *Session) Format(f fmt.State, verb rune) { s.describe().Format(f, verb) }

// MarshalText returns the text of String.
func (s *Session) MarshalText() ([]byte, error) { return s.describe().MarshalText() }

// LogValue returns the text of String, for slog.
func (s *Session) LogValue() slog.Value { return s.describe().LogValue() }

// RemoteAddr returns the peer's address, with the port if it is known. Behind trusted
// proxies (Options.TrustedProxies, TrustUnixSocket) it is the address that they report. It
// is "@" or empty for a peer over a unix socket. If middleware such as chi's RealIP has
// changed Request.RemoteAddr, it is that value.
func (s *Session) RemoteAddr() string { return s.addr }

// OriginChecked reports whether the origin of this session was checked against
// Options.Origins. If it was not, a cookie does not prove that its owner made the request.
func (s *Session) OriginChecked() bool { return s.originChecked }

// Protocol returns the revision of the protocol that the peer speaks: 4, or 3 with
// Options.AllowEIO3. In revision 3 the peer knows the session's ID and shows it to others
// as its own.
func (s *Session) Protocol() int { return s.codec.rules().revision }

// Transport returns the transport in use.
func (s *Session) Transport() Transport {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ws != nil {
		return WebSocket
	}
	return Polling
}

// Send sends m. It never blocks: what the peer does not take at once is queued. The first of several
// messages in quick succession is written at once. The others are written by another goroutine,
// several with one write. If the queue is full (Options.MaxOutbound), Send closes the session and returns ErrSlow. After
// that, and after Close, it returns ErrClosed. A nil error does not mean that the peer has
// received the message.
func (s *Session) Send(m *Message) error { return s.send(m, false) }

// SendShared is Send for a message to many sessions. A few of them are written to at once. For
// the others the message is queued, and written soon by other goroutines.
func (s *Session) SendShared(m *Message) error { return s.send(m, true) }

func (s *Session) send(m *Message, shared bool) error {
	crowded, err := s.queue(m, shared)
	if crowded {
		runtime.Gosched() // the goroutine that writes may wait for this processor
	}
	return err
}

// queue queues or writes m, and reports whether much waits behind another goroutine that writes.
func (s *Session) queue(m *Message, shared bool) (crowded bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life > open {
		return false, ErrClosed
	}
	if s.ws == nil {
		return false, s.polling.send(m)
	}
	if !shared {
		if done, err := s.ws.sendLong(m); done {
			return false, err
		}
	}
	err = s.ws.send(s.ws.frames(m), shared)
	return s.ws.state == writerOwned && s.ws.queued > maxBatch, err
}

// SendVolatile sends m if the peer can take it now. Otherwise it drops m and returns
// ErrNotWritable.
func (s *Session) SendVolatile(m *Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ws != nil && s.ws.state == writerQueued && s.ws.in.poll != nil {
		s.ws.writeQueue() // or m would be queued
	}
	switch {
	case s.life > open:
		return ErrClosed
	case s.ws != nil && s.ws.state == writerQueued: // its peer is not known to be slow
		return s.ws.send(s.ws.frames(m), false)
	case s.ws != nil && s.ws.state == writerIdle:
		return s.ws.sendVolatile(s.ws.frames(m))
	case s.ws == nil && s.polling.waiting != nil:
		return s.polling.send(m)
	}
	return ErrNotWritable
}

// Close closes the session when what is queued has been written, or after a timeout if the
// peer does not read: PingTimeout by WebSocket, 30 s for the next poll, or 2 s once
// Server.Shutdown has begun. It returns at once, and Conn.Closed(reason) follows. Only the
// first call counts.
func (s *Session) Close(reason Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life > open {
		return
	}
	wasOpen := s.life == open
	s.life, s.reason = closing, reason
	s.endDelay()
	if wasOpen {
		s.startClosing()
	}
}

// Abort closes the session at once and drops what is queued. Conn.Closed(reason) follows.
func (s *Session) Abort(reason Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(reason)
}

// pollingCloseTimeout is how long a closing session waits for the next poll.
const pollingCloseTimeout = 30 * time.Second

// startClosing sends what ends the session, and sets the deadline for it. s.mu is held.
//
// During an upgrade the peer has stopped to poll, but it may poll again. The
// queue is sent with that poll or at the end of the upgrade, whichever comes first.
func (s *Session) startClosing() {
	now := s.srv.now()
	if s.ws != nil {
		s.closeBy = now + s.srv.opts.PingTimeout
		s.ws.sendClose(plainCloseFrame)
	} else {
		s.closeBy = now + pollingCloseTimeout
		s.polling.answerPoll()
		if s.polling.needsNoPoll() {
			s.end(s.reason)
		}
	}
	s.arm()
}

// end ends the session and aborts its transport. A reason given to Close stays. s.mu is
// held.
func (s *Session) end(reason Reason) {
	if s.life != closed && s.ws != nil {
		s.ws.abort()
		s.ws.dropQueued()
	}
	s.endByReader(reason)
}

// endByReader is end for the reader of a WebSocket, which closes it in order. s.mu is
// held.
func (s *Session) endByReader(reason Reason) {
	if s.life == closed {
		return
	}
	if s.life != closing {
		s.reason = reason
	}
	s.life = closed
	s.endDelay()
	s.srv.alarmOf(s).Remove(s)
	if s.polling != nil {
		s.polling.end()
	}
	s.wakeFlush()
	if s.reads == 0 {
		s.reads++
		s.srv.start(s.endReading)
	}
}

// owns reports whether r may belong to s: whether it shows what Options.Bind returned for
// the session's first request, and comes from the same origin, as far as both say so. No
// request can do anything to a session by WebSocket, but if the session's ID is public an
// attacker must not even learn that there is one.
func (s *Session) owns(r *http.Request) bool {
	s.mu.Lock()
	known := s.bond
	s.mu.Unlock()
	if !s.srv.binder.matches(known, r, s.codec.rules().publicID) { // calls Options.Bind
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.polling == nil || s.polling.sameOrigin(r.Header.Get("Origin"))
}
