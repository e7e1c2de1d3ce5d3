package engineio

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // RFC 6455 asks for it, and it protects nothing
	"encoding/base64"
	"errors"
	"net"
	"net/http"
)

var errNoHijacker = errors.New("the http.ResponseWriter has no Hijack method; a middleware that wraps it needs an Unwrap method")

// upgradeResponse returns the response that opens a WebSocket (RFC 6455, section 4.2.2) to r, which
// checkUpgrade must have accepted. It has the headers of set, and sets the cookie and accepts the
// extension unless these are empty.
func upgradeResponse(r *http.Request, set http.Header, cookie, extension string) []byte {
	const keyID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	accept := sha1.Sum([]byte(r.Header[headerKey][0] + keyID)) //nolint:gosec // see above
	response := make([]byte, 0, 384)                           // has room for the open packet
	response = append(response, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	response = base64.StdEncoding.AppendEncode(response, accept[:])
	response = append(response, "\r\n"...)
	if len(set) > 0 || cookie != "" || extension != "" || len(r.Header[headerProtocol]) > 0 {
		response = appendUpgradeHeader(response, r, set, cookie, extension)
	}
	return append(response, "\r\n"...)
}

// appendUpgradeHeader appends what most responses do not have.
func appendUpgradeHeader(response []byte, r *http.Request, set http.Header, cookie, extension string) []byte {
	header := upgradeHeader(set)
	if cookie != "" {
		header.Add("Set-Cookie", cookie)
	}
	if extension != "" {
		header["Sec-WebSocket-Extensions"] = []string{extension} // in the usual spelling
	}
	if subprotocol, _ := firstSubprotocol(r); subprotocol != "" {
		header["Sec-WebSocket-Protocol"] = []string{subprotocol}
	}
	var text bytes.Buffer
	_ = header.Write(&text) // a Buffer takes everything
	return append(response, text.Bytes()...)
}

// hijack takes over the connection of the request that w answers, with the bytes that were read
// from it and not used. It keeps none of net/http's buffers.
func hijack(w http.ResponseWriter) (conn net.Conn, early []byte, err error) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if n := rw.Reader.Buffered(); n > 0 {
		early, _ = rw.Reader.Peek(n)
		early = bytes.Clone(early)
	}
	conn, rest := unwrap(conn)
	return conn, append(early, rest...), nil
}
