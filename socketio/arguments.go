package socketio

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"

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
func (r Raw) JSON() stdjson.RawMessage { return r.value }

// Attachments returns the attachments that the placeholders count. The caller
// must not change them.
func (r Raw) Attachments() [][]byte { return r.attachments }

// Format prints how long the argument is, for every verb, and never what it is.
func (r Raw) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "argument of %d bytes", len(r.value)) }

// Scan reads the argument into dst, as Event.Scan does.
func (r Raw) Scan(dst any) error { return decodeValue(r.value, r.attachments, dst) }

// ParseArguments takes a JSON array of arguments apart, with the attachments that
// its placeholders count, and keeps both. It is for adapters and tests, which
// get packets by other ways than a connection.
func ParseArguments(array stdjson.RawMessage, attachments [][]byte) (Arguments, error) {
	return newArguments(array, attachments, defaultMaxDepth)
}

// newArguments takes both over.
func newArguments(array []byte, attachments [][]byte, maxDepth int) (Arguments, error) {
	values, err := splitArray(array, maxDepth)
	if err != nil {
		return Arguments{}, err
	}
	a := Arguments{values: values, attachments: attachments}
	if len(attachments) > 0 && !a.placeholdersWithin() {
		return Arguments{}, packet.ErrMalformed
	}
	return a, nil
}

// EncodeArguments is the reverse of ParseArguments, for values as Emit takes them.
func EncodeArguments(args ...any) (array stdjson.RawMessage, attachments [][]byte, err error) {
	e := encoders.Get().(*encoder)
	defer e.release()
	e.json.WriteByte('[')
	if err := e.arguments(args, false); err != nil {
		return nil, nil, err
	}
	return bytes.Clone(e.json.Bytes()), e.attachments, nil
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
		if err := decodeValue(a.values[i], a.attachments, d); err != nil {
			return fmt.Errorf("%w: argument %d: %w", ErrArguments, i+1, err)
		}
	}
	return nil
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
		if !eachPlaceholder(v, func(_, _, num int) bool { return num >= 0 && num < len(a.attachments) }) {
			return false
		}
	}
	return true
}

// decodeOptions are those of encoding/json.
var decodeOptions = json.JoinOptions(jsonv1.DefaultOptionsV1())

func decodeValue(value []byte, attachments [][]byte, dst any) error {
	opts := decodeOptions
	if len(attachments) > 0 {
		opts = json.JoinOptions(opts, json.WithUnmarshalers(attachmentsInto(attachments)))
	}
	return withoutValues(json.Unmarshal(value, dst, opts))
}

// attachmentsInto reads placeholders as the attachments they name.
func attachmentsInto(attachments [][]byte) *json.Unmarshalers {
	return json.JoinUnmarshalers(
		json.UnmarshalFromFunc(func(dec *jsontext.Decoder, dst *[]byte) error {
			if dec.PeekKind() != '{' {
				return errors.ErrUnsupported
			}
			v, err := dec.ReadValue()
			if err != nil {
				return err
			}
			num, ok := parsePlaceholder(v)
			if !ok || num < 0 || num >= len(attachments) {
				return errors.New("an object where bytes are wanted")
			}
			*dst = bytes.Clone(attachments[num])
			return nil
		}),
		json.UnmarshalFromFunc(func(dec *jsontext.Decoder, dst *any) error {
			if dec.PeekKind() != '{' {
				return errors.ErrUnsupported
			}
			v, err := dec.ReadValue()
			if err != nil {
				return err
			}
			if num, ok := parsePlaceholder(v); ok && num >= 0 && num < len(attachments) {
				*dst = bytes.Clone(attachments[num])
				return nil
			}
			members := make(map[string]any)
			*dst = members
			return json.Unmarshal(v, &members, dec.Options())
		}),
	)
}

// withoutValues cuts a decoding error down to what does not repeat the peer's
// data: it may hold a secret, and errors end in logs.
func withoutValues(err error) error {
	var semantic *json.SemanticError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &semantic) && semantic.GoType != nil:
		return fmt.Errorf("cannot read JSON %s into Go %s", kindName(semantic.JSONKind), semantic.GoType)
	default:
		return errors.New("cannot read JSON into the Go value")
	}
}

func kindName(k jsontext.Kind) string {
	switch k {
	case 'n', 't', 'f', '"', '0', '{', '[':
		return k.String()
	}
	return "value"
}
