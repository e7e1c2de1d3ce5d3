package token

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"socketiojwt/internal/wirejson"
)

// claims are the registered claims (RFC 7519, section 4.1), each checked for its type, and
// the claims that Options name. Strings share the memory of the claims' text if possible.
type claims struct {
	issuer, subject, id string
	session             string // empty if sid is not a string
	audience            []string
	expiresAt           time.Time // zero if there is none
	notBefore           time.Time
	issuedAt            time.Time
	named               map[string]string // JSON by name; no entry if the claim is missing
}

// readClaims reads the registered claims of payload and the claims in v.names, in one walk.
// raw is a copy of payload. A registered claim that is null counts as missing. An iat that
// is not a NumericDate is an error only if MaxAge is set.
func (v *Verifier) readClaims(payload []byte, raw string) (c claims, err error) {
	names := v.names
	if len(names) > 0 {
		c.named = make(map[string]string, len(names))
	}
	err = eachMember(payload, func(name []byte, start, end int) (err error) {
		text := raw[start:end]
		for _, wanted := range names {
			if string(name) == wanted {
				c.named[wanted] = text
			}
		}
		if text == "null" {
			return nil
		}
		switch string(name) {
		case "iss":
			c.issuer, err = stringClaim("iss", text)
		case "sub":
			c.subject, err = v.subject(text)
		case "jti":
			c.id, err = stringClaim("jti", text)
		case "sid": // not a registered claim of RFC 7519, so it may have any type
			c.session, _ = wirejson.Unquote(text)
		case "aud":
			c.audience, err = stringsClaim("aud", text)
		case "exp":
			c.expiresAt, err = timeClaim("exp", text)
		case "nbf":
			c.notBefore, err = timeClaim("nbf", text)
		case "iat":
			if c.issuedAt, err = timeClaim("iat", text); v.opts.MaxAge == 0 {
				err = nil
			}
		}
		return err
	})
	return c, err
}

// integer reports whether text is a JSON integer of 64 bits in its shortest form, without
// an exponent. Each integer has one such form.
func integer(text string) (string, bool) {
	if strings.HasPrefix(text, `"`) { // the usual case, in which ParseInt would allocate an error
		return text, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return text, err == nil && strconv.FormatInt(n, 10) == text
}

// nameOrNumber returns the value of text, a JSON string, or the digits of a JSON integer.
func nameOrNumber(text string) (string, bool) {
	if number, ok := integer(text); ok {
		return number, true
	}
	return wirejson.Unquote(text)
}

// subject returns the subject from text, the JSON value of sub.
func (v *Verifier) subject(text string) (string, error) {
	number, ok := integer(text)
	switch {
	case ok && v.opts.NumericSubject:
		return number, nil
	case ok:
		return "", fmt.Errorf("%w: sub is a number; set Options.NumericSubject to accept integers", ErrClaim)
	}
	return stringClaim("sub", text)
}

// stringClaim returns the value of text, which must be a JSON string.
func stringClaim(name, text string) (string, error) {
	value, ok := wirejson.Unquote(text)
	if !ok {
		return "", fmt.Errorf("%w: %.64q is not a string", ErrClaim, name)
	}
	return value, nil
}

// stringsClaim returns the strings in text, which must be a string or a list of strings,
// like aud (RFC 7519, section 4.1.3).
func stringsClaim(name, text string) ([]string, error) {
	if !strings.HasPrefix(text, "[") {
		one, err := stringClaim(name, text)
		return []string{one}, err
	}
	var values []json.RawMessage
	if err := wirejson.Unmarshal([]byte(text), &values); err != nil {
		return nil, fmt.Errorf("%w: %.64q is not a list", ErrClaim, name)
	}
	all := make([]string, len(values))
	for i, value := range values {
		one, err := stringClaim(name, string(value))
		if err != nil {
			return nil, err
		}
		all[i] = one
	}
	return all, nil
}

// endOfTime is the first second of the year 10000, which common time formats cannot
// express.
const endOfTime = 253402300800

// timeClaim returns the time in text, which must be a NumericDate: seconds since 1970, with
// an optional fraction (RFC 7519, section 2). A time before 1970 or after 9999 is an error.
func timeClaim(name, text string) (time.Time, error) {
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil && 0 <= seconds && seconds < endOfTime {
		return time.Unix(seconds, 0).UTC(), nil
	}
	// ParseFloat accepts no JSON value other than a number.
	seconds, err := strconv.ParseFloat(text, 64)
	switch {
	case err == nil && endOfTime <= seconds && seconds < 1000*endOfTime:
		return time.Time{}, fmt.Errorf("%w: %s looks like milliseconds; a NumericDate is in seconds", ErrClaim, name)
	case err != nil || seconds < 0 || seconds >= endOfTime:
		return time.Time{}, fmt.Errorf("%w: %s is not a NumericDate of the years 1970 to 9999", ErrClaim, name)
	}
	whole := int64(seconds)
	return time.Unix(whole, int64((seconds-float64(whole))*1e9)).UTC(), nil
}
