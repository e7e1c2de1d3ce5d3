package msgpack

import (
	"encoding/json"
	"errors"

	"github.com/tinylib/msgp/msgp"

	"socketiojwt/internal/wirejson"
)

const (
	// maxDepth bounds how deep arrays and maps nest. It is the limit of package socketio for
	// messages of other nodes.
	maxDepth = 10_000
	// maxText bounds the JSON text of a value. Text is at most 17 times as long as its
	// MessagePack.
	maxText = 64 << 20
)

// Errors of reading. They never contain a part of the input, which may hold a token.
var (
	ErrMalformed = errors.New("malformed MessagePack")
	ErrTooDeep   = errors.New("MessagePack is nested too deep")
	ErrTooLarge  = errors.New("MessagePack is too large as JSON")
	// ErrPlaceholder is returned for a value that contains both binary data and an object that
	// looks like the placeholder of an attachment, because peers could not distinguish them.
	ErrPlaceholder = errors.New("MessagePack contains a placeholder of an attachment beside binary data")
)

// Decode converts b, which is one value, to JSON text. Binary values become attachments, which
// alias b. Values that JSON does not have become what JSON.stringify writes for them: NaN,
// infinities and extensions other than timestamps become null, and a timestamp becomes a string.
// Invalid UTF-8 becomes U+FFFD. A member may be given twice, as in JSON.parse.
func Decode(b []byte) (text json.RawMessage, attachments [][]byte, err error) {
	r := NewReader(b)
	text, attachments = r.JSON()
	if err := r.Close(); err != nil {
		return nil, nil, err
	}
	return text, attachments, nil
}

// DecodeWithoutAttachments is Decode, but binary values become strings in base64, as in
// encoding/json.
func DecodeWithoutAttachments(b []byte) (json.RawMessage, error) {
	r := NewReader(b)
	d := decoder{text: make([]byte, 0, len(b)+len(b)/2), base64: true}
	r.read(&d)
	if err := r.Close(); err != nil {
		return nil, err
	}
	return d.text, nil
}

// decoder converts one value.
type decoder struct {
	text        []byte
	attachments [][]byte
	base64      bool
	// lookalikes is the number of members named like the member that marks a placeholder.
	lookalikes int
}

// value appends the value at the start of b, and returns what follows it.
func (d *decoder) value(b []byte, depth int) (rest []byte, err error) {
	if len(d.text) > maxText {
		return nil, ErrTooLarge
	}
	switch msgp.NextType(b) {
	case msgp.StrType:
		var s []byte
		if s, rest, err = msgp.ReadStringZC(b); err == nil {
			d.quote(s)
		}
	case msgp.MapType:
		return d.object(b, depth)
	case msgp.ArrayType:
		return d.array(b, depth)
	case msgp.BinType:
		var data []byte
		if data, rest, err = msgp.ReadBytesZC(b); err == nil {
			d.binary(data)
		}
	case msgp.NilType:
		d.text = append(d.text, "null"...)
		return b[1:], nil
	case msgp.ExtensionType, msgp.TimeType, msgp.Complex64Type, msgp.Complex128Type:
		return d.extension(b)
	case msgp.InvalidType:
		return nil, ErrMalformed
	default:
		d.text, rest, err = appendScalar(d.text, b)
	}
	if err != nil {
		return nil, ErrMalformed
	}
	return rest, nil
}

// appendScalar appends the boolean or number at the start of b.
func appendScalar(text, b []byte) (_, rest []byte, err error) {
	switch msgp.NextType(b) {
	case msgp.BoolType:
		var v bool
		if v, rest, err = msgp.ReadBoolBytes(b); v {
			return append(text, "true"...), rest, err
		}
		return append(text, "false"...), rest, err
	case msgp.IntType:
		var v int64
		v, rest, err = msgp.ReadInt64Bytes(b)
		return appendInt(text, v), rest, err
	case msgp.UintType:
		var v uint64
		v, rest, err = msgp.ReadUint64Bytes(b)
		return appendUint(text, v), rest, err
	case msgp.Float64Type, msgp.Float32Type:
		var v float64
		v, rest, err = msgp.ReadFloat64Bytes(b)
		return appendFloat(text, v), rest, err
	}
	return text, nil, ErrMalformed
}

func (d *decoder) array(b []byte, depth int) (rest []byte, err error) {
	n, rest, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return nil, ErrMalformed
	}
	if depth >= maxDepth {
		return nil, ErrTooDeep
	}
	d.text = append(d.text, '[')
	for i := range n {
		if i > 0 {
			d.text = append(d.text, ',')
		}
		if rest, err = d.value(rest, depth+1); err != nil {
			return nil, err
		}
	}
	d.text = append(d.text, ']')
	return rest, nil
}

func (d *decoder) object(b []byte, depth int) (rest []byte, err error) {
	n, rest, err := msgp.ReadMapHeaderBytes(b)
	if err != nil {
		return nil, ErrMalformed
	}
	if depth >= maxDepth {
		return nil, ErrTooDeep
	}
	d.text = append(d.text, '{')
	for i := range n {
		if i > 0 {
			d.text = append(d.text, ',')
		}
		var key []byte
		if key, rest, err = readKey(rest); err != nil {
			return nil, err
		}
		if string(key) == "_placeholder" {
			d.lookalikes++
		}
		d.quote(key)
		d.text = append(d.text, ':')
		if rest, err = d.value(rest, depth+1); err != nil {
			return nil, err
		}
	}
	d.text = append(d.text, '}')
	return rest, nil
}

// readKey reads the name of a member. A name that is not a string is converted to one, as in
// JavaScript. A name that is an array, a map or an extension is an error.
func readKey(b []byte) (key, rest []byte, err error) {
	switch msgp.NextType(b) {
	case msgp.StrType:
		key, rest, err = msgp.ReadStringZC(b)
	case msgp.BinType:
		key, rest, err = msgp.ReadBytesZC(b)
	case msgp.NilType:
		return []byte("null"), b[1:], nil
	default:
		key, rest, err = appendScalar(nil, b)
	}
	if err != nil {
		return nil, nil, ErrMalformed
	}
	return key, rest, nil
}

// quote appends a string.
func (d *decoder) quote(s []byte) {
	d.text, _ = wirejson.AppendQuote(d.text, s) // reports only invalid UTF-8, which it replaces
}

// binary appends the placeholder of a new attachment.
func (d *decoder) binary(data []byte) {
	if d.base64 {
		d.text = appendBase64(d.text, data)
		return
	}
	d.text = wirejson.AppendPlaceholder(d.text, len(d.attachments))
	d.attachments = append(d.attachments, data[:len(data):len(data)])
}
