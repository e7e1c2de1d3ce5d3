package wirejson

import (
	"bytes"
	"errors"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"socketiojwt/internal/turns"
)

// splitter splits an array without decoding its elements.
type splitter struct {
	buf bytes.Buffer
	dec jsontext.Decoder

	turn turns.Turn
}

var splitters = sync.Pool{New: func() any { return new(splitter) }}

// SplitPeerArray returns the elements of the JSON array in b as parts of b. Arrays
// that nest deeper than maxDepth are ErrDepth. Text that is not UTF-8 is an error.
func SplitPeerArray(b []byte, maxDepth int) ([][]byte, error) {
	return AppendPeerArray(make([][]byte, 0, 4), b, maxDepth)
}

// AppendPeerArray is SplitPeerArray that appends the elements to values.
func AppendPeerArray(values [][]byte, b []byte, maxDepth int) ([][]byte, error) {
	if simple, ok := appendSimple(values, b, true); ok && maxDepth > 0 {
		return simple, nil
	}
	err := eachOfPeerArray(b, maxDepth, func(value []byte) { values = append(values, value) })
	if err != nil {
		return nil, err
	}
	return values, nil
}

// ValidPeerArray reports whether SplitPeerArray(b, maxDepth) would succeed. It allocates nothing.
func ValidPeerArray(b []byte, maxDepth int) bool {
	if _, ok := appendSimple(nil, b, false); ok && maxDepth > 0 {
		return true
	}
	return eachOfPeerArray(b, maxDepth, func([]byte) {}) == nil
}

// eachOfPeerArray calls yield with each element of the array, in order. After an error some of the
// calls may have been made.
func eachOfPeerArray(b []byte, maxDepth int, yield func(value []byte)) error {
	if !depthWithin(b, maxDepth) {
		return ErrDepth
	}
	if !utf8.Valid(b) {
		return &SyntaxError{}
	}
	sp := splitters.Get().(*splitter)
	defer func() {
		sp.buf, sp.turn = bytes.Buffer{}, turns.Turn{} // do not keep the packet alive
		splitters.Put(sp)
	}()
	sp.buf = *bytes.NewBuffer(b)
	sp.dec.Reset(&sp.buf, peer)

	if tok, err := sp.dec.ReadToken(); err != nil || tok.Kind() != '[' {
		return ErrNotArray
	}
	for sp.dec.PeekKind() != ']' {
		start, end, err := sp.value(len(b) >= longArray)
		if err != nil {
			return err
		}
		yield(b[start:end:end])
	}
	if _, err := sp.dec.ReadToken(); err != nil {
		return translate(err)
	}
	if end := int(sp.dec.InputOffset()); len(bytes.TrimLeft(b[end:], " \t\r\n")) > 0 {
		return &SyntaxError{Offset: end}
	}
	return nil
}

// longArray is the size from which an array is read in turns with other goroutines. It takes
// longer than a turn.
const longArray = 32 << 10

// partDepth is how deep in an element its parts are read one by one. Parts that nest deeper are
// read at once, which is faster.
const partDepth = 2

// value reads an element of an array, and returns where it starts and ends. If the array is
// long, it reads the parts of the element one by one.
func (sp *splitter) value(long bool) (start, end int, err error) {
	outside := sp.dec.StackDepth()
	for {
		size := 1 // of a bracket
		if depth, kind := sp.dec.StackDepth(), sp.dec.PeekKind(); long && depth < outside+partDepth && (kind == '[' || kind == '{') || kind == ']' || kind == '}' {
			_, err = sp.dec.ReadToken()
		} else {
			var v jsontext.Value
			v, err = sp.dec.ReadValue()
			size = len(v)
		}
		if err != nil {
			return 0, 0, translate(err)
		}
		end = int(sp.dec.InputOffset())
		if start == 0 { // after the array's bracket, so that no element starts at 0
			start = end - size
		}
		if sp.dec.StackDepth() == outside {
			return start, end, nil
		}
		sp.turn.Step()
	}
}

// ValidPeerObject reports whether b is one JSON object that nests no deeper than
// maxDepth.
func ValidPeerObject(b []byte, maxDepth int) bool {
	v := jsontext.Value(b)
	return v.Kind() == '{' && depthWithin(b, maxDepth) && utf8.Valid(b) && v.IsValid(peer)
}

