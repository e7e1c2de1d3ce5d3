package wire

import (
	"encoding/json"
	"strconv"
	"time"

	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio"
)

// appendString appends a JSON string.
func appendString(b []byte, s string) []byte {
	b, _ = wirejson.AppendQuote(b, s) // reports only invalid UTF-8, which it replaces
	return b
}

// appendNames appends a JSON array of strings.
func appendNames(b []byte, names []string) []byte {
	b = append(b, '[')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, name)
	}
	return append(b, ']')
}

// appendRooms appends the lists of an opts, without its closing bracket.
func appendRooms(b []byte, to socketio.Selector) []byte {
	b = append(b, `{"rooms":`...)
	b = appendNames(b, to.Rooms)
	b = append(b, `,"except":`...)
	return appendNames(b, to.Except)
}

// appendFlags appends the flags of a broadcast.
func appendFlags(b []byte, m *socketio.Message) []byte {
	b = append(b, '{')
	if m.Volatile {
		b = append(b, `"volatile":true`...)
	}
	if m.Request != "" && m.Timeout > 0 {
		if m.Volatile {
			b = append(b, ',')
		}
		b = append(b, `"timeout":`...)
		b = strconv.AppendInt(b, ceilMilliseconds(m.Timeout), 10)
	}
	return append(b, '}')
}

// ceilMilliseconds rounds up.
func ceilMilliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

// appendOptions appends the opts of a message.
func appendOptions(b []byte, m *socketio.Message) []byte {
	b = appendRooms(b, m.To)
	b = append(b, `,"flags":`...)
	return append(appendFlags(b, m), '}')
}

// first returns the first element of an array, which is the only one that Node passes on.
func first(array json.RawMessage) (value []byte, err error) {
	if len(array) == 0 {
		return nil, nil
	}
	elements, err := wirejson.SplitPeerArray(array, maxDepth)
	if err != nil || len(elements) == 0 {
		return nil, err
	}
	return elements[0], nil
}

// appendBool appends a JSON boolean.
func appendBool(b []byte, v bool) []byte { return strconv.AppendBool(b, v) }
