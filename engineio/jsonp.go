package engineio

import (
	"bytes"
	"net/url"
	"strings"

	"socketiojwt/internal/wirejson"
)

// JSONP is polling for browsers without cross-origin requests (Engine.IO protocol
// 3, "JSONP"): a response is a script that calls a function of the page with the
// payload, and a POST is the form of an invisible frame. Any page can load a script
// from anywhere, so only sessions that began by JSONP may use it.

// isCallback reports whether j is a number, as the clients send it, or empty.
func isCallback(j string) bool {
	return len(j) <= 10 && strings.Trim(j, "0123456789") == ""
}

// script returns the response that calls a callback with payload, which is text.
func script(callback string, payload []byte) []byte {
	return append(append([]byte("___eio["+callback+"]("), wirejson.QuoteForScript(payload)...), ");"...)
}

// newlines decodes the payload in a form. Clients write a line feed as \n, because browsers
// turn a real one into two characters, and a \n of the payload as \\n.
var newlines = strings.NewReplacer(`\\n`, `\n`, `\n`, "\n")

// formPayload returns the payload in the form of a POST.
func formPayload(body []byte) ([]byte, error) {
	form, err := url.ParseQuery(string(bytes.TrimSpace(body)))
	if err != nil || len(form["d"]) != 1 {
		return nil, errPacket
	}
	return []byte(newlines.Replace(form.Get("d"))), nil
}

// trimForm returns the form of a POST that was cut, without an incomplete escape at its
// end.
func trimForm(body []byte) []byte {
	if i := bytes.LastIndexByte(body, '%'); i >= 0 && i > len(body)-3 {
		return body[:i]
	}
	return body
}
