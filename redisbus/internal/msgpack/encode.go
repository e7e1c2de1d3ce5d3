package msgpack

import (
	"bytes"
	"errors"
	"sync"

	"github.com/tinylib/msgp/msgp"

	"socketiojwt/internal/wirejson"
)

// ErrJSON is returned for text that is not valid JSON, or whose placeholders do not refer to the
// attachments. Package socketio never passes such a text.
var ErrJSON = errors.New("invalid JSON value, or invalid placeholder of an attachment")

// longestKept bounds the buffers that are reused for later values.
const longestKept = 1 << 10

var sizeBuffers = sync.Pool{New: func() any { return new([]uint32) }}

// Append appends the MessagePack of text, a JSON value, as notepack.io writes it: each header and
// integer in its shortest form, other numbers in 64 bits. Integers from 2^53 on are written as
// floating-point numbers, because notepack.io writes wrong bytes for them. Placeholders in text
// refer to attachments, if there are any, and become binary values.
func Append(b []byte, text []byte, attachments [][]byte) ([]byte, error) {
	buffer := sizeBuffers.Get().(*[]uint32)
	defer sizeBuffers.Put(buffer)
	sizes, err := count((*buffer)[:0], text)
	if cap(sizes) <= longestKept {
		*buffer = sizes
	}
	if err != nil {
		return b, err
	}
	e := encoder{b: b, text: text, sizes: sizes, attachments: attachments}
	if !e.value() {
		return b, ErrJSON
	}
	e.space()
	if e.at != len(text) {
		return b, ErrJSON
	}
	return e.b, nil
}

// AppendString, AppendArray, AppendMap and AppendInt append parts of a value.
func AppendString(b []byte, s string) []byte { return msgp.AppendString(b, s) }

// AppendArray appends the header of an array of n elements.
func AppendArray(b []byte, n int) []byte { return msgp.AppendArrayHeader(b, uint32(n)) }

// AppendMap appends the header of a map of n members.
func AppendMap(b []byte, n int) []byte { return msgp.AppendMapHeader(b, uint32(n)) }

// AppendInt appends an integer.
func AppendInt(b []byte, v int64) []byte {
	switch {
	case v >= maxExact || v <= -maxExact:
		return msgp.AppendFloat64(b, float64(v))
	case v >= 0:
		return msgp.AppendUint64(b, uint64(v))
	}
	return msgp.AppendInt64(b, v)
}

// AppendBool appends a boolean.
func AppendBool(b []byte, v bool) []byte { return msgp.AppendBool(b, v) }

// count appends the number of elements of each array and of members of each object in text, in
// the order of their opening brackets, because MessagePack writes it before them. It does not
// check the syntax.
func count(sizes []uint32, text []byte) ([]uint32, error) {
	var buffer [32]uint32
	open := buffer[:0] // indices into sizes
	empty := false     // nothing follows the last opening bracket
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case ' ', '\t', '\n', '\r':
			continue
		case '"':
			if i = stringEnd(text, i) - 1; i < 0 {
				return sizes, ErrJSON
			}
		case '[', '{':
			if len(open) == maxDepth {
				return sizes, ErrTooDeep
			}
			open = append(open, uint32(len(sizes)))
			sizes = append(sizes, 1)
			empty = true
			continue
		case ']', '}':
			if len(open) == 0 {
				return sizes, ErrJSON
			}
			if empty {
				sizes[open[len(open)-1]] = 0
			}
			open = open[:len(open)-1]
		case ',':
			if len(open) > 0 {
				sizes[open[len(open)-1]]++
			}
		}
		empty = false
	}
	if len(open) > 0 {
		return sizes, ErrJSON
	}
	return sizes, nil
}

// stringEnd returns the index after the string that starts at start, or 0 if it does not end.
func stringEnd(text []byte, start int) int {
	for i := start + 1; i < len(text); {
		quote := bytes.IndexByte(text[i:], '"')
		if quote < 0 {
			return 0
		}
		for quote += i; i <= quote; {
			escape := bytes.IndexByte(text[i:quote], '\\')
			if escape < 0 {
				return quote + 1
			}
			i += escape + 2
		}
	}
	return 0
}

