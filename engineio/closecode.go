package engineio

// isCloseCode reports whether a peer may send code in a close frame: whether the IANA
// registry assigns it for use on the wire, or it is in the ranges for libraries and
// applications (RFC 6455, section 7.4;
// https://www.iana.org/assignments/websocket, "WebSocket Close Code Number Registry").
func isCloseCode(code uint16) bool {
	switch {
	case code == 1004, code == 1005, code == 1006: // reserved, or never sent
		return false
	case 1000 <= code && code <= 1014: // 1012 to 1014 came after the RFC
		return true
	default:
		return 3000 <= code && code <= 4999
	}
}
