package engineio

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// In the payloads of revision 3 (Engine.IO protocol 3, "Payload") each packet follows its
// length. There are two kinds: payloads of text, with binary data as base64 and lengths in
// UTF-16 units, and payloads of bytes, with lengths in bytes, for peers that accept binary
// data.

// The first byte of each packet in a payload of bytes, and the byte after its length.
const (
	stringPacket = 0x00
	binaryPacket = 0x01
	endOfLength  = 0xff
)

// maxLengthDigits bounds the length of a packet in decimal digits.
const maxLengthDigits = 10

// joinLegacyPayload returns the payload with the packets of queue, and reports whether
// it is one of bytes, which allowBinary permits.
//
// Text beyond ASCII makes it one of bytes too: clients of Socket.IO 1 expect such text
// to be encoded twice in a payload of text, those of Socket.IO 2 do not, and the server
// cannot tell them apart.
func joinLegacyPayload(queue []*Message, allowBinary bool) (body []byte, binary bool) {
	for _, m := range queue {
		binary = binary || allowBinary && (len(m.attachments) > 0 || !isASCII(m.text))
	}
	for _, m := range queue {
		forms := m.rareForms()
		if binary {
			body = append(body, forms.legacyBinaryPayload.get(func() []byte { return appendBinaryPayload(nil, m) })...)
		} else {
			body = append(body, forms.legacyPayload.get(func() []byte { return appendTextPayload(nil, m) })...)
		}
	}
	return body, binary
}

func appendTextPayload(dst []byte, m *Message) []byte {
	if m.text != nil {
		text := m.asciiText()
		dst = strconv.AppendInt(dst, int64(1+utf16Length(text)), 10)
		dst = append(dst, ':', byte(m.kind))
		dst = append(dst, text...)
	}
	for _, data := range m.attachments {
		dst = strconv.AppendInt(dst, int64(len(legacyBase64Prefix)+base64.StdEncoding.EncodedLen(len(data))), 10)
		dst = append(dst, ':')
		dst = append(dst, legacyBase64Prefix...)
		dst = base64.StdEncoding.AppendEncode(dst, data)
	}
	return dst
}

func appendBinaryPayload(dst []byte, m *Message) []byte {
	if m.text != nil {
		dst = appendLength(append(dst, stringPacket), 1+len(m.text))
		dst = append(dst, byte(m.kind))
		dst = append(dst, m.text...)
	}
	for _, data := range m.attachments {
		dst = appendLength(append(dst, binaryPacket), 1+len(data))
		dst = append(dst, typeOfBinary...)
		dst = append(dst, data...)
	}
	return dst
}

// appendLength appends the decimal digits of n as bytes 0 to 9, and endOfLength.
func appendLength(dst []byte, n int) []byte {
	start := len(dst)
	dst = strconv.AppendInt(dst, int64(n), 10)
	for i := start; i < len(dst); i++ {
		dst[i] -= '0'
	}
	return append(dst, endOfLength)
}

// readLegacyPayload is readPayload for a payload that may be binary.
func readLegacyPayload(payload []byte, binary bool, limit int, receive func(packet) error) error {
	next := nextInText
	if binary {
		next = nextInBytes
	}
	if len(payload) == 0 || !binary && !utf8.Valid(payload) {
		return errPacket
	}
	for n := 0; len(payload) > 0; n++ {
		if n == limit {
			return errTooManyPackets
		}
		p, rest, err := next(payload)
		if errors.Is(err, errIncomplete) {
			return errPacket
		}
		if err != nil {
			return err
		}
		if err := receive(p); err != nil {
			return err
		}
		payload = rest
	}
	return nil
}

// errIncomplete says that a payload ends before its packet does.
var errIncomplete = errors.New("engineio: incomplete packet")

// nextInText parses the first packet of a payload of text.
func nextInText(payload []byte) (p packet, rest []byte, err error) {
	digits, rest, found := bytes.Cut(payload, []byte{':'})
	length, ok := readLength(digits, '0')
	if !found || !ok {
		return packet{}, nil, errPacket
	}
	size, ok := bytesOf(rest, length)
	if !ok {
		return packet{}, nil, errIncomplete
	}
	p, err = parseLegacyText(decodedOnce(rest[:size]))
	return p, rest[size:], err
}

// nextInBytes parses the first packet of a payload of bytes.
func nextInBytes(payload []byte) (p packet, rest []byte, err error) {
	digits, rest, found := bytes.Cut(payload[1:], []byte{endOfLength})
	length, ok := readLength(digits, 0)
	switch {
	case !found || !ok:
		return packet{}, nil, errPacket
	case length > len(rest):
		return packet{}, nil, errIncomplete
	}
	data, rest := rest[:length], rest[length:]
	switch {
	case payload[0] == binaryPacket:
		p, err = parseLegacyBinary(data)
	case payload[0] == stringPacket && utf8.Valid(data):
		p, err = parseLegacyText(data)
	default:
		err = errPacket
	}
	return p, rest, err
}

// readLength parses a decimal number in which the byte zero is the digit 0.
func readLength(digits []byte, zero byte) (n int, ok bool) {
	if len(digits) == 0 || len(digits) > maxLengthDigits {
		return 0, false
	}
	for _, digit := range digits {
		if digit -= zero; digit > 9 {
			return 0, false
		}
		n = 10*n + int(digit)
	}
	return n, n >= 0 // int may have 32 bits
}

// bytesOf returns how many bytes of text, valid UTF-8, make length UTF-16 units.
func bytesOf(text []byte, length int) (size int, ok bool) {
	for length > 0 && size < len(text) {
		r, n := utf8.DecodeRune(text[size:])
		size += n
		length -= utf16.RuneLen(r)
	}
	return size, length == 0
}

func utf16Length(text []byte) (n int) {
	for _, r := range string(text) {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

func isASCII(text []byte) bool {
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// decodedOnce decodes a packet in a payload of text of a client of Socket.IO 1, which
// encodes it as UTF-8 before the request does so again. Such a packet has no character
// beyond U+00FF, and these characters taken as bytes are valid UTF-8. A packet of a client
// of Socket.IO 2 has that form only if it was garbled in the same way before.
func decodedOnce(text []byte) []byte {
	if isASCII(text) {
		return text
	}
	once := make([]byte, 0, len(text))
	for _, r := range string(text) {
		if r > 0xff {
			return text
		}
		once = append(once, byte(r))
	}
	if !utf8.Valid(once) {
		return text
	}
	return once
}
