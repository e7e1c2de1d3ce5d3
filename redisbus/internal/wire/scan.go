package wire

import (
	"bytes"

	"socketiojwt/internal/wirejson"
)

// The functions of this file walk over JSON that has been found valid as a whole, so that each
// byte of a message is parsed only once. In any other text they find an end, or nothing.

// eachMember calls f for each member of an object.
func eachMember(object []byte, f func(name, value []byte)) bool {
	return eachPart(object, '{', func(at int) int {
		nameEnd := valueEnd(object, at)
		colon := skipSpace(object, nameEnd)
		if nameEnd-at < 2 || colon >= len(object) {
			return len(object)
		}
		name := object[at+1 : nameEnd-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			name, _ = wirejson.AppendUnquotePeer(nil, object[at:nameEnd])
		}
		start := skipSpace(object, colon+1)
		end := valueEnd(object, start)
		f(name, object[start:end:end])
		return end
	})
}

// eachElement calls f for each element of an array.
func eachElement(array []byte, f func(value []byte)) bool {
	return eachPart(array, '[', func(at int) int {
		end := valueEnd(array, at)
		f(array[at:end:end])
		return end
	})
}

// eachPart calls part with the start of each part of an array or object. It returns the part's
// end. eachPart reports false if text does not begin with the opening bracket.
func eachPart(text []byte, open byte, part func(at int) int) bool {
	at := skipSpace(text, 0)
	if at >= len(text) || text[at] != open {
		return false
	}
	for {
		at = skipSpace(text, at+1)
		if at >= len(text) || text[at] == ']' || text[at] == '}' {
			return true
		}
		at = skipSpace(text, part(at))
		if at >= len(text) || text[at] != ',' {
			return true
		}
	}
}

func skipSpace(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r') {
		at++
	}
	return at
}

// valueEnd returns the index after the value that begins at at.
func valueEnd(text []byte, at int) int {
	depth := 0
	for i := at; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = stringEnd(text, i)
			if depth == 0 {
				return min(i+1, len(text))
			}
		case '[', '{':
			depth++
		case ']', '}':
			if depth--; depth == 0 {
				return i + 1
			}
			if depth < 0 {
				return i
			}
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
		}
	}
	return len(text)
}

// stringEnd returns the index of the quote that ends the string that begins at at.
func stringEnd(text []byte, at int) int {
	for i := at + 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return len(text)
}
