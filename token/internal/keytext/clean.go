// Package keytext reads keys as people hand them over: PEM that went through an
// environment variable, a YAML file or a web page. It also tells key material from a
// shared secret.
package keytext

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"regexp"
)

// unescape undoes what a JSON or shell string does to a text. No form of a key has a
// backslash of its own.
var unescape = [][2]string{{`\r`, ""}, {`\n`, "\n"}, {`\"`, `"`}, {`\/`, `/`}}

// clean returns text without a byte order mark, the zero bytes of UTF-16, quotes and
// white space around it, and with escaped line breaks as line breaks.
func clean(text []byte) []byte {
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		text = bytes.ReplaceAll(text[2:], []byte{0}, nil)
	} else if len(text) > 5 && text[1] == 0 && text[3] == 0 && text[5] == 0 {
		text = bytes.ReplaceAll(text, []byte{0}, nil)
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	text = bytes.Trim(text, " \t\r\n\x00\"'`")
	if bytes.IndexByte(text, '\\') >= 0 {
		for _, pair := range unescape {
			text = bytes.ReplaceAll(text, []byte(pair[0]), []byte(pair[1]))
		}
	}
	return text
}

// armoured is a PEM block on however many lines.
var armoured = regexp.MustCompile(`(?s)-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END ([A-Z0-9 ]+)-----`)

var begin = []byte("-----BEGIN ")

// PEM returns text as a PEM text that encoding/pem reads. It mends blocks with escaped
// line breaks or without line breaks, text in UTF-16, after a byte order mark or in
// quotes, and undoes base64 around all of it. What it cannot mend it returns as it is.
func PEM(text []byte) []byte {
	text = clean(text)
	if !bytes.Contains(text, begin) {
		if decoded := clean(decodeBase64(text)); bytes.Contains(decoded, begin) {
			text = decoded
		}
	}
	blocks := 0
	for rest := text; ; blocks++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
	}
	if blocks == bytes.Count(text, begin) {
		return text
	}
	var mended []byte
	for _, match := range armoured.FindAllSubmatch(text, -1) {
		mended = append(mended, "-----BEGIN "+string(match[1])+"-----\n"...)
		mended = append(mended, withoutSpace(match[2])...)
		mended = append(mended, "\n-----END "+string(match[3])+"-----\n"...)
	}
	if mended == nil {
		return text
	}
	return mended
}

// BareDER returns the DER in a text that is its base64, as the body of a PEM block is;
// nil if that is not a key or a certificate.
func BareDER(text []byte) []byte {
	der := decodeBase64(clean(text))
	if derKind(der) == "" {
		return nil
	}
	return der
}

func withoutSpace(text []byte) []byte {
	if !bytes.ContainsAny(text, " \t\r\n") {
		return text
	}
	return bytes.Join(bytes.Fields(text), nil)
}

// inBase64 are the characters of base64, and the white space between its lines.
var inBase64 = func() (in [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_= \t\r\n" {
		in[c] = true
	}
	return in
}()

// decodeBase64 returns what text is the base64 of, in either alphabet, padded or not, on
// any number of lines; nil if it is not base64.
func decodeBase64(text []byte) []byte {
	for _, c := range text {
		if !inBase64[c] {
			return nil
		}
	}
	encoded := bytes.TrimRight(withoutSpace(text), "=")
	encoding := base64.RawStdEncoding
	if bytes.ContainsAny(encoded, "-_") {
		encoding = base64.RawURLEncoding
	}
	decoded := make([]byte, encoding.DecodedLen(len(encoded)))
	n, err := encoding.Decode(decoded, encoded)
	if err != nil {
		return nil
	}
	return decoded[:n]
}
