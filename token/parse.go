package token

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"socketiojwt/internal/hidden"
	"socketiojwt/internal/wirejson"
)

// parsed has the decoded parts of a token in compact serialization (RFC 7515, section 7.1).
// All copies of an Unverified share it, so it is not changed after parse.
type parsed struct {
	signingInput string // the two signed parts, as they were sent
	header       []byte // JSON
	payload      []byte // JSON in a well-formed token; parsed when it is needed
	signature    []byte
	refused      error // why the header is not accepted with any key
}

// parse decodes the parts of a token. It decodes no part of a token longer than max bytes.
func parse(compact string, max int) (Unverified, error) {
	if len(compact) > max {
		return Unverified{}, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, max)
	}
	header, rest, _ := strings.Cut(compact, ".")
	payload, signature, two := strings.Cut(rest, ".")
	if !two || strings.Contains(signature, ".") {
		return Unverified{}, fmt.Errorf("%w: not three parts", ErrMalformed)
	}
	// The decoder skips line breaks even when it is strict, so that one token would have
	// many encodings.
	if strings.ContainsAny(compact, "\r\n") {
		return Unverified{}, fmt.Errorf("%w: it contains a line break", ErrMalformed)
	}
	p := &parsed{signingInput: compact[:len(header)+1+len(payload)]}
	encoding := base64.RawURLEncoding.Strict()
	decoded := make([]byte, 0, encoding.DecodedLen(len(compact))) // for all parts
	for _, part := range []struct {
		encoded string
		decoded *[]byte
	}{{header, &p.header}, {payload, &p.payload}, {signature, &p.signature}} {
		start := len(decoded)
		var err error
		if decoded, err = encoding.AppendDecode(decoded, []byte(part.encoded)); err != nil {
			return Unverified{}, fmt.Errorf("%w: not base64url", ErrMalformed)
		}
		*part.decoded = decoded[start:len(decoded):len(decoded)]
	}
	u := Unverified{parsed: hidden.Of(p)}
	if err := u.readHeader(); err != nil {
		return Unverified{}, err
	}
	if len(signature) == 0 {
		p.refused = ErrUnsigned
	}
	return u, nil
}

// readHeader reads the header parameters that verification needs.
//
// crit is refused because no extension is supported (RFC 7515, section 4.1.11). b64 other
// than true is refused because a JWT must not have it (RFC 7797, section 7). jku, jwk, x5u
// and x5c are not read: a key or its address in the token proves nothing (RFC 8725, section
// 3.10). Other parameters are ignored, as RFC 7515, section 4, requires.
func (u *Unverified) readHeader() error {
	p := u.parsed.Get()
	err := eachMember(p.header, func(name []byte, start, end int) (err error) {
		text, ok := commonValues[string(p.header[start:end])]
		if !ok {
			text = string(p.header[start:end])
		}
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

// commonValues has the JSON of the usual header parameters, so that tokens share their
// memory.
var commonValues = func() map[string]string {
	values := make(map[string]string)
	for _, text := range []string{`"JWT"`, `"at+jwt"`} {
		values[text] = text
	}
	for alg := range algorithms {
		text := `"` + string(alg) + `"`
		values[text] = text
	}
	return values
}()

// optionalHeader returns the string of an optional header parameter. null counts as
// missing. A kid may be an integer, because it is only a name.
func optionalHeader(name, text string) (string, error) {
	if text == "null" {
		return "", nil
	}
	if number, ok := integer(text); ok && name == "kid" {
		return number, nil
	}
	return headerString(name, text)
}

// headerString returns the string of a header parameter. It must be short and printable,
// because these parameters are names that are logged and looked up.
func headerString(name, text string) (string, error) {
	value, ok := wirejson.Unquote(text)
	if !ok || !printable(value) {
		return "", fmt.Errorf("%w: %s is not a string of printable characters and at most %d bytes", ErrHeader, name, maxKeyID)
	}
	return value, nil
}

// printable reports whether name is short enough and contains only printable characters.
// Otherwise a key ID is opaque (RFC 7515, section 4.1.4).
func printable(name string) bool {
	return len(name) <= maxKeyID && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}
