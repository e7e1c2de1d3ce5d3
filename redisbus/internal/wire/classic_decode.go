package wire

import (
	"bytes"

	"socketiojwt/redisbus/internal/msgpack"
	"socketiojwt/socketio"
)

// DecodeBroadcast decodes a message of the channel All or Room of a namespace.
func (w Classic) DecodeBroadcast(namespace string, payload []byte) (Received, error) {
	if w.isOwn(payload) {
		return Received{}, ErrOwn
	}
	m := Received{Message: socketio.Message{Kind: socketio.KindBroadcast, Namespace: namespace}}
	r := msgpack.NewReader(payload)
	n := r.Array()
	if n < 3 {
		return Received{}, ErrMalformed
	}
	if uid, ok := r.Text(); ok && len(uid) <= maxID {
		m.From = socketio.NodeID(uid)
	}
	nsp, ok := readPackedPacket(r, &m.Message)
	rooms, complete, optsOK := readPackedOptions(r, &m.Message)
	for range n - 3 {
		r.Skip()
	}
	switch {
	case r.Close() != nil || !ok || !optsOK:
		return Received{}, ErrMalformed
	case nsp != namespace:
		return Received{}, ErrOtherNamespace
	}
	if m.From == "" {
		m.From = NoNode
	}
	var err error
	if m.To, err = selectorOf(rooms, complete, m.To.Except); err != nil {
		return Received{}, err
	}
	return m, nil
}

// readPackedPacket reads the packet of a broadcast. It is not ok without a type or an array.
func readPackedPacket(r *msgpack.Reader, m *socketio.Message) (nsp string, ok bool) {
	nsp = "/"
	var event bool
	for range r.Map() {
		switch string(r.Key()) {
		case "type":
			kind, _ := r.Text()
			event = isEvent(kind)
		case "data":
			if m.Data, m.Attachments = nil, nil; !r.IsArray() {
				r.Skip()
				continue
			}
			m.Data, m.Attachments = r.JSON()
		case "nsp":
			if nsp, ok = r.Text(); !ok {
				nsp = ""
			}
		default:
			r.Skip()
		}
	}
	return nsp, event && len(m.Data) > 0
}

// readPackedOptions reads the opts of a broadcast.
func readPackedOptions(r *msgpack.Reader, m *socketio.Message) (rooms []string, complete, ok bool) {
	complete, ok = true, r.IsMap()
	for range r.Map() {
		switch string(r.Key()) {
		case "rooms":
			var list bool
			rooms, complete, list = readPackedNames(r)
			ok = ok && list
		case "except":
			var list bool
			m.To.Except, _, list = readPackedNames(r)
			ok = ok && list
		case "flags":
			readPackedFlags(r, m)
		default:
			r.Skip()
		}
	}
	return rooms, complete, ok
}

// readPackedNames is names for MessagePack.
func readPackedNames(r *msgpack.Reader) (list []string, complete, ok bool) {
	if !r.IsArray() {
		ok = r.IsNil()
		r.Skip()
		return nil, true, ok
	}
	complete = true
	for range r.Array() {
		if name, ok := r.Text(); ok {
			list = append(list, name)
		} else {
			complete = false
		}
	}
	return list, complete, true
}

func readPackedFlags(r *msgpack.Reader, m *socketio.Message) {
	if !r.IsMap() {
		r.Skip()
		return
	}
	for range r.Map() {
		if string(r.Key()) == "volatile" {
			m.Volatile = r.True()
		} else {
			r.Skip()
		}
	}
}

// DecodeRequest decodes a message of the channel Requests of a namespace.
func (w Classic) DecodeRequest(namespace string, payload []byte) (Received, error) {
	values, attachments, err := readMessage(payload)
	if err != nil {
		return Received{}, err
	}
	if values.oldRequestID != nil {
		return Received{}, ErrOld
	}
	m := Received{Message: socketio.Message{From: NoNode, Namespace: namespace}}
	if uid := id(values.uid); uid != "" {
		m.From = socketio.NodeID(uid)
	}
	if string(m.From) == w.UID && m.From != NoNode {
		return Received{}, ErrOwn
	}
	if err := m.readRequest(&values, attachments); err != nil {
		return Received{}, err
	}
	return m, nil
}

