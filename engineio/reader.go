package engineio

import "errors"

// A session by WebSocket has one goroutine, but not always the same one. Work on a message
// makes a goroutine's stack grow, and it never shrinks back to its first 2 KiB. So if the
// connection can be polled, the goroutine that waits does nothing else. It starts another
// one for the work, which then starts the next one to wait. This costs less than a
// microsecond each time the peer sends something, and saves 2 KiB per silent session.

// startReading starts to read ws, which is the session's transport. The goroutine replaces
// the caller as a reader of the session.
func (s *Session) startReading(ws *webSocket) {
	s.srv.beginTask()
	go s.await(ws)
}

// await waits for the peer with a small stack and without a buffer.
func (s *Session) await(ws *webSocket) {
	err := ws.in.wait()
	go s.read(ws, err)
}

// read receives the messages that have arrived. An error, or err, ends the session.
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

// readMessage receives one message.
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

// endReading ends the session because reading failed with err, and then closes the
// connection.
func (s *Session) endReading(ws *webSocket, err error) {
	s.mu.Lock()
	s.endByReader(reasonOf(err))
	s.mu.Unlock()
	s.doneReading()
	ws.close(err)
	s.srv.endTask()
}

// control receives a ping or pong frame. These belong to WebSocket, and are not part of the
// session's heartbeat.
func (s *Session) control(ws *webSocket, kind frameKind, payload []byte) {
	if kind != pingFrame {
		return
	}
	pong := appendFrame(nil, serverSide, pongFrame, "", payload)
	s.mu.Lock()
	defer s.mu.Unlock()
	ws.answerPing(pong)
}
