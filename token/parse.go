package token

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"socketiojwt/internal/wirejson"
)

// parsed is a token in compact serialization, taken apart (RFC 7515, section 7.1).
// It is shared by all copies of an Unverified and never written to again.
type parsed struct {
	signingInput string // the two signed parts, as they were sent
	header       []byte // JSON
	payload      []byte // JSON, if the token is any good; parsed when it is asked for
	signature    []byte
	refused      error // why the header cannot be accepted, whatever key there is
}

// parse takes a token apart. Nothing is decoded of one that is larger than max.
func parse(compact string, max int) (Unverified, error) {
	if len(compact) > max {
		return Unverified{}, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, max)
	}
	header, rest, _ := strings.Cut(compact, ".")
	payload, signature, two := strings.Cut(rest, ".")
	if !two || strings.Contains(signature, ".") {
		return Unverified{}, fmt.Errorf("%w: not three parts", ErrMalformed)
	}
	// The decoder skips line breaks even when it is strict, so that one token
	// would have many spellings.
	if strings.ContainsAny(compact, "\r\n") {
		return Unverified{}, fmt.Errorf("%w: a line break in it", ErrMalformed)
	}
	p := &parsed{signingInput: compact[:len(header)+1+len(payload)]}
	for _, part := range []struct {
		encoded string
		decoded *[]byte
	}{{header, &p.header}, {payload, &p.payload}, {signature, &p.signature}} {
		decoded, err := base64.RawURLEncoding.Strict().DecodeString(part.encoded)
		if err != nil {
			return Unverified{}, fmt.Errorf("%w: not base64url", ErrMalformed)
		}
		*part.decoded = decoded
	}
	u := Unverified{parsed: func() *parsed { return p }}
	if err := u.readHeader(); err != nil {
		return Unverified{}, err
	}
	if len(signature) == 0 {
		p.refused = ErrUnsigned
	}
	return u, nil
}

// readHeader reads what verification needs of the header.
//
// Refused are crit, since we understand no extension (RFC 7515, section 4.1.11),
// and b64 other than true, which a JWT must not have (RFC 7797, section 7). Not
// even read are jku, jwk, x5u and x5c: a key that comes with a token, or whose
// address does, proves nothing (RFC 8725, section 3.10). Other parameters are
// ignored, as RFC 7515, section 4, asks.
func (u *Unverified) readHeader() error {
	p := u.parsed()
	err := eachMember(p.header, func(name []byte, start, end int) (err error) {
		text := string(p.header[start:end])
		switch string(name) {
		case "alg":
			var alg string
			alg, err = headerString("alg", text)
			u.Header.Algorithm = Algorithm(alg)
		case "kid":
			u.Header.KeyID, err = optionalHeader("kid", text)
		case "typ":
			u.Header.Type, err = optionalHeader("typ", text)
		case "crit":
			p.refused = fmt.Errorf("%w: it has critical extensions (crit)", ErrHeader)
		case "b64":
			if text != "true" {
				p.refused = fmt.Errorf("%w: it has an unencoded payload (b64)", ErrHeader)
			}
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case u.Header.Algorithm == "":
		return fmt.Errorf("%w: it has no alg", ErrHeader)
	case strings.EqualFold(string(u.Header.Algorithm), "none"):
		p.refused = ErrUnsigned
	}
	return nil
}

// optionalHeader returns the string of a header parameter that may be missing, which null
// means too. A kid may be an integer: it is a name whatever it looks like.
func optionalHeader(name, text string) (string, error) {
	if text == "null" {
		return "", nil
	}
	if number, ok := integer(text); ok && name == "kid" {
		return number, nil
	}
	return headerString(name, text)
}

// headerString returns the string of a header parameter. All those that we read
// are names, and may end in a log or be looked up: they are short and printable.
func headerString(name, text string) (string, error) {
	value, ok := wirejson.Unquote(text)
	if !ok || !printable(value) {
		return "", fmt.Errorf("%w: %s is not a string of up to %d bytes of printable characters", ErrHeader, name, maxKeyID)
	}
	return value, nil
}

// printable reports whether name is short and disturbs no log. A key ID is opaque
// otherwise (RFC 7515, section 4.1.4).
func printable(name string) bool {
	return len(name) <= maxKeyID && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}
