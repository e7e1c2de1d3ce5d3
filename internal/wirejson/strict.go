package wirejson

import (
	"bytes"
	"strings"
	"unicode/utf8"

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

// compatible are the rules of encoding/json, except those that could confuse two members
// with each other.
var compatible = json.JoinOptions(
	jsonv1.DefaultOptionsV1(),
	jsonv1.ReportErrorsWithLegacySemantics(false), // would go on after an error
	json.MatchCaseInsensitiveNames(false),
	jsontext.AllowDuplicateNames(false),
	jsontext.AllowInvalidUTF8(true), // UnmarshalCompatible checks the bytes
	json.WithUnmarshalers(numbersFrom),
)

// UnmarshalCompatible is Unmarshal for types that were written for encoding/json:
// tags, embedded structs, methods and bytes mean what they mean there. An escaped half
// of a surrogate pair becomes U+FFFD, as there.
func UnmarshalCompatible(text []byte, into any) error {
	if !utf8.Valid(text) {
		return &SyntaxError{}
	}
	return translate(json.Unmarshal(text, into, compatible))
}

// Marshal returns v as JSON. Nil slices and maps are [] and {}, nothing is escaped
// for HTML, and a string that is not valid UTF-8 is an error.
func Marshal(v any) ([]byte, error) { return json.Marshal(v) }

// Valid reports whether text is one strict JSON value.
func Valid(text []byte) bool { return jsontext.Value(text).IsValid() }

// Indent returns the JSON value in text with two spaces for each level. Its strings
// stay as they are spelled.
func Indent(text []byte) ([]byte, error) {
	value := jsontext.Value(bytes.Clone(text))
	err := value.Indent(jsontext.WithIndent("  "))
	return value, translate(err)
}

// Members calls visit for each member of the strict JSON object in text, except that
// values may hold escaped halves of surrogate pairs; visit decides about those that it
// reads, and Unquote refuses them. Names must not. Visit gets the unescaped name, which is
// valid during the call, and the bounds of the value. The error of visit ends the walk and
// is returned. Other errors are ErrDepth, ErrNotObject or a *SyntaxError. Text that nests
// deeper than maxDepth is ErrDepth; this is checked before anything is parsed.
func Members(text []byte, maxDepth int, visit func(name []byte, start, end int) error) error {
	return walk(text, maxDepth, walker{visit: visit, strictNames: true}, halves)
}

// PeerMembers is Members for what JSON.parse accepts: any member may be given twice,
// and a half of a surrogate pair in a name becomes U+FFFD.
func PeerMembers(text []byte, maxDepth int, visit func(name []byte, start, end int) error) error {
	return walk(text, maxDepth, walker{visit: visit}, peer)
}

var (
	// halves accepts escaped halves of surrogate pairs. The option also accepts bytes
	// that are not UTF-8, so those are looked for first.
	halves = jsontext.AllowInvalidUTF8(true)
	// peer accepts what JSON.parse accepts, under the same condition.
	peer = json.JoinOptions(halves, jsontext.AllowDuplicateNames(true))
)

func walk(text []byte, maxDepth int, w walker, opts json.Options) error {
	if !depthWithin(text, maxDepth) {
		return ErrDepth
	}
	if !utf8.Valid(text) {
		return &SyntaxError{}
	}
	err := json.Unmarshal(text, &w, opts)
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
	visit       func(name []byte, start, end int) error
	strictNames bool
	err         error // of visit
	notObject   bool
	name        [32]byte
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
		// The name is unescaped, because "\u0065xp" is exp.
		name, err := jsontext.AppendUnquote(w.name[:0], quoted)
		if err != nil && w.strictNames { // otherwise U+FFFD is in it
			return err
		}
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

// Unquote returns the string in text, a strict JSON value. It reports false if text is not
// a string. A string without escapes shares the memory of text.
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
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			if depth++; depth > limit {
				return false
			}
		case '}', ']':
			depth--
		}
	}
	return true
}
