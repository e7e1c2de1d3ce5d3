package main

import "testing"

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
		if got := printable(text); got != want {
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
		"www.example.org.":                    "www.example.org.",
	} {
		if got := redact(text, "opaque-token"); got != want {
			t.Errorf("%q is redacted as %q, want %q", text, got, want)
		}
	}
}
