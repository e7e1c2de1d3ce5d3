package engineio

import "strings"

const (
	headerExtensions = "Sec-Websocket-Extensions"

	// acceptDeflate is the answer to an offer of permessage-deflate. Neither end keeps a
	// window between messages, so that no connection keeps memory for compression.
	acceptDeflate = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
)

// negotiateDeflate returns the answer to the first offer of permessage-deflate in the values
// of Sec-WebSocket-Extensions that can be accepted, or "". It returns false for a list that
// RFC 6455, section 9.1, does not allow. Other extensions, and offers with parameters that
// are not valid, are declined (RFC 7692, section 7.1).
func negotiateDeflate(fields []string) (answer string, ok bool) {
	for _, field := range fields {
		list := extensionList{field}
		for list.skipEmpty(); list.rest != ""; list.skipEmpty() {
			accepted, ok := list.offer()
			if !ok {
				return "", false
			}
			if answer == "" {
				answer = accepted
			}
		}
	}
	return answer, true
}

// extensionList is what has not been parsed of a value of Sec-WebSocket-Extensions.
type extensionList struct{ rest string }

// offer parses an extension with its parameters, and the comma after it. The answer is empty
// if the offer is declined.
func (l *extensionList) offer() (answer string, ok bool) {
	name, ok := l.token()
	var d deflateOffer
	for ok && l.skip(';') {
		var parameter, value string
		if parameter, ok = l.token(); ok && l.skip('=') {
			value, ok = l.value()
		}
		d.add(parameter, value)
	}
	if !ok || l.rest != "" && l.rest[0] != ',' {
		return "", false
	}
	if name != "permessage-deflate" || d.declined {
		return "", true
	}
	if d.seen&seenServerWindow != 0 {
		return acceptDeflate + "; server_max_window_bits=15", true
	}
	return acceptDeflate, true
}

// deflateOffer collects the parameters of an offer of permessage-deflate.
type deflateOffer struct {
	seen     uint8
	declined bool
}

const seenServerWindow = 1

// add adds a parameter (RFC 7692, section 7.1). The value is empty if there is none.
func (d *deflateOffer) add(name, value string) {
	var bit uint8
	valid := value == ""
	switch name {
	case "server_max_window_bits":
		bit = seenServerWindow
		valid = value == "15" // package compress/flate cannot use a smaller window
	case "client_max_window_bits":
		bit = 2
		valid = valid || isWindowBits(value)
	case "server_no_context_takeover":
		bit = 4
	case "client_no_context_takeover":
		bit = 8
	}
	d.declined = d.declined || bit == 0 || !valid || d.seen&bit != 0
	d.seen |= bit
}

// isWindowBits reports whether value is a decimal number from 8 to 15.
func isWindowBits(value string) bool {
	switch value {
	case "8", "9", "10", "11", "12", "13", "14", "15":
		return true
	}
	return false
}

// skipEmpty skips the spaces and commas before the next extension.
func (l *extensionList) skipEmpty() { l.rest = strings.TrimLeft(l.rest, ", \t") }

// skip skips the character c with the spaces around it, and reports whether it was there.
func (l *extensionList) skip(c byte) bool {
	rest := strings.TrimLeft(l.rest, " \t")
	if rest == "" || rest[0] != c {
		l.rest = rest
		return false
	}
	l.rest = strings.TrimLeft(rest[1:], " \t")
	return true
}

// token parses a token.
func (l *extensionList) token() (string, bool) {
	end := strings.IndexAny(l.rest, `,;= `+"\t")
	if end < 0 {
		end = len(l.rest)
	}
	token := l.rest[:end]
	l.rest = l.rest[end:]
	return token, isHTTPToken(token)
}

// value parses the value of a parameter: a token, or a token in quotes.
func (l *extensionList) value() (string, bool) {
	if l.rest == "" || l.rest[0] != '"' {
		return l.token()
	}
	end := strings.IndexByte(l.rest[1:], '"')
	if end < 0 {
		return "", false
	}
	value := strings.ReplaceAll(l.rest[1:1+end], `\`, "")
	l.rest = l.rest[end+2:]
	return value, isHTTPToken(value)
}
