// Package accept reads what a client says about the responses it takes.
package accept

import (
	"net/http"
	"strings"
)

// Gzip reports whether the client takes gzip as a content coding (RFC 9110, section
// 12.5.3).
func Gzip(r *http.Request) bool {
	for _, field := range r.Header.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(field, ",") {
			name, weight, _ := strings.Cut(coding, ";")
			if strings.EqualFold(strings.TrimSpace(name), "gzip") {
				return !isZeroWeight(weight)
			}
		}
	}
	return false
}

// isZeroWeight reports whether a parameter such as "q=0.0" says "not
// acceptable" (RFC 9110, section 12.4.2).
func isZeroWeight(parameter string) bool {
	value, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(parameter)), "q=")
	return ok && strings.Trim(value, "0.") == ""
}
