package wire

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"time"

	"socketiojwt/internal/wirejson"
	"socketiojwt/redisbus/internal/msgpack"
	"socketiojwt/socketio"
)

// maxDepth bounds how deep a message nests. Package socketio accepts 10,000 levels of an event,
// which is at most four levels deep in a message.
const maxDepth = 10_004

// members are the members of a message or of one of its objects, as JSON. Those that are missing
// are nil.
type members struct {
	kind, uid, nsp, data, opts, rooms, except, flags    []byte
	requestID, oldRequestID, sid, room, close, goMember []byte
	packet, sockets, count, timeout, volatile           []byte
}

// slot returns where to keep the member with this name, or nil.
func (m *members) slot(name []byte) *[]byte {
	switch string(name) {
	case "type":
		return &m.kind
	case "uid":
		return &m.uid
	case "nsp":
		return &m.nsp
	case "data":
		return &m.data
	case "opts":
		return &m.opts
	case "rooms":
		return &m.rooms
	case "except":
		return &m.except
	case "flags":
		return &m.flags
	case "requestId":
		return &m.requestID
	case "requestid":
		return &m.oldRequestID
	case "sid":
		return &m.sid
	case "room":
		return &m.room
	case "close":
		return &m.close
	case "go":
		return &m.goMember
	case "packet":
		return &m.packet
	case "sockets":
		return &m.sockets
	case "clientCount":
		return &m.count
	case "timeout":
		return &m.timeout
	case "volatile":
		return &m.volatile
	}
	return nil
}

// readMembers reads an object of a message that is valid JSON.
func readMembers(object []byte) (m members, err error) {
	ok := eachMember(object, func(name, value []byte) {
		if slot := m.slot(name); slot != nil {
			*slot = value
		}
	})
	if !ok {
		return members{}, ErrMalformed
	}
	return m, nil
}

// readMessage reads a message that is JSON or MessagePack, as Node distinguishes them. Binary
// values become attachments.
func readMessage(payload []byte) (m members, attachments [][]byte, err error) {
	text := payload
	if len(payload) == 0 || payload[0] != '{' {
		text, attachments, err = msgpack.Decode(payload)
		if err != nil {
			return members{}, nil, ErrMalformed
		}
	} else if !wirejson.ValidPeerObject(payload, maxDepth) {
		return members{}, nil, ErrMalformed
	}
	m, err = readMembers(text)
	return m, attachments, err
}

// missing reports whether a member is missing or null.
func missing(value []byte) bool { return len(value) == 0 || value[0] == 'n' }

// text reads a string, or a number as its digits. Anything else is not ok.
func text(value []byte) (s string, ok bool) {
	switch {
	case len(value) == 0:
		return "", false
	case value[0] == '"' && bytes.IndexByte(value, '\\') < 0:
		return string(value[1 : len(value)-1]), true
	case value[0] == '"':
		return wirejson.UnquotePeer(value)
	case value[0] == '-' || '0' <= value[0] && value[0] <= '9':
		return string(value), true
	}
	return "", false
}

// maxID bounds the bytes of the ids of nodes and requests, which are kept. Those of Node have at
// most 16.
const maxID = 256

// id reads the id of a node or a request. Anything else, and one that is too long, is empty.
func id(value []byte) string {
	if s, ok := text(value); ok && len(s) <= maxID {
		return s
	}
	return ""
}

// number reads an integer.
func number(value []byte) (n int, ok bool) {
	n, err := strconv.Atoi(string(value))
	return n, err == nil
}

// names reads a list of rooms. Missing and null are an empty list. Elements that no room of
// package socketio can match are left out.
func names(value []byte) (list []string, complete bool, err error) {
	if missing(value) {
		return nil, true, nil
	}
	complete = true
	ok := eachElement(value, func(element []byte) {
		if name, ok := text(element); ok {
			list = append(list, name)
		} else {
			complete = false
		}
	})
	if !ok {
		return nil, false, ErrMalformed
	}
	return list, complete, nil
}

// selectorOf returns the selector for lists of a message of Node. There, no rooms means all
// sockets. If none of the rooms is a name, it selects no socket.
func selectorOf(rooms []string, complete bool, except []string) (socketio.Selector, error) {
	if len(rooms) == 0 && !complete {
		return socketio.Selector{}, ErrNobody
	}
	return socketio.Selector{All: len(rooms) == 0, Rooms: rooms, Except: except}, nil
}

// options are the opts of a message.
type options struct {
	to       socketio.Selector
	volatile bool
	timeout  time.Duration
}

// readOptions reads the opts of a message.
func readOptions(value []byte) (o options, err error) {
	m, err := readMembers(value)
	if err != nil {
		return o, err
	}
	rooms, complete, err := names(m.rooms)
	if err != nil {
		return o, err
	}
	except, _, err := names(m.except)
	if err != nil {
		return o, err
	}
	if o.to, err = selectorOf(rooms, complete, except); err != nil || missing(m.flags) {
		return o, err
	}
	flags, err := readMembers(m.flags)
	if err != nil {
		return o, err
	}
	o.volatile = string(flags.volatile) == "true"
	o.timeout = milliseconds(flags.timeout)
	return o, nil
}

// milliseconds reads a number of milliseconds. Anything else, and a number that is negative or
// longer than a day, is zero.
func milliseconds(value []byte) time.Duration {
	n, err := strconv.ParseFloat(string(value), 64)
	if err != nil || !(n > 0 && n < 24*60*60*1000) {
		return 0
	}
	return time.Duration(math.Ceil(n * float64(time.Millisecond)))
}

// readPacket reads the packet of a broadcast.
func readPacket(value []byte, namespace string, attachments [][]byte) (json.RawMessage, error) {
	m, err := readMembers(value)
	if err != nil {
		return nil, err
	}
	if !missing(m.nsp) {
		if nsp, _ := text(m.nsp); nsp != namespace {
			return nil, ErrOtherNamespace
		}
	}
	if !isEvent(string(m.kind)) {
		return nil, ErrMalformed
	}
	return array(m.data, attachments)
}

// isEvent reports whether the type of a packet is EVENT, or BINARY_EVENT of Socket.IO 2.
func isEvent(kind string) bool { return kind == "2" || kind == "5" }

// array checks that value is an array that contains all of the attachments.
func array(value []byte, attachments [][]byte) (json.RawMessage, error) {
	if len(value) == 0 || value[0] != '[' || !containsAll(value, attachments) {
		return nil, ErrMalformed
	}
	return value, nil
}

// containsAll reports whether all placeholders are in value. In a message of Node, no other part
// is binary. If some were, clients would wait for attachments that their event does not have.
func containsAll(value []byte, attachments [][]byte) bool {
	return len(attachments) == 0 || bytes.Count(value, []byte(`{"_placeholder":true,"num":`)) == len(attachments)
}

// single makes an array of one value. A missing value makes no array.
func single(value []byte, attachments [][]byte) (json.RawMessage, error) {
	if !containsAll(value, attachments) {
		return nil, ErrMalformed
	}
	if len(value) == 0 {
		return nil, nil
	}
	array := make([]byte, 0, len(value)+2)
	array = append(array, '[')
	array = append(array, value...)
	return append(array, ']'), nil
}
