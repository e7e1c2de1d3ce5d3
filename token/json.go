package token

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// maxDepth bounds how deeply headers and claims may nest.
const maxDepth = 64

// claimOptions decode into users' types by the rules of encoding/json that they
// know, but for those by which two members could be taken for one another: names
// match exactly, duplicates and invalid UTF-8 are errors (RFC 7519, section 4).
var claimOptions = json.JoinOptions(
	jsonv1.DefaultOptionsV1(),
	jsonv1.ReportErrorsWithLegacySemantics(false), // would go on after an error
	json.MatchCaseInsensitiveNames(false),
	jsontext.AllowDuplicateNames(false),
	jsontext.AllowInvalidUTF8(false),
)

// eachMember calls visit for the members of the JSON object in text, with the
// unescaped name and the bounds of the value. It fails with ErrMalformed if text
// is anything but one strict JSON object, else with the first error of visit.
func eachMember(text []byte, visit func(name []byte, start, end int) error) error {
	if !depthWithin(text, maxDepth) {
		return fmt.Errorf("%w: JSON nested deeper than %d", ErrMalformed, maxDepth)
	}
	members := memberVisitor{visit: visit}
	err := json.Unmarshal(text, &members)
	switch {
	case members.err != nil:
		return members.err
	case errors.Is(err, jsontext.ErrDuplicateName):
		return fmt.Errorf("%w: a JSON member given twice", ErrMalformed)
	case err != nil: // its text may quote the token
		return fmt.Errorf("%w: not a strict JSON object", ErrMalformed)
	}
	return nil
}

// memberVisitor is unmarshalled into by walking, so that the decoder is a pooled one.
type memberVisitor struct {
	visit func(name []byte, start, end int) error
	err   error // of visit
	name  [32]byte
}

// UnmarshalJSONFrom walks the object that comes next.
func (m *memberVisitor) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '{' {
		return errors.New("not an object")
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		quoted, err := dec.ReadValue()
		if err != nil {
			return err
		}
		// Unescaped here, since "\u0065xp" is exp.
		name, err := jsontext.AppendUnquote(m.name[:0], quoted)
		if err != nil {
			return err
		}
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		end := int(dec.InputOffset())
		if m.err = m.visit(name, end-len(value), end); m.err != nil {
			return m.err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// depthWithin reports whether text opens at most most brackets within each other.
// It runs before the parser, whose own bound is deeper than a token needs.
func depthWithin(text []byte, most int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > most {
				return false
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return true
}

// decodeAll decodes the JSON object in text into what into points to.
func decodeAll(text []byte, into any) error {
	// The walk makes sure of strictness and depth, whatever into ignores.
	if err := eachMember(text, func([]byte, int, int) error { return nil }); err != nil {
		return err
	}
	return decode(text, "the claims", into)
}

// decodeMember decodes the named member of the JSON object in text.
func decodeMember(text []byte, name string, into any) error {
	value, err := findMember(text, name)
	if err != nil {
		return err
	}
	if value == nil {
		return fmt.Errorf("%w: %.64q", ErrClaimMissing, name)
	}
	return decode(value, fmt.Sprintf("claim %.64q", name), into)
}

// findMember returns the value of the named member, nil if there is none.
func findMember(text []byte, name string) (value []byte, err error) {
	err = eachMember(text, func(found []byte, start, end int) error {
		if string(found) == name {
			value = bytes.Clone(text[start:end])
		}
		return nil
	})
	return value, err
}

// decode unmarshals text, whose place in the token what says. Its errors tell the
// types but no values.
func decode(text []byte, what string, into any) error {
	err := json.Unmarshal(text, into, claimOptions)
	if err == nil {
		return nil
	}
	mismatch := "do not fit"
	var semantic *json.SemanticError
	if errors.As(err, &semantic) && semantic.GoType != nil {
		mismatch = fmt.Sprintf("do not fit into Go %.64s at %.64q", semantic.GoType, semantic.JSONPointer)
	}
	return &decodeError{text: fmt.Sprintf("%v: %s %s", ErrClaim, what, mismatch), cause: err}
}

// decodeError lets callers find the error of their own UnmarshalJSON, without
// printing what it may quote.
type decodeError struct {
	text  string
	cause error
}

func (e *decodeError) Error() string   { return e.text }
func (e *decodeError) Unwrap() []error { return []error{ErrClaim, e.cause} }
