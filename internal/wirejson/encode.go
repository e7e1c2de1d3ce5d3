package wirejson

import (
	"bytes"
	"encoding/base64"
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// ErrPlaceholder is the error of encoding a value beside attachments that peers would
// read as one of these.
var ErrPlaceholder = errors.New("a value looks like the placeholder of an attachment")

// stringify are the rules of encoding/json, but HTML is not escaped, as
// JSON.stringify does not escape it.
var stringify = json.JoinOptions(
	jsonv1.DefaultOptionsV1(),
	jsontext.EscapeForHTML(false),
	jsontext.EscapeForJS(false),
	json.WithMarshalers(numbersTo),
)

// Stringify returns v as JSON by the rules of encoding/json, without escapes for
// HTML. Invalid UTF-8 becomes U+FFFD.
func Stringify(v any) ([]byte, error) { return json.Marshal(v, stringify) }

// AppendQuote appends s as a JSON string. Invalid UTF-8 becomes U+FFFD, and an
// error that reports it.
func AppendQuote[Text ~[]byte | ~string](b []byte, s Text) ([]byte, error) {
	return jsontext.AppendQuote(b, s)
}

// QuoteForScript returns text as a JSON string that is also a string of all versions
// of JavaScript, in which U+2028 and U+2029 end a line. Invalid UTF-8 becomes U+FFFD.
func QuoteForScript(text []byte) []byte {
	quoted, _ := json.Marshal(string(text), jsontext.EscapeForJS(true), jsontext.AllowInvalidUTF8(true)) // cannot fail
	return quoted
}

// An Encoder writes the arguments of a packet as a JSON array, and replaces each []byte in
// them, at any depth, by an attachment. Values of the type Raw of NewEncoder are written as
// the JSON that they contain, with unchanged strings. It must not be used concurrently.
type Encoder struct {
	json        bytes.Buffer
	attachments [][]byte
	options     json.Options
	unchanged   func(arg any) []byte // the JSON of a Raw that is written as it is; nil for other values
}

// NewEncoder returns an Encoder. Values of type Raw are valid JSON with the
// attachments that their placeholders count, both of which parts returns.
func NewEncoder[Raw any](parts func(Raw) (value []byte, attachments [][]byte)) *Encoder {
	e := new(Encoder)
	e.unchanged = func(arg any) []byte {
		if r, ok := arg.(Raw); ok {
			if value, attachments := parts(r); len(attachments) == 0 && isCompact(value) {
				return value
			}
		}
		return nil
	}
	e.options = json.JoinOptions(
		stringify,
		// Another spelling would lose the halves of surrogate pairs.
		jsontext.PreserveRawStrings(true),
		json.WithMarshalers(json.JoinMarshalers(
			json.MarshalToFunc(e.bytes),
			json.MarshalToFunc(func(enc *jsontext.Encoder, r Raw) error {
				value, attachments := parts(r)
				return e.raw(enc, value, attachments)
			}),
			numbersTo,
		)))
	return e
}

// Event writes the array that begins with the event's name.
func (e *Encoder) Event(name string, args []any) error {
	e.json.WriteByte('[')
	quoted, err := AppendQuote(e.json.AvailableBuffer(), name)
	if err != nil {
		return err
	}
	e.json.Write(quoted)
	return e.arguments(args, true)
}

// Arguments writes the array of args.
func (e *Encoder) Arguments(args []any) error {
	e.json.WriteByte('[')
	return e.arguments(args, false)
}

// JSON returns what was written. It is valid until Reset.
func (e *Encoder) JSON() []byte { return e.json.Bytes() }

// Attachments returns the attachments of what was written.
func (e *Encoder) Attachments() [][]byte { return e.attachments }

// Reset prepares e for the next packet.
func (e *Encoder) Reset() {
	e.json.Reset()
	e.attachments = nil
}

// Cap returns how many bytes e keeps over Reset.
func (e *Encoder) Cap() int { return e.json.Cap() }

// arguments appends args and the closing bracket.
func (e *Encoder) arguments(args []any, comma bool) error {
	for _, arg := range args {
		if comma {
			e.json.WriteByte(',')
		}
		comma = true
		if value := e.unchanged(arg); len(value) > 0 {
			e.json.Write(value)
			continue
		}
		if err := json.MarshalWrite(&e.json, arg, e.options); err != nil {
			return err
		}
	}
	e.json.WriteByte(']')
	// A peer reads every object that looks like a placeholder as one. Beside real
	// attachments, such an object would give the peer another value, or break its
	// connection.
	if len(e.attachments) > 0 && countPlaceholderNames(e.json.Bytes()) != len(e.attachments) {
		return ErrPlaceholder
	}
	return nil
}

// bytes marshals a []byte as the placeholder of an attachment.
func (e *Encoder) bytes(enc *jsontext.Encoder, b []byte) error {
	if b == nil {
		return errors.ErrUnsupported // null, as in encoding/json
	}
	// The packet may wait in a queue, and the caller may use b again.
	return e.attach(enc, bytes.Clone(b))
}

func (e *Encoder) attach(enc *jsontext.Encoder, b []byte) error {
	err := enc.WriteValue(AppendPlaceholder(nil, len(e.attachments)))
	e.attachments = append(e.attachments, b)
	return err
}

// raw marshals the JSON in value, its placeholders counted anew.
func (e *Encoder) raw(enc *jsontext.Encoder, value []byte, attachments [][]byte) error {
	if len(attachments) == 0 {
		return enc.WriteValue(value)
	}
	out := make([]byte, 0, len(value)+8)
	copied := 0
	EachPlaceholder(value, func(start, end, num int) bool {
		out = append(out, value[copied:start]...)
		out = AppendPlaceholder(out, len(e.attachments))
		e.attachments = append(e.attachments, attachments[num])
		copied = end
		return true
	})
	return enc.WriteValue(append(out, value[copied:]...))
}

// isCompact reports whether value, which is valid JSON, has no white space between its tokens.
func isCompact(value []byte) bool {
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '"':
			for i++; i < len(value) && value[i] != '"'; i++ {
				if value[i] == '\\' {
					i++
				}
			}
		case c <= ' ':
			return false
		}
	}
	return true
}

// AppendAttachments appends a JSON array with attachments in Base64.
func AppendAttachments(b []byte, attachments [][]byte) []byte {
	b = append(b, '[')
	for i, a := range attachments {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, a)
		b = append(b, '"')
	}
	return append(b, ']')
}
