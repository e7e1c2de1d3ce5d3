package wire

import (
	"strconv"

	"socketiojwt/redisbus/internal/msgpack"
	"socketiojwt/socketio"
)

// cluster is what Sharded and Streams have in common: the messages of Node's ClusterAdapter. Their
// types have the numbers of socketio.MessageKind.
type cluster struct{ prefix, uid string }

func (c cluster) all(namespace string) string { return prefixed(c.prefix, "", namespace) }

func (c cluster) room(namespace, room string) string { return prefixed(c.prefix, "", namespace, room) }

// appendData appends the member data of a message that is to be published.
func (c cluster) appendData(b []byte, m *socketio.Message) ([]byte, error) {
	b = append(b, '{')
	if m.Kind == socketio.KindServerSide {
		if m.Request != "" {
			b = appendString(append(b, `"requestId":`...), requestID(c.uid, m))
			b = append(b, ',')
		}
		b = append(append(b, `"packet":`...), m.Data...)
		return appendGo(b, m), nil
	}
	if m.Kind == socketio.KindBroadcast {
		b = append(b, `"packet":{"type":2,"data":`...)
		b = append(append(b, m.Data...), `},`...)
		if m.Request != "" {
			b = appendString(append(b, `"requestId":`...), requestID(c.uid, m))
			b = append(b, ',')
		}
	}
	b = append(b, `"opts":`...)
	b = appendOptions(b, m)
	switch m.Kind {
	case socketio.KindJoin, socketio.KindLeave:
		b = appendNames(append(b, `,"rooms":`...), m.Rooms)
	case socketio.KindDisconnect:
		b = appendBool(append(b, `,"close":`...), m.WholeConnection)
		var err error
		if b, err = appendEnding(b, m); err != nil {
			return nil, err
		}
	case socketio.KindFetch:
		b = appendString(append(b, `,"requestId":`...), requestID(c.uid, m))
	}
	return appendGo(b, m), nil
}

// appendGo appends the mark of a request of a Go node and the closing bracket.
func appendGo(b []byte, m *socketio.Message) []byte {
	if m.Request != "" {
		b = append(b, `,"go":`+asksGo...)
	}
	return append(b, '}')
}

// binary reports whether a message has binary data in Node's form. The last event of a
// DISCONNECT is not part of that form.
func binary(m *socketio.Message) bool {
	return len(m.Attachments) > 0 && m.Kind != socketio.KindDisconnect
}

// encode returns a message that is to be published.
func (c cluster) encode(m *socketio.Message, asMsgpack bool) ([]byte, error) {
	b := c.begin(m, 128+len(m.Data))
	b, err := c.appendData(b, m)
	if err != nil {
		return nil, err
	}
	return c.end(b, m, asMsgpack)
}

// encodeReply returns a reply to a node that is not a Go node.
func (c cluster) encodeReply(m *socketio.Message, asMsgpack bool) ([]byte, error) {
	if m.Request == "" || m.Ended {
		return nil, ErrNobody
	}
	id, _ := Asker(m.Request)
	b := c.begin(m, 128+len(m.Data)+512*len(m.Sockets))
	b = appendString(append(b, `{"requestId":`...), id)
	switch m.Kind {
	case socketio.KindSockets:
		b = appendSockets(append(b, `,"sockets":`...), m.Sockets)
	case socketio.KindCount:
		b = strconv.AppendInt(append(b, `,"clientCount":`...), int64(m.Count), 10)
	case socketio.KindAnswer, socketio.KindServerSideAnswer:
		var err error
		if b, err = appendValue(b, `,"packet":`, m); err != nil {
			return nil, err
		}
	default:
		return nil, ErrGoOnly
	}
	return c.end(append(b, '}'), m, asMsgpack)
}

// begin starts a message, up to its data.
func (c cluster) begin(m *socketio.Message, size int) []byte {
	b := append(make([]byte, 0, size), `{"type":`...)
	b = strconv.AppendInt(b, int64(m.Kind), 10)
	return append(b, `,"data":`...)
}

