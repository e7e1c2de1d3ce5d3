package token

import (
	"bytes"
	"errors"
	"fmt"

	"socketiojwt/internal/wirejson"
)

// maxDepth bounds how deeply headers and claims may nest.
const maxDepth = 64

// eachMember calls visit for each member of the JSON object in text, with the unescaped
// name and the bounds of the value. It fails with ErrMalformed if text is not exactly one
// strict JSON object, otherwise with the first error of visit.
func eachMember(text []byte, visit func(name []byte, start, end int) error) error {
	err := wirejson.Members(text, maxDepth, visit)
	if err == nil {
		return nil
	}
	syntax := (*wirejson.SyntaxError)(nil)
	switch {
	case errors.Is(err, wirejson.ErrDepth):
		return fmt.Errorf("%w: JSON nested deeper than %d", ErrMalformed, maxDepth)
	case errors.Is(err, wirejson.ErrDuplicateName):
		return fmt.Errorf("%w: a JSON member given twice", ErrMalformed)
	case errors.Is(err, wirejson.ErrNotObject), errors.As(err, &syntax):
		return fmt.Errorf("%w: not a strict JSON object", ErrMalformed)
	}
	return err // from visit
}

// decodeAll decodes the JSON object in text into the value that into points to.
func decodeAll(text []byte, into any) error {
	// The walk checks strictness and depth, also of members that into has no field for.
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

// findMember returns the value of the named member, or nil if there is none.
func findMember(text []byte, name string) (value []byte, err error) {
	err = eachMember(text, func(found []byte, start, end int) error {
		if string(found) == name {
			value = bytes.Clone(text[start:end])
		}
		return nil
	})
	return value, err
}

// decode unmarshals text into the value that into points to. Errors say by what which part
// of the token text is. They contain types, and no values.
func decode(text []byte, what string, into any) error {
	err := wirejson.UnmarshalCompatible(text, into)
	if err == nil {
		return nil
	}
	mismatch := "do not fit"
	var wrong *wirejson.TypeError
	if errors.As(err, &wrong) && wrong.GoType != nil {
		mismatch = fmt.Sprintf("do not fit into Go %.64s at %.64q", wrong.GoType, wrong.Pointer)
	}
	return &decodeError{text: fmt.Sprintf("%v: %s %s", ErrClaim, what, mismatch), cause: err}
}

// decodeError lets callers find the error of their own UnmarshalJSON with errors.As. It
// does not print that error, which may quote a claim.
type decodeError struct {
	text  string
	cause error
}

func (e *decodeError) Error() string   { return e.text }
func (e *decodeError) Unwrap() []error { return []error{ErrClaim, e.cause} }
