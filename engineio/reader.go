package engineio

import "errors"

// A session by WebSocket has one goroutine, but not the same one for ever. The
// work on a message makes a goroutine's stack grow, and it never shrinks back
// to its first 2 KiB. So where the connection can be polled, the goroutine that
// waits does nothing else, and starts another one to do the work; that one
// starts the next to wait. This costs less than a microsecond for each time
// the peer is heard, and saves 2 KiB for each session that is silent.

// startReading starts to read ws, which is the session's transport. The
// caller's part as a reader goes over to the goroutine.
func (s *Session) startReading(ws *webSocket) {
	s.srv.beginTask()
	go s.await(ws)
}

// await waits for the peer, where the stack is shallow and no buffer is held.
func (s *Session) await(ws *webSocket) {
	err := ws.in.wait()
	go s.read(ws, err)
}

// read takes the messages that are there, unless err or another error ends the
// session.
func (s *Session) read(ws *webSocket, err error) {
	for err == nil {
		if ws.in.poll != nil && !ws.in.ready() {
			go s.await(ws)
			return
		}
		err = s.readMessage(ws)
	}
	s.endReading(ws, err)
}

// readMessage takes one message.
func (s *Session) readMessage(ws *webSocket) error {
	control := func(kind frameKind, payload []byte) { s.control(ws, kind, payload) }
	data, kind, err := ws.next(control)
	if errors.Is(err, errLong) {
		return s.readLong(ws, data, kind, control)
	}
	if err != nil {
		return err
	}
	p, err := ws.codec.parseFrame(kind, data)
	if err != nil {
		return err
	}
	return s.receive(p)
}

// endReading ends the session, for whose transport err is the end, and then
// the connection.
func (s *Session) endReading(ws *webSocket, err error) {
	s.mu.Lock()
	s.endByReader(reasonOf(err))
	s.mu.Unlock()
	s.doneReading()
	ws.close(err)
	s.srv.endTask()
}

// control takes a ping or pong frame, which are WebSocket's own and have
// nothing to do with the heartbeat of the session.
func (s *Session) control(ws *webSocket, kind frameKind, payload []byte) {
	if kind != pingFrame {
		return
	}
	pong := appendFrame(nil, serverSide, pongFrame, "", payload)
	s.mu.Lock()
	defer s.mu.Unlock()
	ws.answerPing(pong)
}