// end completes a message.
func (c cluster) end(b []byte, m *socketio.Message, asMsgpack bool) ([]byte, error) {
	b = c.appendSuffix(b, m.Namespace)
	switch {
	case binary(m):
		return msgpack.Append(nil, b, m.Attachments)
	case asMsgpack:
		return msgpack.Append(make([]byte, 0, len(b)), b, nil)
	}
	return b, nil
}

// appendSuffix appends what follows the data of a message.
func (c cluster) appendSuffix(b []byte, namespace string) []byte {
	b = appendString(append(b, `,"uid":`...), c.uid)
	b = appendString(append(b, `,"nsp":`...), namespace)
	return append(b, '}')
}

// decode decodes a message that was published on a channel of a namespace.
func (c cluster) decode(namespace string, payload []byte) (Received, error) {
	values, attachments, err := readMessage(payload)
	if err != nil {
		return Received{}, err
	}
	uid := id(values.uid)
	nsp, _ := text(values.nsp)
	if nsp != namespace {
		return Received{}, ErrOtherNamespace
	}
	kind, ok := number(values.kind)
	if !ok {
		return Received{}, ErrMalformed
	}
	if kind == int(socketio.KindSockets) && len(attachments) > 0 {
		// SocketInfo.Data is JSON without attachments.
		text, err := msgpack.DecodeWithoutAttachments(payload)
		if err != nil {
			return Received{}, ErrMalformed
		}
		if values, err = readMembers(text); err != nil {
			return Received{}, err
		}
		attachments = nil
	}
	return c.decodeData(namespace, uid, kind, values.data, attachments)
}

// decodeData decodes a message of the given type.
func (c cluster) decodeData(namespace, uid string, kind int, data []byte, attachments [][]byte) (Received, error) {
	switch {
	case uid == "" || len(uid) > maxID:
		uid = string(NoNode)
	case uid == c.uid:
		return Received{}, ErrOwn
	}
	m := Received{Message: socketio.Message{From: socketio.NodeID(uid), Namespace: namespace}}
	if kind < 0 || kind > 255 {
		return Received{}, ErrMalformed
	}
	m.Kind = socketio.MessageKind(kind)
	values, err := readMembers(data)
	if err != nil {
		return Received{}, err
	}
	switch m.Kind {
	case socketio.KindSockets, socketio.KindCount, socketio.KindAnswer, socketio.KindServerSideAnswer:
		err = m.readReply(c.uid, &values, attachments)
	default:
		err = m.readPublished(&values, attachments)
	}
	if err != nil {
		return Received{}, err
	}
	return m, nil
}

// readPublished reads what depends on the type of a message that was published.
func (m *Received) readPublished(values *members, attachments [][]byte) (err error) {
	request := id(values.requestID)
	m.Request = asker(request, askerNode, string(values.goMember) == asksGo)
	if m.Kind == socketio.KindServerSide {
		m.Attachments = attachments
		m.Data, err = array(values.packet, attachments)
		return err
	}
	switch m.Kind {
	case socketio.KindBroadcast:
		m.Attachments = attachments
		if m.Data, err = readPacket(values.packet, m.Namespace, attachments); err != nil {
			return err
		}
	case socketio.KindFetch:
		if request == "" {
			return ErrMalformed
		}
	case socketio.KindJoin, socketio.KindLeave:
		if m.Rooms, _, err = names(values.rooms); err != nil {
			return err
		}
	case socketio.KindDisconnect:
		if err = readEnding(&m.Message, values); err != nil {
			return err
		}
	default:
		return ErrMalformed
	}
	if err = m.readOptions(values.opts); m.Kind != socketio.KindBroadcast && m.Kind != socketio.KindFetch {
		m.Request, m.Volatile, m.Timeout = "", false, 0
	}
	return err
}

// readReply reads what depends on the type of a reply.
func (m *Received) readReply(uid string, values *members, attachments [][]byte) (err error) {
	var ok bool
	if m.Request, ok = OwnRequest(uid, id(values.requestID)); !ok || m.Request == "" {
		return ErrForeignReply
	}
	switch m.Kind {
	case socketio.KindSockets:
		m.Sockets, err = readSockets(values.sockets)
	case socketio.KindCount:
		m.Count, err = readCount(values.count)
	default:
		m.Attachments = attachments
		m.Data, err = single(values.packet, attachments)
	}
	return err
}
