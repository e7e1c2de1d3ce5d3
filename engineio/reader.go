package engineio

import "errors"

// A session by WebSocket has one goroutine, but not always the same one. Work on a message
// makes a goroutine's stack grow, and it never shrinks back to its first 2 KiB. So if the
// connection can be polled, the goroutine that waits does nothing else. It passes
// the work to another one (see hands.go), which then starts the next one to wait. This costs less than a
// microsecond each time the peer sends something, and saves 2 KiB per silent session.

// startReading starts to read ws, which is the session's transport. The goroutine replaces
// the caller as a reader of the session.
func (ws *webSocket) startReading() {
	ws.session.srv.beginTask()
	ws.session.srv.hands.enter()
	if ws.in.secure != nil { // which may have read something already
		ws.session.srv.hands.run(TaskFunc(func() { ws.read(nil) }))
		return
	}
	go ws.await()
}

// await waits for the peer with a small stack and without a buffer.
func (ws *webSocket) await() {
	err := ws.in.await()
	ws.session.srv.hands.run(TaskFunc(func() { ws.read(err) }))
}

// read receives the messages that have arrived. An error, or err, ends the session.
func (ws *webSocket) read(err error) {
	for err == nil {
		if ws.in.awaits() {
			next := ws.in.next
			ws.in.next = nil
			go ws.await()
			if next != nil {
				next.Run()
			}
			return
		}
		err = ws.readMessage()
	}
	ws.in.handOver()
	ws.endReading(err)
}

// AfterMessages runs t on the caller's goroutine after that has passed on all messages that have
// arrived, and reading to another goroutine. That saves a change of goroutines for each message.
// If the caller's goroutine must go on reading first, t runs on another one. T may take as long as
// it wants. AfterMessages must be called by Conn.Message or OwningConn.OwnMessage.
func (s *Session) AfterMessages(t Task) {
	s.mu.Lock()
	ws := s.ws
	isReader := ws != nil && ws.delivers // an upgrade may have begun or ended during a POST
	s.mu.Unlock()
	if !isReader || ws.in.next != nil {
		s.srv.Go(t)
		return
	}
	ws.in.next = t
}

// readMessage receives one message.
func (ws *webSocket) readMessage() error {
	data, kind, err := ws.next(ws.control)
	ws.session.srv.figures.receivedBytes.Add(uint64(len(data)))
	if errors.Is(err, errLong) {
		return ws.readLong(data, kind)
	}
	if err != nil {
		return err
	}
	p, err := ws.codec.parseFrame(kind, data)
	if err != nil {
		return err
	}
	p.owned = ws.fresh
	return ws.session.receive(p)
}

// endReading ends the session because reading failed with err, and then closes the
// connection.
func (ws *webSocket) endReading(err error) {
	s := ws.session
	s.mu.Lock()
	s.endByReader(reasonOf(err))
	s.mu.Unlock()
	s.endReading()
	ws.close(err)
	s.srv.hands.leave()
	s.srv.endTask()
}

// control receives a ping or pong frame. These belong to WebSocket, and are not part of the
// session's heartbeat. If another ping has come already, only that one is answered, as RFC
// 6455, section 5.5.3, allows, because each answer is a write.
func (ws *webSocket) control(kind frameKind, payload []byte) {
	if kind != pingFrame || ws.anotherPing() {
		return
	}
	pong := appendFrame(nil, serverSide, pongFrame, "", payload)
	ws.session.mu.Lock()
	defer ws.session.mu.Unlock()
	ws.answerPing(pong)
}
