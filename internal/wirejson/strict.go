package wirejson

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// Unmarshal reads text strictly into the value that into points to. Members that
// into does not have are ignored.
func Unmarshal(text []byte, into any) error { return translate(json.Unmarshal(text, into)) }

// UnmarshalKnown is Unmarshal, but members that into does not have are an error.
func UnmarshalKnown(text []byte, into any) error {
	return translate(json.Unmarshal(text, into, json.RejectUnknownMembers(true)))
}

// compatible are the rules of encoding/json, except those by which two members could
// be taken for one another.
var compatible = json.JoinOptions(
	jsonv1.DefaultOptionsV1(),
	jsonv1.ReportErrorsWithLegacySemantics(false), // would go on after an error
	json.MatchCaseInsensitiveNames(false),
	jsontext.AllowDuplicateNames(false),
	jsontext.AllowInvalidUTF8(false),
)

// UnmarshalCompatible is Unmarshal for types that were written for encoding/json:
// tags, embedded structs, methods and bytes mean what they mean there.
func UnmarshalCompatible(text []byte, into any) error {
	return translate(json.Unmarshal(text, into, compatible))
}

// Marshal returns v as JSON. Nil slices and maps are [] and {}, nothing is escaped
// for HTML, and a string that is not valid UTF-8 is an error.
func Marshal(v any) ([]byte, error) { return json.Marshal(v) }

// Valid reports whether text is one strict JSON value.
func Valid(text []byte) bool { return jsontext.Value(text).IsValid() }

// Indent returns the strict JSON value in text with two spaces for each level.
func Indent(text []byte) ([]byte, error) {
	value := jsontext.Value(bytes.Clone(text))
	err := value.Indent(jsontext.WithIndent("  "))
	return value, translate(err)
}

// Members calls visit for each member of the strict JSON object in text, with the
// unescaped name, which is valid during the call, and the bounds of the value. The
// error of visit ends the walk and is returned. Other errors are ErrDepth,
// ErrNotObject or a *SyntaxError. Text that nests deeper than maxDepth
// is ErrDepth; this is checked before anything is parsed.
func Members(text []byte, maxDepth int, visit func(name []byte, start, end int) error) error {
	return members(text, maxDepth, visit)
}

func members(text []byte, maxDepth int, visit func(name []byte, start, end int) error, opts ...json.Options) error {
	if !depthWithin(text, maxDepth) {
		return ErrDepth
	}
	w := walker{visit: visit}
	err := json.Unmarshal(text, &w, opts...)
	switch {
	case w.err != nil:
		return w.err
	case w.notObject:
		return ErrNotObject
	case err == nil:
		return nil
	}
	if syntax, ok := translate(err).(*SyntaxError); ok {
		return syntax
	}
	return &SyntaxError{}
}

// walker walks an object instead of unmarshaling it, because only Unmarshal uses
// decoders from the library's pool.
type walker struct {
	visit     func(name []byte, start, end int) error
	err       error // of visit
	notObject bool
	name      [32]byte
}

// UnmarshalJSONFrom walks the object that comes next.
func (w *walker) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '{' {
		w.notObject = true
		return ErrNotObject
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		quoted, err := dec.ReadValue()
		if err != nil {
			return err
		}
		// The name is unescaped, because "\u0065xp" is exp. The decoder has checked it.
		name, _ := jsontext.AppendUnquote(w.name[:0], quoted)
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		end := int(dec.InputOffset())
		if w.err = w.visit(name, end-len(value), end); w.err != nil {
			return w.err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// Unquote returns the string that text, a strict JSON value, is. It reports false if
// text is not a string. A string without escapes is returned as a part of text.
func Unquote(text string) (string, bool) {
	if text == "" || text[0] != '"' {
		return "", false
	}
	if !strings.Contains(text, `\`) {
		return text[1 : len(text)-1], true
	}
	value, err := jsontext.AppendUnquote(nil, text)
	return string(value), err == nil
}

// depthWithin reports whether the brackets in text nest no deeper than limit. It runs
// before the parser, so that the parser never meets deep input.
func depthWithin(text []byte, limit int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return false
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return true
}
