package auth

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"socketiojwt/internal/wirejson"
	"socketiojwt/token"
)

// maxClaimDepth bounds how deeply claims may nest. Package token has the same bound.
const maxClaimDepth = 64

// eachClaim calls visit for each value of the claims that wanted selects: for the claim itself
// if it is a string, a number or a boolean, or for each such element if it is a list. Values
// are canonical, as canonicalValue returns them.
func eachClaim(t *token.Token, wanted func(name []byte) bool, visit func(name, value string)) {
	text := t.RawClaims()
	// It fails only for a literal Token, which has no claims.
	_ = wirejson.Members(text, maxClaimDepth, func(name []byte, start, end int) error {
		if !wanted(name) {
			return nil
		}
		value := string(text[start:end])
		if !strings.HasPrefix(value, "[") {
			if canonical, ok := canonicalValue(value); ok {
				visit(string(name), canonical)
			}
			return nil
		}
		var elements []json.RawMessage
		if wirejson.Unmarshal([]byte(value), &elements) != nil {
			return nil //nolint:nilerr // it has half of a surrogate pair, which no Match has
		}
		for _, element := range elements {
			if canonical, ok := canonicalValue(string(element)); ok {
				visit(string(name), canonical)
			}
		}
		return nil
	})
}

// canonicalValue returns the one text for a JSON string, number or boolean, so that equal
// values have equal texts. It reports false for any other text. Integers of 64 bits are exact;
// other numbers are equal if they are the same float64.
func canonicalValue(text string) (string, bool) {
	switch {
	case !wirejson.Valid([]byte(text)): // it may come from a stored text
		return "", false
	case text == "true", text == "false":
		return text, true
	case strings.HasPrefix(text, `"`):
		value, ok := wirejson.Unquote(text)
		if !ok {
			return "", false
		}
		quoted, err := wirejson.AppendQuote(nil, value)
		return string(quoted), err == nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return strconv.FormatInt(n, 10), true
	}
	f, err := strconv.ParseFloat(text, 64) // fails for objects, lists and null
	switch {
	case err != nil:
		return "", false
	case f == math.Trunc(f) && math.Abs(f) < 1<<53:
		return strconv.FormatInt(int64(f), 10), true
	}
	return strconv.FormatFloat(f, 'g', -1, 64), true
}
