package socketio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"

	"socketiojwt/internal/hidden"
	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio/internal/packet"
)

// Arguments are the positional arguments of an event or of an acknowledgement, as received.
// They are read-only and safe for concurrent use.
type Arguments struct {
	values      [][]byte // JSON
	attachments [][]byte
}

// Raw is one argument as received: JSON and the attachments it refers to. Emit and Ack send a
// Raw unchanged, without decoding it.
type Raw struct {
	value       []byte
	attachments [][]byte
}

// JSON returns the argument's JSON, in which {"_placeholder":true,"num":N} stands for
// attachment N. The caller must not change it.
func (r Raw) JSON() json.RawMessage { return r.value }

// Attachments returns the attachments that the placeholders refer to. The caller must not
// change them.
func (r Raw) Attachments() [][]byte { return r.attachments }

func (r Raw) describe() hidden.Text {
	return hidden.Text(fmt.Sprintf("argument of %d bytes", len(r.value)))
}

// String returns the argument's length, and never its value.
func (r Raw) String() string { return r.describe().String() }

// Format writes the text of String for every verb.
func (r Raw) Format(f fmt.State, verb rune) { r.describe().Format(f, verb) }

// MarshalText returns the text of String, so that no encoder writes the value.
func (r Raw) MarshalText() ([]byte, error) { return r.describe().MarshalText() }

// LogValue returns the text of String, for slog.
func (r Raw) LogValue() slog.Value { return r.describe().LogValue() }

// Scan reads the argument into dst, as Event.Scan does.
func (r Raw) Scan(dst any) error { return wirejson.UnmarshalPeer(r.value, r.attachments, dst) }

// ParseArguments splits a JSON array into arguments. The placeholders in it refer to
// attachments. The result keeps both slices. It is for a Bus and for tests, which receive
// packets by other means than a connection.
func ParseArguments(array json.RawMessage, attachments [][]byte) (Arguments, error) {
	return newArguments(array, attachments, defaultMaxDepth)
}

// newArguments is ParseArguments with a limit on depth. It keeps both slices.
func newArguments(array []byte, attachments [][]byte, maxDepth int) (Arguments, error) {
	return splitArguments(make([][]byte, 0, 4), array, attachments, maxDepth)
}

// splitArguments is newArguments that appends the arguments to values, which must be empty.
func splitArguments(values [][]byte, array []byte, attachments [][]byte, maxDepth int) (Arguments, error) {
	values, err := wirejson.AppendPeerArray(values, array, maxDepth)
	if err != nil {
		return Arguments{}, packet.ErrMalformed
	}
	a := Arguments{values: values, attachments: attachments}
	if len(attachments) > 0 && !a.placeholdersWithin() {
		return Arguments{}, packet.ErrMalformed
	}
	return a, nil
}

// EncodeArguments is the reverse of ParseArguments. It accepts the same values as Emit.
func EncodeArguments(args ...any) (array json.RawMessage, attachments [][]byte, err error) {
	e := encoders.Get().(*encoder)
	defer e.release()
	if err := e.write("", args); err != nil {
		return nil, nil, err
	}
	return bytes.Clone(e.JSON()), e.Attachments(), nil
}

// EncodeEvent returns the Data and Attachments of a Message that carries an event. It accepts the
// same names and values as Emit. It is for programs without a server that send messages to a
// cluster.
func EncodeEvent(event string, args ...any) (array json.RawMessage, attachments [][]byte, err error) {
	_, body, err := encodeEvent("", 0, false, event, args)
	return body.array, body.attachments, err
}

func (a Arguments) describe() hidden.Text {
	return hidden.Text(fmt.Sprintf("%d arguments", len(a.values)))
}

// String returns the number of arguments, and never their values, because an event may carry
// a token.
func (a Arguments) String() string { return a.describe().String() }

// Format writes the text of String for every verb.
func (a Arguments) Format(f fmt.State, verb rune) { a.describe().Format(f, verb) }

// MarshalText returns the text of String, so that no encoder writes the value.
func (a Arguments) MarshalText() ([]byte, error) { return a.describe().MarshalText() }

// LogValue returns the text of String, for slog.
func (a Arguments) LogValue() slog.Value { return a.describe().LogValue() }

// Len returns the number of arguments.
func (a Arguments) Len() int { return len(a.values) }

// Drop returns the arguments after the first n.
func (a Arguments) Drop(n int) Arguments {
	a.values = a.values[min(n, len(a.values)):]
	return a
}

// Args returns the arguments undecoded, each as a Raw, ready to be sent on:
//
//	s.Emit("message-back", e.Args()...)
func (a Arguments) Args() []any {
	args := make([]any, len(a.values))
	for i, v := range a.values {
		args[i] = Raw{value: v, attachments: a.attachments}
	}
	return args
}

// Scan reads the arguments in order into the values that dst points to, as encoding/json would.
// A binary attachment at any depth is read into a []byte, or into an any as a []byte. Scan
// fails with ErrArguments if there are fewer arguments than destinations or an argument is of
// another type. Further arguments are ignored, as in JavaScript. Its errors never show the
// values.
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

// encode is the reverse of newArguments: it returns the JSON array of the values.
func (a Arguments) encode() []byte {
	array := append([]byte{'['}, bytes.Join(a.values, []byte{','})...)
	return append(array, ']')
}

// size returns the number of bytes that a keeps in memory.
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

// placeholdersWithin reports whether every placeholder refers to an existing attachment.
func (a Arguments) placeholdersWithin() bool {
	for _, v := range a.values {
		if !wirejson.EachPlaceholder(v, func(_, _, num int) bool { return num >= 0 && num < len(a.attachments) }) {
			return false
		}
	}
	return true
}
