// Package display makes text from tokens, URLs, issuers and peers safe to print, and writes
// durations in words.
package display

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// Printable escapes the characters of text that a terminal acts on, such as those that
// move the cursor, change colours or turn the direction of writing. Line breaks stay.
func Printable(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || r == ' ' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// tokenShape matches a token: eyJ is {" in base64, with which every header begins. The
// last parts may be missing, because a longer text may have been cut.
var tokenShape = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{4,}(\.[A-Za-z0-9_-]*)?`)

// Redact replaces token, and everything that looks like a token, by <token>. An empty
// token stands for none.
func Redact(text, token string) string {
	if token != "" {
		text = strings.ReplaceAll(text, token, "<token>")
	}
	return tokenShape.ReplaceAllString(text, "<token>")
}

// Distance returns how far t is from now, such as "in 15 minutes".
func Distance(t, now time.Time) string {
	switch d := t.Sub(now).Round(time.Second); {
	case d == 0:
		return "now"
	case d > 0:
		return "in " + Duration(d)
	default:
		return Duration(-d) + " ago"
	}
}

// Duration returns d in the largest unit of which it has about two or more.
func Duration(d time.Duration) string {
	const day = 24 * time.Hour
	count := func(unit time.Duration, name string) string {
		n := d.Round(unit) / unit
		if n == 1 {
			return "1 " + name
		}
		return fmt.Sprintf("%d %ss", n, name)
	}
	switch {
	case d < 2*time.Minute:
		return count(time.Second, "second")
	case d < 2*time.Hour:
		return count(time.Minute, "minute")
	case d < 2*day:
		return count(time.Hour, "hour")
	case d < 730*day:
		return count(day, "day")
	default:
		return count(365*day, "year")
	}
}

const hidden = "xxxxx" // as url.URL.Redacted writes it

// URL returns a URL without what may be a secret: a password, a user without a password, the values
// of the query and the fragment. A text that is not an absolute URL is returned as it is, unless it
// may be a wrong URL with secrets: then it is hidden. It may be one if it has "://" and cannot be
// parsed, if it has an "@" that does not end the user of a host, such as in user:password@host, or
// if it has a scheme and a query or fragment, but not "://".
func URL(text string) string {
	u, err := url.Parse(text)
	absolute, at := strings.Contains(text, "://"), strings.Contains(text, "@")
	switch {
	case err != nil && (absolute || at), err == nil && wrong(u, absolute, at):
		return "(a URL that is not valid)"
	case !absolute && !at:
		return text
	}
	if _, has := u.User.Password(); u.User != nil && !has {
		u.User = url.User(hidden)
	}
	if u.RawQuery != "" {
		pairs := strings.Split(u.RawQuery, "&")
		for i, pair := range pairs {
			pairs[i] = hidden
			if name, _, ok := strings.Cut(pair, "="); ok {
				pairs[i] = name + "=" + hidden
			}
		}
		u.RawQuery = strings.Join(pairs, "&")
	}
	if u.Fragment != "" {
		u.Fragment, u.RawFragment = hidden, ""
	}
	return u.Redacted()
}

// wrong reports whether u may have secrets in a place where they are not found. absolute and at say
// whether its text has "://" and "@".
func wrong(u *url.URL, absolute, at bool) bool {
	switch {
	case at:
		return u.User == nil || u.Host == ""
	case absolute:
		return u.Opaque != ""
	default:
		return u.Scheme != "" && (u.RawQuery != "" || u.Fragment != "")
	}
}
