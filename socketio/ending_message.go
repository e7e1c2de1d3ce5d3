package socketio

import "errors"

// endingMessage returns the message that carries DisconnectSockets to other nodes.
func (b Broadcast) endingMessage(how error) (Message, error) {
	e := endingOf(how)
	m := Message{Kind: KindDisconnect, Temporary: e.Temporary, WholeConnection: e.WholeConnection, RetryAfter: e.RetryAfter}
	cause := how
	if e != plain {
		cause = e.Err
	}
	if cause != nil {
		m.Cause = cause.Error()
	}
	if e.Event == "" {
		return m, nil
	}
	err := withoutPanic(func() error {
		_, last, err := b.encode(e.Event, e.Args, 0, true)
		m.Data, m.Attachments = last.body.array, last.body.attachments
		return err
	})
	return m, err
}

// ending reads the result of endingMessage, as an argument for Socket.Disconnect.
func (m *Message) ending() (how error, err error) {
	var cause error
	if m.Cause != "" {
		cause = errors.New(m.Cause[:min(len(m.Cause), maxMessageCause)])
	}
	e := &Ending{Temporary: m.Temporary, WholeConnection: m.WholeConnection, RetryAfter: m.RetryAfter, Err: cause}
	switch {
	case len(m.Data) > 0:
		last, err := m.event()
		if err != nil {
			return nil, err
		}
		e.Event, e.Args = last.event, last.came.Args()
	case !e.Temporary && !e.WholeConnection:
		return cause, nil // as if a program of this node had passed it
	}
	return e, nil
}