// readRequest reads what depends on the type of a request.
func (m *Received) readRequest(values *members, attachments [][]byte) (err error) {
	kind, ok := number(values.kind)
	if !ok {
		return ErrMalformed
	}
	request := id(values.requestID)
	m.Request = asker(request, askerNode, string(values.goMember) == asksGo)
	answered := false // whether it must have an id
	switch kind {
	case typeSockets:
		answered, m.Kind, m.Request = true, socketio.KindFetch, asker(request, askerSockets, false)
		var rooms []string
		var complete bool
		if rooms, complete, err = names(values.rooms); err == nil {
			m.To, err = selectorOf(rooms, complete, nil)
		}
	case typeAllRooms:
		answered, m.AllRooms = true, true
	case typeJoin, typeLeave, typeDisconnect:
		err = m.readChange(kind, values, request)
	case typeFetch:
		answered, m.Kind = true, socketio.KindFetch
		err = m.readOptions(values.opts)
	case typeServerSide:
		m.Kind, m.Attachments = socketio.KindServerSide, attachments
		m.Data, err = array(values.data, attachments)
	case typeBroadcast:
		answered, m.Kind, m.Attachments = true, socketio.KindBroadcast, attachments
		if m.Data, err = readPacket(values.packet, m.Namespace, attachments); err == nil {
			err = m.readOptions(values.opts)
		}
	default:
		return ErrMalformed
	}
	if err == nil && answered && request == "" {
		return ErrMalformed
	}
	return err
}

func (m *Received) readOptions(value []byte) error {
	o, err := readOptions(value)
	m.To, m.Volatile, m.Timeout = o.to, o.volatile, o.timeout
	return err
}

// readChange reads JOIN, LEAVE and DISCONNECT. Without opts, they are those of version 6, which
// name one socket and one room, and want a confirmation.
func (m *Received) readChange(kind int, values *members, request string) (err error) {
	m.Kind = map[int]socketio.MessageKind{typeJoin: socketio.KindJoin, typeLeave: socketio.KindLeave, typeDisconnect: socketio.KindDisconnect}[kind]
	if missing(values.opts) {
		sid, ok := text(values.sid)
		if !ok || sid == "" {
			return ErrMalformed
		}
		m.To.Rooms = []string{sid}
		if request != "" {
			m.Confirm = sid
		}
	} else {
		if err := m.readOptions(values.opts); err != nil {
			return err
		}
		m.Request, m.Volatile, m.Timeout = "", false, 0
	}
	switch {
	case kind == typeDisconnect:
		return readEnding(&m.Message, values)
	case missing(values.opts):
		room, ok := text(values.room)
		if !ok {
			return ErrMalformed
		}
		m.Rooms = []string{room}
		return nil
	}
	m.Rooms, _, err = names(values.rooms)
	return err
}

// DecodeResponse decodes a message of the channel Responses of a namespace, or of that of
// responses to this node.
func (w Classic) DecodeResponse(namespace string, payload []byte) (Received, error) {
	// All nodes receive the responses of older nodes to any node. Those can be long.
	if !bytes.Contains(payload, []byte(w.UID+".")) {
		return Received{}, ErrForeignReply
	}
	values, attachments, err := readMessage(payload)
	if err != nil {
		return Received{}, err
	}
	m := Received{Message: socketio.Message{Namespace: namespace}}
	var ok bool
	if m.Request, ok = OwnRequest(w.UID, id(values.requestID)); !ok || m.Request == "" {
		return Received{}, ErrForeignReply
	}
	if err := m.readResponse(&values, attachments); err != nil {
		return Received{}, err
	}
	return m, nil
}

// readResponse reads what depends on the type of a response. One without a type describes
// sockets.
func (m *Received) readResponse(values *members, attachments [][]byte) (err error) {
	if missing(values.kind) {
		m.Kind = socketio.KindSockets
		m.Sockets, err = readSockets(values.sockets)
		return err
	}
	kind, ok := number(values.kind)
	if !ok {
		return ErrMalformed
	}
	switch kind {
	case typeCount:
		m.Kind = socketio.KindCount
		m.Count, err = readCount(values.count)
	case typeAnswer:
		m.Kind, m.Attachments = socketio.KindAnswer, attachments
		m.Data, err = single(values.packet, attachments)
	case typeServerSide:
		m.Kind, m.Attachments = socketio.KindServerSideAnswer, attachments
		m.Data, err = single(values.data, attachments)
	default:
		err = ErrMalformed
	}
	return err
}

// maxCount bounds the sockets that a node counts in one reply. It is the limit of package
// socketio.
const maxCount = 1_000_000

func readCount(value []byte) (int, error) {
	n, ok := number(value)
	if !ok || n < 0 || n > maxCount {
		return 0, ErrMalformed
	}
	return n, nil
}
