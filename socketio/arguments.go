package socketio

import (
	"bytes"
	"encoding/json"
	"fmt"

	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio/internal/packet"
)

// Arguments are the positional arguments of an event or of an acknowledgement,
// as they came. They are read-only and safe for concurrent use.
type Arguments struct {
	values      [][]byte // JSON
	attachments [][]byte
}

// Raw is one argument as it came: JSON and the attachments it refers to. Given
// to Emit or Ack it is passed on untouched, without being decoded.
type Raw struct {
	value       []byte
	attachments [][]byte
}

// JSON returns the argument's JSON, in which {"_placeholder":true,"num":N}
// stands for attachment N. The caller must not change it.
func (r Raw) JSON() json.RawMessage { return r.value }

// Attachments returns the attachments that the placeholders count. The caller
// must not change them.
func (r Raw) Attachments() [][]byte { return r.attachments }

// Format prints how long the argument is, for every verb, and never what it is.
func (r Raw) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "argument of %d bytes", len(r.value)) }

// Scan reads the argument into dst, as Event.Scan does.
func (r Raw) Scan(dst any) error { return wirejson.UnmarshalPeer(r.value, r.attachments, dst) }

// ParseArguments takes a JSON array of arguments apart, with the attachments that
// its placeholders count, and keeps both. It is for a Bus and for tests, which
// get packets by other ways than a connection.
func ParseArguments(array json.RawMessage, attachments [][]byte) (Arguments, error) {
	return newArguments(array, attachments, defaultMaxDepth)
}

// newArguments takes both over.
func newArguments(array []byte, attachments [][]byte, maxDepth int) (Arguments, error) {
	values, err := wirejson.SplitPeerArray(array, maxDepth)
	if err != nil {
		return Arguments{}, packet.ErrMalformed
	}
	a := Arguments{values: values, attachments: attachments}
	if len(attachments) > 0 && !a.placeholdersWithin() {
		return Arguments{}, packet.ErrMalformed
	}
	return a, nil
}

// EncodeArguments is the reverse of ParseArguments, for values as Emit takes them.
func EncodeArguments(args ...any) (array json.RawMessage, attachments [][]byte, err error) {
	e := encoders.Get().(*encoder)
	defer e.release()
	if err := e.write("", args); err != nil {
		return nil, nil, err
	}
	return bytes.Clone(e.JSON()), e.Attachments(), nil
}

// Format prints how many arguments there are, for every verb, and never what they
// are: an event may carry a token.
func (a Arguments) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "%d arguments", len(a.values)) }

// Len returns the number of arguments.
func (a Arguments) Len() int { return len(a.values) }

// Drop returns the arguments after the first n.
func (a Arguments) Drop(n int) Arguments {
	a.values = a.values[min(n, len(a.values)):]
	return a
}

// Args returns the arguments undecoded, each as a Raw, ready to be passed on:
//
//	s.Emit("message-back", e.Args()...)
func (a Arguments) Args() []any {
	args := make([]any, len(a.values))
	for i, v := range a.values {
		args[i] = Raw{value: v, attachments: a.attachments}
	}
	return args
}

// Scan reads the arguments into the values that dst points to, in order, as
// encoding/json would; a binary attachment is read into a []byte, at any depth,
// and into an any as a []byte. It fails with ErrArguments when there are fewer
// arguments than destinations or one is of another type; further arguments
// are ignored, as JavaScript does. Its errors never show the values.
func (a Arguments) Scan(dst ...any) error {
	if len(dst) > len(a.values) {
		return fmt.Errorf("%w: got %d, want %d", ErrArguments, len(a.values), len(dst))
	}
	for i, d := range dst {
		if err := wirejson.UnmarshalPeer(a.values[i], a.attachments, d); err != nil {
			return fmt.Errorf("%w: argument %d: %w", ErrArguments, i+1, err)
		}
	}
	return nil
}

// encode is the reverse of newArguments: the array of the values.
func (a Arguments) encode() []byte {
	array := append([]byte{'['}, bytes.Join(a.values, []byte{','})...)
	return append(array, ']')
}

// size returns the bytes that a keeps.
func (a Arguments) size() int {
	n := 0
	for _, v := range a.values {
		n += len(v) + 24
	}
	for _, v := range a.attachments {
		n += len(v) + 24
	}
	return n
}

// placeholdersWithin reports whether all placeholders name an attachment.
func (a Arguments) placeholdersWithin() bool {
	for _, v := range a.values {
		if !wirejson.EachPlaceholder(v, func(_, _, num int) bool { return num >= 0 && num < len(a.attachments) }) {
			return false
		}
	}
	return true
}
