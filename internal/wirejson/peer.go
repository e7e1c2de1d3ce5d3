package wirejson

import (
	"bytes"
	"errors"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// splitter takes an array apart without decoding it.
type splitter struct {
	buf bytes.Buffer
	dec jsontext.Decoder
}

var splitters = sync.Pool{New: func() any { return new(splitter) }}

// SplitPeerArray returns the elements of the JSON array in b as parts of b. Arrays
// that nest deeper than maxDepth are ErrDepth.
func SplitPeerArray(b []byte, maxDepth int) ([][]byte, error) {
	if !depthWithin(b, maxDepth) {
		return nil, ErrDepth
	}
	sp := splitters.Get().(*splitter)
	defer func() {
		sp.buf = bytes.Buffer{} // do not keep the packet alive
		splitters.Put(sp)
	}()
	sp.buf = *bytes.NewBuffer(b)
	sp.dec.Reset(&sp.buf, jsontext.AllowDuplicateNames(true))

	if tok, err := sp.dec.ReadToken(); err != nil || tok.Kind() != '[' {
		return nil, ErrNotArray
	}
	values := make([][]byte, 0, 4)
	for sp.dec.PeekKind() != ']' {
		v, err := sp.dec.ReadValue()
		if err != nil {
			return nil, translate(err)
		}
		end := int(sp.dec.InputOffset())
		values = append(values, b[end-len(v):end:end])
	}
	if _, err := sp.dec.ReadToken(); err != nil {
		return nil, translate(err)
	}
	if end := int(sp.dec.InputOffset()); len(bytes.TrimLeft(b[end:], " \t\r\n")) > 0 {
		return nil, &SyntaxError{Offset: end}
	}
	return values, nil
}

// ValidPeerObject reports whether b is one JSON object that nests no deeper than
// maxDepth.
func ValidPeerObject(b []byte, maxDepth int) bool {
	v := jsontext.Value(b)
	return v.Kind() == '{' && depthWithin(b, maxDepth) && v.IsValid(jsontext.AllowDuplicateNames(true))
}

// UnquotePeer returns the string that value, a JSON value, is.
func UnquotePeer(value []byte) (string, bool) {
	var s string
	err := json.Unmarshal(value, &s)
	return s, err == nil && value[0] == '"'
}

// UnmarshalPeer reads value into the Go value that into points to, by the rules of
// encoding/json. A placeholder is read as the attachment that it names, into a []byte
// or an any, at any depth. Errors are a *TypeError without a cause, since the
// error of a type's own method may repeat the value.
func UnmarshalPeer(value []byte, attachments [][]byte, into any) error {
	opts := jsonv1.DefaultOptionsV1()
	if len(attachments) > 0 {
		opts = json.JoinOptions(opts, json.WithUnmarshalers(attachmentsInto(attachments)))
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
			if dec.PeekKind() != '{' {
				return errors.ErrUnsupported
			}
			v, err := dec.ReadValue()
			if err != nil {
				return err
			}
			if num, ok := parsePlaceholder(v); ok && num >= 0 && num < len(attachments) {
				*into = bytes.Clone(attachments[num])
				return nil
			}
			members := make(map[string]any)
			*into = members
			return json.Unmarshal(v, &members, dec.Options())
		}),
	)
}
