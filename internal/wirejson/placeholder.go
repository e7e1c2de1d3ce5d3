package wirejson

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// placeholder stands for an attachment in the JSON of a binary packet:
// {"_placeholder":true,"num":0}.
type placeholder struct {
	Placeholder bool `json:"_placeholder"`
	Num         *int `json:"num"`
}

// longestPlaceholder bounds the objects that are looked at as placeholders.
const longestPlaceholder = 128

// parsePlaceholder reports whether b is a placeholder, and of which attachment;
// -1 if it does not name one.
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

// EachPlaceholder calls f for each placeholder in value, which is valid JSON, in
// order, with its bounds and the number of its attachment, -1 if it does not name one.
// It stops when f returns false, and reports that.
func EachPlaceholder(value []byte, f func(start, end, num int) bool) bool {
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

func appendPlaceholder(b []byte, num int) []byte {
	b = append(b, `{"_placeholder":true,"num":`...)
	b = strconv.AppendInt(b, int64(num), 10)
	return append(b, '}')
}