// UnquotePeer returns the string in value, a JSON value. An escaped half of a surrogate
// pair becomes U+FFFD.
func UnquotePeer(value []byte) (string, bool) {
	if s, ok := Plain(value); ok {
		return string(s), true
	}
	var s string
	err := json.Unmarshal(value, &s, peer)
	return s, err == nil && value[0] == '"'
}

// Plain returns the part of value between the quotes if it is a string of printable ASCII without
// escapes, which most names are and which needs no parser.
func Plain(value []byte) (inner []byte, ok bool) {
	if end := simpleString(value, 0); end == 0 || end < len(value) {
		return nil, false
	}
	return value[1 : len(value)-1], true
}

// AppendUnquotePeer appends the string in quoted, a JSON string, to b. An escaped half of a
// surrogate pair becomes U+FFFD. It reports false if quoted is not a JSON string.
func AppendUnquotePeer(b, quoted []byte) ([]byte, bool) {
	if !jsontext.Value(quoted).IsValid(peer) || quoted[0] != '"' {
		return b, false
	}
	b, _ = jsontext.AppendUnquote(b, quoted) // reports only U+FFFD
	return b, true
}

// peerTypes are the rules of encoding/json.
var peerTypes = json.JoinOptions(jsonv1.DefaultOptionsV1(), json.WithUnmarshalers(numbersFrom))

// UnmarshalPeer reads value into the Go value that into points to, by the rules of
// encoding/json. A placeholder is read as the attachment that it names, into a []byte
// or an any, at any depth. Errors are a *TypeError without a cause, because the
// error of a type's own method may quote the value.
func UnmarshalPeer(value []byte, attachments [][]byte, into any) error {
	if to, ok := into.(*string); ok && to != nil {
		if s, ok := Plain(value); ok {
			*to = string(s)
			return nil
		}
	}
	opts := peerTypes
	if len(attachments) > 0 {
		opts = json.JoinOptions(opts, json.WithUnmarshalers(json.JoinUnmarshalers(attachmentsInto(attachments), numbersFrom)))
	}
	err := translate(json.Unmarshal(value, into, opts))
	if err == nil {
		return nil
	}
	mismatch := new(TypeError)
	if errors.As(err, &mismatch) {
		mismatch.cause = nil
	}
	return mismatch
}

// attachmentsInto reads placeholders as the attachments they name.
func attachmentsInto(attachments [][]byte) *json.Unmarshalers {
	return json.JoinUnmarshalers(
		json.UnmarshalFromFunc(func(dec *jsontext.Decoder, into *[]byte) error {
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
			*into = bytes.Clone(attachments[num])
			return nil
		}),
		json.UnmarshalFromFunc(func(dec *jsontext.Decoder, into *any) error {
			if *into != nil { // it may hold a pointer, into which encoding/json reads
				return errors.ErrUnsupported
			}
			value, err := anyWith(dec, attachments)
			*into = value
			return err
		}),
	)
}

// anyWith reads the next value as encoding/json does into an any, and placeholders as
// the attachments they name. It reads each byte once, at whatever depth.
func anyWith(dec *jsontext.Decoder, attachments [][]byte) (any, error) {
	switch dec.PeekKind() {
	case '{':
		members, err := membersWith(dec, attachments)
		if members["_placeholder"] == true {
			if num, ok := members["num"].(float64); ok && num >= 0 && num < float64(len(attachments)) && num == float64(int(num)) {
				return bytes.Clone(attachments[int(num)]), err
			}
		}
		return members, err
	case '[':
		if _, err := dec.ReadToken(); err != nil {
			return nil, err
		}
		elements := []any{}
		for dec.PeekKind() != ']' {
			element, err := anyWith(dec, attachments)
			if err != nil {
				return nil, err
			}
			elements = append(elements, element)
		}
		_, err := dec.ReadToken()
		return elements, err
	}
	token, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case '"':
		return token.String(), nil
	case '0':
		return strconv.ParseFloat(token.String(), 64)
	case 't', 'f':
		return token.Bool(), nil
	}
	return nil, nil
}

// membersWith reads the next object. If a member is given twice, the last one counts.
func membersWith(dec *jsontext.Decoder, attachments [][]byte) (map[string]any, error) {
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	members := map[string]any{}
	for dec.PeekKind() != '}' {
		token, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		name := token.String()
		if members[name], err = anyWith(dec, attachments); err != nil {
			return nil, err
		}
	}
	_, err := dec.ReadToken()
	return members, err
}
