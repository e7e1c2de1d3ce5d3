package engineio

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// nullOrigin is the Origin of pages without one, such as sandboxed frames (RFC 6454,
// section 7.3).
const nullOrigin = "null"

// origin is a parsed serialization of an origin: a scheme, a host, perhaps a port, and
// nothing else (RFC 6454, section 6.2).
type origin struct {
	scheme string
	host   string // with the port, unless it is the scheme's default
	web    bool   // the scheme is http or https
}

// String returns the origin in a form in which equal origins are equal strings.
func (o origin) String() string { return o.scheme + "://" + o.host }

// parseOrigin parses an origin, which is of one of two kinds:
//
//   - A web origin: http and https, and ws and wss, which native clients send and which
//     mean the same. Case and a default port make no difference.
//   - The origin of an application that has its own scheme, such as
//     capacitor://localhost, or file:// without a host. It is compared byte by byte.
func parseOrigin(text string) (origin, bool) {
	scheme, host, ok := strings.Cut(text, "://")
	if !ok {
		return origin{}, false
	}
	switch strings.ToLower(scheme) {
	case "http", "ws":
		host, ok = parseHost("http", strings.ToLower(host))
		return origin{"http", host, true}, ok
	case "https", "wss":
		host, ok = parseHost("https", strings.ToLower(host))
		return origin{"https", host, true}, ok
	case "file":
		return origin{scheme, host, false}, scheme == "file" && host == ""
	}
	_, valid := parseHost(scheme, host)
	return origin{scheme, host, false}, valid && isScheme(scheme)
}

// canonicalOrigin returns text in a form in which equal origins are equal strings. It
// returns text unchanged if that is not an origin.
func canonicalOrigin(text string) string {
	if o, ok := parseOrigin(text); ok {
		return o.String()
	}
	return text
}

// parseHost checks a host with or without a port, and removes a default port. It accepts
// what browsers send: a name in ASCII or an IP address, and a port without leading
// zeros.
func parseHost(scheme, host string) (string, bool) {
	name := host
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		port, err := strconv.ParseUint(host[i+1:], 10, 16)
		if err != nil || strconv.FormatUint(port, 10) != host[i+1:] {
			return "", false
		}
		name = host[:i]
	}
	if strings.HasPrefix(name, "[") {
		addr, err := netip.ParseAddr(strings.Trim(name, "[]"))
		if err != nil || addr.Zone() != "" || name != "["+strings.Trim(name, "[]")+"]" {
			return "", false
		}
	} else if name == "" || strings.ContainsFunc(name, func(c rune) bool { return !isHostChar(c) }) {
		return "", false
	}
	return withoutDefaultPort(scheme, host), true
}

func isHostChar(c rune) bool {
	return isLetterOrDigit(c) || c == '-' || c == '_' || c == '.'
}

func isLetterOrDigit(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// isScheme reports whether text is a scheme as browsers write it (RFC 3986, section 3.1).
func isScheme(text string) bool {
	return text != "" && text == strings.ToLower(text) && text[0] >= 'a' && text[0] <= 'z' &&
		!strings.ContainsFunc(text, func(c rune) bool { return !isLetterOrDigit(c) && !strings.ContainsRune("+.-", c) })
}

func withoutDefaultPort(scheme, host string) string {
	switch scheme {
	case "http":
		return strings.TrimSuffix(host, ":80")
	case "https":
		return strings.TrimSuffix(host, ":443")
	}
	return host
}

// originPattern matches the origins of the web with any one label in a place:
// https://*.example.com matches https://a.example.com, and neither
// https://example.com nor https://a.b.example.com.
type originPattern struct {
	prefix, suffix string // around the label
}

func (p originPattern) matches(o origin) bool {
	text := o.String()
	rest, ok := strings.CutPrefix(text, p.prefix)
	label, found := strings.CutSuffix(rest, p.suffix)
	return ok && found && label != "" && !strings.Contains(label, ".")
}

// parseOriginPattern parses a pattern. At least two labels must follow the *, because a
// site does not own a name of one label. localhost may be the only one.
func parseOriginPattern(text string) (originPattern, bool) {
	scheme, host, ok := strings.Cut(text, "://*.")
	if !ok {
		return originPattern{}, false
	}
	o, ok := parseOrigin(scheme + "://" + host)
	if !ok || !o.web || strings.HasPrefix(o.host, "[") {
		return originPattern{}, false
	}
	name, _, _ := strings.Cut(o.host, ":")
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	last := labels[len(labels)-1]
	if len(labels) < 2 && last != "localhost" || strings.Trim(last, "0123456789") == "" {
		return originPattern{}, false
	}
	for _, label := range labels {
		if label == "" {
			return originPattern{}, false
		}
	}
	return originPattern{prefix: o.scheme + "://", suffix: "." + o.host}, true
}

// checkOrigin returns an error if text in Options.Origins can match no request. The error
// says what to write instead.
func checkOrigin(text string) error {
	valid := func(text string) bool {
		_, isOrigin := parseOrigin(text)
		_, isPattern := parseOriginPattern(text)
		return isOrigin || isPattern || text == nullOrigin
	}
	if valid(text) {
		return nil
	}
	wrong := fmt.Sprintf("engineio: Options.Origins: %q matches no request", text)
	if text == "*" {
		return fmt.Errorf("%s; list each origin, or set InsecureAnyOrigin to allow all of them", wrong)
	}
	if suggested := bareOrigin(text); valid(suggested) {
		return fmt.Errorf("%s; write %q", wrong, suggested)
	}
	switch {
	case strings.Contains(text, "*"):
		return fmt.Errorf("%s; a * stands for one whole label in front of a name of at least two, such as %q; use OriginFunc for other rules", wrong, "https://*.example.com")
	case strings.ContainsFunc(text, func(c rune) bool { return c > '~' }):
		return fmt.Errorf("%s; write the name of the host in ASCII as browsers do, such as %q", wrong, "https://xn--bcher-kva.example")
	}
	return fmt.Errorf("%s; write an origin as browsers do, with scheme, host and port, such as %q", wrong, "https://app.example.com:8443")
}

// bareOrigin returns the part of text that can be an origin: with a scheme, in lower case,
// and without space, user, path, query and fragment.
func bareOrigin(text string) string {
	text = strings.ToLower(strings.TrimSpace(text))
	if text == nullOrigin {
		return text
	}
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		scheme, rest = "https", text
		if strings.HasPrefix(text, "localhost") || strings.HasPrefix(text, "127.") {
			scheme = "http"
		}
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	return scheme + "://" + rest[strings.LastIndexByte(rest, '@')+1:]
}
