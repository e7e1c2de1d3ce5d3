package engineio

import "errors"

// A session by WebSocket has one goroutine that waits for the peer. Work on a message
// makes a goroutine's stack grow, and it never shrinks back to its first 2 KiB. So if the
// connection can be polled, the goroutine that waits does nothing else. Another one, of a pool (see hands.go),
// reads what has arrived, and ends its work when it finds nothing. This costs less than a microsecond each time the
// peer sends something, and saves what the stack has grown and a buffer per silent session.
//
// By TLS, a goroutine waits until the peer sends something, and is then replaced by one that reads. That one
// starts the next one to wait. With Options.SharedWait there is no goroutine that waits.

// startReading starts to read ws, which is the session's transport. The goroutine replaces
// the caller as a reader of the session.
func (ws *webSocket) startReading() {
	ws.session.srv.beginTask()
	ws.session.srv.hands.enter()
	rests := ws.in.poll != nil && !ws.in.ready()
	ws.startWatch(rests)
	if rests {
		return
	}
	ws.session.srv.hands.run((*reading)(ws)) // there is something to read already, or TLS may have read it
}

// startWatch starts to watch a connection that can be polled. By TLS that needs Options.SharedWait.
func (ws *webSocket) startWatch(rests bool) {
	switch {
	case ws.in.poll != nil:
		ws.in.poll.startWatch(ws, rests)
	case ws.in.secure != nil:
		ws.session.srv.shared.watchTLS(ws)
	}
}

// reading is a webSocket as the Task that reads it.
type reading webSocket

// Run implements Task.
func (r *reading) Run() { (*webSocket)(r).read(nil) }

// await waits for the peer of a TLS connection with a small stack and without a buffer.
func (ws *webSocket) await() {
	ws.in.secure.wait()
	ws.session.srv.hands.run((*reading)(ws))
}

// read receives the messages that have arrived. An error, or err, ends the session.
func (ws *webSocket) read(err error) {
	for readBefore := false; err == nil; readBefore = true {
		var empty bool
		empty, err = ws.in.isEmpty(readBefore)
		switch {
		case err != nil:
		case !empty:
			err = ws.readMessage()
		case ws.rest():
			return
		}
	}
	ws.in.handOver()
	ws.endReading(err)
}

// rest passes on waiting for the peer, and then does what AfterMessages was given. It reports false if something
// has arrived, which the caller must read.
func (ws *webSocket) rest() bool {
	next := ws.in.next
	ws.in.next = nil
	switch {
	case ws.in.secure != nil && !ws.in.secure.isWatched():
		go ws.await()
	case !ws.in.rest():
		ws.in.next = next
		return false
	}
	if next != nil {
		next.Run()
	}
	return true
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
