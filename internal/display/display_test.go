package display

import (
	"testing"
	"time"
)

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"plain, ä, 漢字, 🙂":     "plain, ä, 漢字, 🙂",
		"\x1b[31mred":         `\u001b[31mred`,
		"a\u202eb":            `a\u202eb`,
		"tag\U000e0041":       `tag\U000e0041`,
		"line\nline":          "line\nline",
		"cr\rline":            `cr\u000dline`,
		"not UTF-8 \xff here": "not UTF-8 \ufffd here",
	} {
		if got := Printable(text); got != want {
			t.Errorf("%q is printed as %q, want %q", text, got, want)
		}
	}
}

func TestRedact(t *testing.T) {
	const token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"
	for text, want := range map[string]string{
		`0{"token":"` + token + `"}`:          `0{"token":"<token>"}`,
		"opaque-token and " + token:           "<token> and <token>",
		"unsigned eyJhbGciOiJub25lIn0.eyJ9.,": "unsigned <token>,",
		`cut "` + token[:30] + `"`:            `cut "<token>"`,
		"www.example.org.":                    "www.example.org.",
	} {
		if got := Redact(text, "opaque-token"); got != want {
			t.Errorf("%q is redacted as %q, want %q", text, got, want)
		}
	}
}

func TestURL(t *testing.T) {
	for text, want := range map[string]string{
		"https://backend.example:8443/hook":            "https://backend.example:8443/hook",
		"https://*.example.com":                        "https://*.example.com",
		"https://backend.example/hook?key=s3&s3&a=b=c": "https://backend.example/hook?key=xxxxx&xxxxx&a=xxxxx",
		"https://backend.example/hook?a=s3;b=s3":       "https://backend.example/hook?a=xxxxx",
		"https://backend.example/?s3#s3":               "https://backend.example/?xxxxx#xxxxx",
		"https://s3@backend.example/":                  "https://xxxxx@backend.example/",
		"https://ada:s3@backend.example/":              "https://ada:xxxxx@backend.example/",
		"redis://:s3@localhost:1?addr=h:2":             "redis://:xxxxx@localhost:1?addr=xxxxx",
		"https://backend.example/%zz?s3":               "(a URL that is not valid)",
		"user:s3@localhost:6379":                       "(a URL that is not valid)",
		"ada:s3@backend.example/hook":                  "(a URL that is not valid)",
		":s3@localhost:6379":                           "(a URL that is not valid)",
		"s3@localhost":                                 "(a URL that is not valid)",
		"redis:user:s3@localhost":                      "(a URL that is not valid)",
		"https:/ada:s3@backend.example/":               "(a URL that is not valid)",
		"https:ada:s3//x://y":                          "(a URL that is not valid)",
		"https:backend.example/hook?key=s3":            "(a URL that is not valid)",
		"https:/backend.example/hook#s3":               "(a URL that is not valid)",
		"unix://ada:s3@/run/redis.sock":                "(a URL that is not valid)",
		"redis://:1/s3@localhost:1":                    "(a URL that is not valid)",
		"redis://:1#s3@localhost:1":                    "(a URL that is not valid)",
		"//ada:s3@backend.example/":                    "//ada:xxxxx@backend.example/",
		"https://ada:s3@backend.example/@x":            "https://ada:xxxxx@backend.example/@x",
		"urn:example:api":                              "urn:example:api",
		"localhost:9000":                               "localhost:9000",
		"[::1]:9000":                                   "[::1]:9000",
		"":                                             "",
	} {
		if got := URL(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	now := time.Now()
	for d, want := range map[time.Duration]string{
		0:                               "now",
		-400 * time.Millisecond:         "now",
		time.Second:                     "in 1 second",
		-90 * time.Second:               "90 seconds ago",
		15*time.Minute - 1:              "in 15 minutes",
		14*time.Minute + 31*time.Second: "in 15 minutes",
		47 * time.Hour:                  "in 47 hours",
		-100 * 24 * time.Hour:           "100 days ago",
		3 * 365 * 24 * time.Hour:        "in 3 years",
		120*time.Second - 1:             "in 2 minutes",
		2*time.Hour - time.Second/3:     "in 2 hours",
	} {
		if got := Distance(now.Add(d), now); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
