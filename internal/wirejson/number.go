package wirejson

import (
	stdjson "encoding/json"
	"errors"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// The library has its own Number type, and treats that of encoding/json as a string.
var (
	numbersFrom = json.UnmarshalFromFunc(func(dec *jsontext.Decoder, n *stdjson.Number) error {
		if isMemberName(dec.StackIndex(dec.StackDepth())) {
			return errors.ErrUnsupported
		}
		err := (*jsonv1.Number)(n).UnmarshalJSONFrom(dec)
		var mismatch *json.SemanticError
		if errors.As(err, &mismatch) {
			mismatch.GoType = reflect.TypeFor[stdjson.Number]()
		}
		return err
	})
	numbersTo = json.MarshalToFunc(func(enc *jsontext.Encoder, n stdjson.Number) error {
		if isMemberName(enc.StackIndex(enc.StackDepth())) {
			return errors.ErrUnsupported
		}
		return jsonv1.Number(n).MarshalJSONTo(enc)
	})
)

// isMemberName reports whether a member's name comes next, where encoding/json writes and
// reads a Number as any other string.
func isMemberName(in jsontext.Kind, index int64) bool { return in == '{' && index%2 == 0 }
