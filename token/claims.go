package token

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"socketiojwt/internal/wirejson"
)

// claims are the registered claims (RFC 7519, section 4.1), each checked for its
// type, and those that Options name. Strings are parts of the claims' text where that
// is possible.
type claims struct {
	issuer, subject, id string
	audience            []string
	expiresAt           time.Time // zero: none
	notBefore           time.Time
	issuedAt            time.Time
	named               map[string]string // JSON by name; no entry: there is no such claim
}

// readClaims reads the registered claims of payload, of which raw is a copy, and those
// of the names, in one walk.
func readClaims(payload []byte, raw string, names []string) (c claims, err error) {
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
		switch string(name) {
		case "iss":
			c.issuer, err = stringClaim("iss", text)
		case "sub":
			c.subject, err = stringClaim("sub", text)
		case "jti":
			c.id, err = stringClaim("jti", text)
		case "aud":
			c.audience, err = stringsClaim("aud", text)
		case "exp":
			c.expiresAt, err = timeClaim("exp", text)
		case "nbf":
			c.notBefore, err = timeClaim("nbf", text)
		case "iat":
			c.issuedAt, err = timeClaim("iat", text)
		}
		return err
	})
	return c, err
}

// stringClaim returns the string in text.
func stringClaim(name, text string) (string, error) {
	value, ok := wirejson.Unquote(text)
	if !ok {
		return "", fmt.Errorf("%w: %.64q is not a string", ErrClaim, name)
	}
	return value, nil
}

// stringsClaim returns the strings in text, a string or a list of strings, as aud is
// (RFC 7519, section 4.1.3).
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

// endOfTime is the first second of the year 10000, which time formats do not have.
const endOfTime = 253402300800

// timeClaim returns the time in text, a NumericDate: seconds since 1970, fractions
// allowed (RFC 7519, section 2). What lies before 1970 or after 9999 is nobody's
// intention, and an error.
func timeClaim(name, text string) (time.Time, error) {
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil && 0 <= seconds && seconds < endOfTime {
		return time.Unix(seconds, 0).UTC(), nil
	}
	// Of the JSON values ParseFloat takes the numbers alone.
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || seconds < 0 || seconds >= endOfTime {
		return time.Time{}, fmt.Errorf("%w: %s is not a NumericDate of the years 1970 to 9999", ErrClaim, name)
	}
	whole := int64(seconds)
	return time.Unix(whole, int64((seconds-float64(whole))*1e9)).UTC(), nil
}
