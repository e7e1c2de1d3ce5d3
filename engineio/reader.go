package engineio

// serveWebSocket is the reader goroutine of a session whose transport is ws.
func (s *Session) serveWebSocket(ws *webSocket) {
	err := s.readWebSocket(ws)
	s.mu.Lock()
	s.end(reasonOf(err))
	s.mu.Unlock()
	s.doneReading()
	s.shut(ws, err)
}

// readWebSocket takes messages until there is an error.
func (s *Session) readWebSocket(ws *webSocket) error {
	for {
		// An idle session waits here, where the stack is shallow and no buffer
		// is held.
		if err := ws.in.wait(); err != nil {
			return err
		}
		data, kind, err := ws.next(func(kind frameKind, payload []byte) { s.control(ws, kind, payload) })
		if err != nil {
			return err
		}
		p, ok := packet{kind: packetMessage, binary: true, data: data}, true
		if kind == textFrame {
			p, ok = parsePacket(data)
		}
		if !ok {
			return errPacket
		}
		if err := s.receive(p); err != nil {
			return err
		}
	}
}

// control takes a ping or pong frame, which are WebSocket's own and have
// nothing to do with the heartbeat of the session.
func (s *Session) control(ws *webSocket, kind frameKind, payload []byte) {
	if kind != pingFrame {
		return
	}
	pong := appendFrame(nil, pongFrame, "", payload)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answerPing(ws, pong)
}
