package socketio

import (
	"bytes"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"socketiojwt/socketio/internal/packet"
)

// splitter takes the payload of an EVENT or ACK apart without decoding it.
type splitter struct {
	buf bytes.Buffer
	dec jsontext.Decoder
}

var splitters = sync.Pool{New: func() any { return new(splitter) }}

// splitArray returns the members of a JSON array as slices of b. It accepts
// what JSON.parse accepts, nested no deeper than maxDepth, in valid UTF-8.
func splitArray(b []byte, maxDepth int) ([][]byte, error) {
	if !depthWithin(b, maxDepth) {
		return nil, packet.ErrMalformed
	}
	sp := splitters.Get().(*splitter)
	defer func() {
		sp.buf = bytes.Buffer{} // do not keep the packet alive
		splitters.Put(sp)
	}()
	sp.buf = *bytes.NewBuffer(b)
	sp.dec.Reset(&sp.buf, jsontext.AllowDuplicateNames(true))

	if tok, err := sp.dec.ReadToken(); err != nil || tok.Kind() != '[' {
		return nil, packet.ErrMalformed
	}
	values := make([][]byte, 0, 4)
	for sp.dec.PeekKind() != ']' {
		v, err := sp.dec.ReadValue()
		if err != nil {
			return nil, packet.ErrMalformed
		}
		end := int(sp.dec.InputOffset())
		values = append(values, b[end-len(v):end:end])
	}
	if _, err := sp.dec.ReadToken(); err != nil {
		return nil, packet.ErrMalformed
	}
	if len(bytes.TrimLeft(b[sp.dec.InputOffset():], " \t\r\n")) > 0 {
		return nil, packet.ErrMalformed
	}
	return values, nil
}

// validObject reports whether b is one JSON object, nested no deeper than
// maxDepth.
func validObject(b []byte, maxDepth int) bool {
	v := jsontext.Value(b)
	return v.Kind() == '{' && depthWithin(b, maxDepth) && v.IsValid(jsontext.AllowDuplicateNames(true))
}

// depthWithin reports whether the brackets in b nest no deeper than limit. It
// runs before any parser does, so that no parser meets deep input.
func depthWithin(b []byte, limit int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			if depth++; depth > limit {
				return false
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return true
}

// placeholder stands for an attachment in the JSON of a binary packet:
// {"_placeholder":true,"num":0}.
type placeholder struct {
	Placeholder bool `json:"_placeholder"`
	Num         *int `json:"num"`
}

// longestPlaceholder bounds the objects that are looked at as placeholders.
const longestPlaceholder = 128

// parsePlaceholder reports whether b is a placeholder, and of which attachment;
// -1 when it names none.
func parsePlaceholder(b []byte) (num int, ok bool) {
	if len(b) > longestPlaceholder || !bytes.Contains(b, []byte("_placeholder")) {
		return 0, false
	}
	var p placeholder
	err := json.Unmarshal(b, &p, jsontext.AllowDuplicateNames(true))
	switch {
	case !p.Placeholder:
		return 0, false
	case err != nil || p.Num == nil:
		return -1, true
	}
	return *p.Num, true
}

// eachPlaceholder calls f for each placeholder in value, which is valid JSON, in
// order, with its place. It stops when f returns false, and reports that.
func eachPlaceholder(value []byte, f func(start, end, num int) bool) bool {
	quoted := false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && c == '{':
			// A placeholder holds no object, so the next brace ends it.
			length := bytes.IndexByte(value[i:min(len(value), i+longestPlaceholder)], '}') + 1
			if length == 0 {
				continue
			}
			if num, ok := parsePlaceholder(value[i : i+length]); ok {
				if !f(i, i+length, num) {
					return false
				}
				i += length - 1
			}
		}
	}
	return true
}
