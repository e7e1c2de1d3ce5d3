package wirejson

// Most events are short arrays of strings, numbers and literals. These need no parser. The code here
// accepts only what the parser would accept, and leaves everything else to it.

// longestSimple bounds the arrays that are tried without the parser, because what was read of them is
// read again if the parser is needed.
const longestSimple = 1 << 10

// appendSimple is AppendPeerArray for a short array without white space of strings of printable ASCII without
// escapes, integers and literals. It reports false for another array, and if b is not an array. If keep is false,
// it appends nothing.
func appendSimple(values [][]byte, b []byte, keep bool) ([][]byte, bool) {
	if len(b) > longestSimple || len(b) < 2 || b[0] != '[' {
		return nil, false
	}
	if len(b) == 2 && b[1] == ']' {
		return values, true
	}
	for start := 1; start < len(b); {
		end := simpleValue(b, start)
		if end == 0 || end == len(b) {
			return nil, false
		}
		if keep {
			values = append(values, b[start:end:end])
		}
		switch {
		case b[end] == ',':
			start = end + 1
		case b[end] == ']' && end == len(b)-1:
			return values, true
		default:
			return nil, false
		}
	}
	return nil, false
}

// FirstString returns the first element of the array in b, without its quotes, if it is a string of printable
// ASCII without escapes, and if there is no white space around it. The rest of the array is not read.
func FirstString(b []byte) (inner []byte, ok bool) {
	if len(b) == 0 || b[0] != '[' {
		return nil, false
	}
	end := simpleString(b, 1)
	if end == 0 || end == len(b) || b[end] != ',' && b[end] != ']' {
		return nil, false
	}
	return b[2 : end-1], true
}

// simpleValue returns the end of the simple value that starts in b, or 0 if it is not simple.
func simpleValue(b []byte, start int) (end int) {
	if start == len(b) {
		return 0
	}
	switch c := b[start]; {
	case c == '"':
		return simpleString(b, start)
	case c == '-' || c >= '0' && c <= '9':
		return simpleInteger(b, start)
	case c == 't':
		return literal(b, start, "true")
	case c == 'f':
		return literal(b, start, "false")
	case c == 'n':
		return literal(b, start, "null")
	}
	return 0
}

func simpleString(b []byte, start int) (end int) {
	if start >= len(b) || b[start] != '"' {
		return 0
	}
	for i := start + 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c < ' ' || c > '~' || c == '\\':
			return 0
		}
	}
	return 0
}

// simpleInteger ends before a fraction or an exponent, after which a comma or bracket is missing.
func simpleInteger(b []byte, start int) (end int) {
	if b[start] == '-' {
		start++
	}
	end = start
	for end < len(b) && b[end] >= '0' && b[end] <= '9' {
		end++
	}
	if end == start || b[start] == '0' && end > start+1 {
		return 0
	}
	return end
}

func literal(b []byte, start int, text string) (end int) {
	end = start + len(text)
	if end > len(b) || string(b[start:end]) != text {
		return 0
	}
	return end
}
