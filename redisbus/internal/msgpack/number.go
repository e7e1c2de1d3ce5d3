package msgpack

import (
	"math"
	"strconv"
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
