package wirejson

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Errors that reading returns.
var (
	ErrDuplicateName = errors.New("a JSON member given twice")
	ErrDepth         = errors.New("JSON nested too deep")
	ErrNotObject     = errors.New("not a JSON object")
	ErrNotArray      = errors.New("not a JSON array")
)

// A SyntaxError reports text that breaks the rules of JSON, or those of this
// package. It wraps ErrDuplicateName if a member is given twice.
type SyntaxError struct {
	Offset int // in bytes; the error is there or after it
	cause  error
}

// Error implements error.
func (e *SyntaxError) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%v, at byte %d", e.cause, e.Offset)
	}
	return fmt.Sprintf("invalid JSON at byte %d", e.Offset)
}

// Unwrap returns ErrDuplicateName or nil.
func (e *SyntaxError) Unwrap() error { return e.cause }

// A TypeError reports a JSON value that does not fit into the Go value. It wraps the
// error of the Go type's own method, if it has one.
type TypeError struct {
	GoType  reflect.Type // nil if unknown
	Kind    string       // of the JSON value: null, string, number, {, [; value if unknown
	Pointer string       // to the JSON value (RFC 6901)
	cause   error
}

// Error implements error.
func (e *TypeError) Error() string {
	if e.GoType == nil {
		return "cannot read JSON into the Go value"
	}
	return fmt.Sprintf("cannot read JSON %s into Go %s", e.Kind, e.GoType)
}

// Unwrap returns the error of the Go type's own method, or nil.
func (e *TypeError) Unwrap() error { return e.cause }

// translate turns an error of the library into one of this package.
func translate(err error) error {
	if err == nil {
		return nil
	}
	var syntax *jsontext.SyntacticError
	var semantic *json.SemanticError
	switch {
	case errors.As(err, &semantic):
		return &TypeError{GoType: semantic.GoType, Kind: kindName(semantic.JSONKind), Pointer: string(semantic.JSONPointer), cause: translate(semantic.Err)}
	case errors.As(err, &syntax):
		e := &SyntaxError{Offset: int(syntax.ByteOffset)}
		if errors.Is(err, jsontext.ErrDuplicateName) {
			e.cause = ErrDuplicateName
		}
		return e
	}
	return err
}

func kindName(k jsontext.Kind) string {
	switch k {
	case 'n', 't', 'f', '"', '0', '{', '[':
		return k.String()
	}
	return "value"
}
