package msgpack

import (
	"errors"
	"math"
	"strconv"

	"github.com/tinylib/msgp/msgp"
)

// maxExact is the first integer from which on JavaScript cannot represent all integers.
const maxExact = 1 << 53

// appendInt appends a number as JSON.stringify does. Numbers that JavaScript cannot represent
// are rounded, because Node reads them so.
func appendInt(text []byte, v int64) []byte {
	if -maxExact <= v && v <= maxExact {
		return strconv.AppendInt(text, v, 10)
	}
	return appendFloat(text, float64(v))
}

func appendUint(text []byte, v uint64) []byte {
	if v <= maxExact {
		return strconv.AppendUint(text, v, 10)
	}
	return appendFloat(text, float64(v))
}

// appendFloat appends a number in the notation of JSON.stringify: ECMA-262, Number::toString.
func appendFloat(text []byte, v float64) []byte {
	size := math.Abs(v)
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return append(text, "null"...)
	case v == 0: // also -0
		return append(text, '0')
	case size >= 1e-6 && size < 1e21:
		return strconv.AppendFloat(text, v, 'f', -1, 64)
	}
	text = strconv.AppendFloat(text, v, 'e', -1, 64)
	// strconv writes at least two digits of the exponent, JavaScript only those it needs.
	if n := len(text); text[n-2] == '0' && (text[n-3] == '-' || text[n-3] == '+') {
		text[n-2] = text[n-1]
		text = text[:n-1]
	}
	return text
}

// number appends the next number.
func (e *encoder) number() bool {
	start := e.at
	for e.at < len(e.text) && isNumberByte(e.text[e.at]) {
		e.at++
	}
	digits := e.text[start:e.at]
	if v, ok := smallInt(digits); ok {
		e.b = AppendInt(e.b, v)
		return true
	}
	v, err := strconv.ParseFloat(string(digits), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) { // a number out of range is infinite, as in JSON.parse
		return false
	}
	if v == math.Trunc(v) && math.Abs(v) < maxExact {
		e.b = AppendInt(e.b, int64(v))
	} else {
		e.b = msgp.AppendFloat64(e.b, v)
	}
	return true
}

func isNumberByte(c byte) bool {
	return '0' <= c && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}

// smallInt parses an integer of at most 15 digits.
func smallInt(text []byte) (v int64, ok bool) {
	digits := text
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > 15 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	if len(digits) < len(text) {
		v = -v
	}
	return v, true
}
