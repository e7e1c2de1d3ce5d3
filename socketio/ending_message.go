package socketio

import "errors"

// EndingMessage returns the message by which DisconnectSockets ends sockets of other nodes. It has
// no Namespace and no To. It is for programs without a server that send messages to a cluster. If
// the last event of the Ending cannot be encoded, EndingMessage returns the message without it,
// and the error.
func EndingMessage(how error) (Message, error) {
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
	err := withoutPanic(func() (err error) {
		m.Data, m.Attachments, err = EncodeEvent(e.Event, e.Args...)
		return err
	})
	return m, err
}

// ending reads the result of EndingMessage, as an argument for Socket.Disconnect.
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
