package wirejson

import (
	"bytes"
	"math"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// placeholder stands for an attachment in the JSON of a binary packet:
// {"_placeholder":true,"num":0}.
type placeholder struct {
	Placeholder bool     `json:"_placeholder"`
	Num         *float64 `json:"num"`
}

// maxAttachments bounds the numbers of attachments.
const maxAttachments = 1 << 30

// longestPlaceholder bounds the objects that are looked at as placeholders.
const longestPlaceholder = 128

// parsePlaceholder reports whether b is a placeholder, and of which attachment;
// -1 if it does not name one.
func parsePlaceholder(b []byte) (num int, ok bool) {
	if len(b) > longestPlaceholder || !bytes.Contains(b, []byte("_placeholder")) && bytes.IndexByte(b, '\\') < 0 {
		return 0, false
	}
	var p placeholder
	err := json.Unmarshal(b, &p, peer)
	switch {
	case !p.Placeholder:
		return 0, false
	case err != nil || p.Num == nil || *p.Num < 0 || *p.Num > maxAttachments || *p.Num != math.Trunc(*p.Num):
		return -1, true
	}
	return int(*p.Num), true // JSON.parse reads 0.0 and 0e1 as 0, too
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
			if num, length, ok := Placeholder(value[i:]); ok {
				if !f(i, i+length, num) {
					return false
				}
				i += length - 1
			}
		}
	}
	return true
}

// Placeholder reports whether text, which is valid JSON from an object's opening brace on,
// begins with a placeholder, of which length, and of which attachment; -1 if it does not name
// one.
func Placeholder(text []byte) (num, length int, ok bool) {
	if num, length, ok := usualPlaceholder(text); ok {
		return num, length, true
	}
	// A placeholder holds no object, so the next brace ends it.
	length = bytes.IndexByte(text[:min(len(text), longestPlaceholder)], '}') + 1
	if length == 0 {
		return 0, 0, false
	}
	num, ok = parsePlaceholder(text[:length])
	return num, length, ok
}

// usualPlaceholder is Placeholder for the spelling that AppendPlaceholder and JavaScript use.
func usualPlaceholder(text []byte) (num, length int, ok bool) {
	const start = `{"_placeholder":true,"num":`
	if len(text) <= len(start) || string(text[:len(start)]) != start {
		return 0, 0, false
	}
	i := len(start)
	for i < len(text) && i < len(start)+6 && '0' <= text[i] && text[i] <= '9' {
		num = num*10 + int(text[i]-'0')
		i++
	}
	if i == len(start) || i == len(text) || text[i] != '}' {
		return 0, 0, false
	}
	return num, i + 1, true
}

// AppendPlaceholder appends the placeholder of attachment num.
func AppendPlaceholder(b []byte, num int) []byte {
	b = append(b, `{"_placeholder":true,"num":`...)
	b = strconv.AppendInt(b, int64(num), 10)
	return append(b, '}')
}

// countPlaceholderNames counts the strings in text, which is valid JSON, that are
// "_placeholder", however they are spelled.
func countPlaceholderNames(text []byte) int {
	const name = "_placeholder"
	if bytes.IndexByte(text, '\\') < 0 {
		return bytes.Count(text, []byte(`"`+name+`"`))
	}
	count := 0
	for {
		start := bytes.IndexByte(text, '"')
		if start < 0 {
			return count
		}
		end := start + 1
		for text[end] != '"' {
			if text[end] == '\\' {
				end++
			}
			end++
		}
		if quoted := text[start : end+1]; len(quoted) <= 2+6*len(name) {
			if s, err := jsontext.AppendUnquote(nil, quoted); err == nil && string(s) == name {
				count++
			}
		}
		text = text[end+1:]
	}
}