// encoder converts one text. Its methods report false for invalid JSON.
type encoder struct {
	b           []byte
	text        []byte
	at          int
	sizes       []uint32 // of the arrays and objects that follow
	attachments [][]byte
}

func (e *encoder) space() {
	for e.at < len(e.text) {
		switch e.text[e.at] {
		case ' ', '\t', '\n', '\r':
			e.at++
		default:
			return
		}
	}
}

// next skips c, and reports whether it comes next.
func (e *encoder) next(c byte) bool {
	e.space()
	if e.at < len(e.text) && e.text[e.at] == c {
		e.at++
		return true
	}
	return false
}

// size returns the number of elements of the next array or object. It is 0 if the text is not
// valid JSON.
func (e *encoder) size() uint32 {
	if len(e.sizes) == 0 {
		return 0
	}
	n := e.sizes[0]
	e.sizes = e.sizes[1:]
	return n
}

// value appends the next value. The depth was checked by count.
func (e *encoder) value() bool {
	e.space()
	if e.at == len(e.text) {
		return false
	}
	switch e.text[e.at] {
	case '"':
		return e.string()
	case '[':
		return e.array()
	case '{':
		return e.object()
	case 'n':
		e.b = msgp.AppendNil(e.b)
		return e.literal("null")
	case 't':
		e.b = msgp.AppendBool(e.b, true)
		return e.literal("true")
	case 'f':
		e.b = msgp.AppendBool(e.b, false)
		return e.literal("false")
	}
	return e.number()
}

func (e *encoder) literal(s string) bool {
	end := e.at + len(s)
	if end > len(e.text) || string(e.text[e.at:end]) != s {
		return false
	}
	e.at = end
	return true
}

func (e *encoder) array() bool {
	e.at++
	n := e.size()
	e.b = msgp.AppendArrayHeader(e.b, n)
	for i := range n {
		if i > 0 && !e.next(',') || !e.value() {
			return false
		}
	}
	return e.next(']')
}

func (e *encoder) object() bool {
	if len(e.attachments) > 0 {
		if num, length, ok := wirejson.Placeholder(e.text[e.at:]); ok {
			return e.attachment(num, e.text[e.at:e.at+length])
		}
	}
	e.at++
	n := e.size()
	e.b = msgp.AppendMapHeader(e.b, n)
	for i := range n {
		if i > 0 && !e.next(',') {
			return false
		}
		if e.space(); !e.string() || !e.next(':') || !e.value() {
			return false
		}
	}
	return e.next('}')
}

// attachment appends attachment num in place of its placeholder.
func (e *encoder) attachment(num int, placeholder []byte) bool {
	if num < 0 || num >= len(e.attachments) {
		return false
	}
	e.at += len(placeholder)
	e.b = msgp.AppendBytes(e.b, e.attachments[num])
	// A placeholder may have further members, which contain arrays.
	for i := 0; i < len(placeholder); i++ {
		switch placeholder[i] {
		case '"':
			if i = stringEnd(placeholder, i) - 1; i < 0 {
				return false
			}
		case '[', '{':
			e.size()
		}
	}
	return true
}

func (e *encoder) string() bool {
	if e.at == len(e.text) || e.text[e.at] != '"' {
		return false
	}
	end := stringEnd(e.text, e.at)
	if end == 0 {
		return false
	}
	quoted := e.text[e.at:end]
	e.at = end
	if bytes.IndexByte(quoted, '\\') < 0 {
		e.b = msgp.AppendStringFromBytes(e.b, quoted[1:len(quoted)-1])
		return true
	}
	var buffer [128]byte
	s, ok := wirejson.AppendUnquotePeer(buffer[:0], quoted)
	e.b = msgp.AppendStringFromBytes(e.b, s)
	return ok
}
