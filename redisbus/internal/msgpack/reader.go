package msgpack

import (
	"encoding/json"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"
)

// A Reader reads the values of b one after the other. After an error its methods return zero
// values, and Close returns the error. What they return aliases b.
type Reader struct {
	rest []byte
	err  error
}

// NewReader returns a Reader of b.
func NewReader(b []byte) *Reader { return &Reader{rest: b} }

// Close returns the first error. Bytes after the last value that was read are an error.
func (r *Reader) Close() error {
	if r.err == nil && len(r.rest) > 0 {
		r.err = ErrMalformed
	}
	return r.err
}

// Array reads the start of an array and returns the number of its elements, which must be read
// next.
func (r *Reader) Array() int {
	n, rest, err := msgp.ReadArrayHeaderBytes(r.rest)
	return r.count(uint64(n), 1, rest, err)
}

// Map reads the start of a map and returns the number of its members. The name and the value of
// each must be read next.
func (r *Reader) Map() int {
	n, rest, err := msgp.ReadMapHeaderBytes(r.rest)
	return r.count(uint64(n), 2, rest, err)
}

// count checks that n elements of at least size bytes can follow.
func (r *Reader) count(n uint64, size uint64, rest []byte, err error) int {
	if r.err != nil {
		return 0
	}
	if err != nil || n*size > uint64(len(rest)) {
		r.err = ErrMalformed
		return 0
	}
	r.rest = rest
	return int(n)
}

// Key reads the name of a member. A number is read as its digits.
func (r *Reader) Key() []byte {
	if r.err != nil {
		return nil
	}
	key, rest, err := readKey(r.rest)
	if err != nil {
		r.err = ErrMalformed
		return nil
	}
	r.rest = rest
	return key
}

// IsArray, IsMap and IsNil report whether the next value is an array, a map or nil.
func (r *Reader) IsArray() bool { return r.err == nil && msgp.NextType(r.rest) == msgp.ArrayType }
func (r *Reader) IsMap() bool   { return r.err == nil && msgp.NextType(r.rest) == msgp.MapType }
func (r *Reader) IsNil() bool   { return r.err == nil && msgp.NextType(r.rest) == msgp.NilType }

// JSON reads a value as Decode does.
func (r *Reader) JSON() (text json.RawMessage, attachments [][]byte) {
	// JSON is longer than MessagePack by its punctuation. The value may be much shorter than the rest.
	d := decoder{text: make([]byte, 0, min(len(r.rest)+len(r.rest)/2, 4<<10))}
	r.read(&d)
	return d.text, d.attachments
}

// Text reads a string or a number as a string. Invalid UTF-8 becomes U+FFFD. Any other value is
// not ok.
func (r *Reader) Text() (s string, ok bool) {
	if r.err != nil {
		return "", false
	}
	switch msgp.NextType(r.rest) {
	case msgp.StrType, msgp.IntType, msgp.UintType, msgp.Float64Type, msgp.Float32Type:
		if s = string(r.Key()); !utf8.ValidString(s) {
			s = string([]rune(s))
		}
		return s, r.err == nil
	}
	r.Skip()
	return "", false
}

// True reads a value and reports whether it is true.
func (r *Reader) True() bool {
	v, rest, err := msgp.ReadBoolBytes(r.rest)
	if r.err != nil || err != nil {
		r.Skip()
		return false
	}
	r.rest = rest
	return v
}

// Skip reads a value of any kind. It does not recurse.
func (r *Reader) Skip() {
	for left := uint64(1); left > 0 && r.err == nil; left-- {
		switch msgp.NextType(r.rest) {
		case msgp.ArrayType:
			left += uint64(r.Array())
		case msgp.MapType:
			left += 2 * uint64(r.Map())
		default:
			rest, err := msgp.Skip(r.rest)
			if err != nil {
				r.err = ErrMalformed
				return
			}
			r.rest = rest
		}
	}
}

// read reads a value by d.
func (r *Reader) read(d *decoder) {
	if r.err != nil {
		return
	}
	rest, err := d.value(r.rest, 0)
	switch {
	case err != nil:
	case len(d.text) > maxText:
		err = ErrTooLarge
	case len(d.attachments) > 0 && d.lookalikes > 0:
		err = ErrPlaceholder
	}
	if err != nil {
		r.err, d.text, d.attachments = err, nil, nil
		return
	}
	r.rest = rest
}
