package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"socketiojwt/auth"
	"socketiojwt/internal/doctor"
	"socketiojwt/token"
)

// The types below are the results that commands print with --json. Programs read them, so
// fields are added, and never renamed or removed.

// verdictResult is the result of token verify.
type verdictResult struct {
	Accepted   bool        `json:"accepted"`
	Reason     auth.Reason `json:"reason,omitempty"`
	Rule       string      `json:"rule,omitempty"`
	Cause      string      `json:"cause,omitempty"`
	Algorithm  string      `json:"algorithm,omitempty"`
	KeyID      string      `json:"key_id,omitempty"`
	Issuer     string      `json:"issuer,omitempty"`
	Subject    string      `json:"subject,omitempty"`
	Audience   []string    `json:"audience,omitempty"`
	Expires    time.Time   `json:"expires,omitzero"`
	ValidUntil time.Time   `json:"valid_until,omitzero"`
}

// inspectedResult is the result of token inspect.
type inspectedResult struct {
	Verified  bool            `json:"verified"`
	Header    json.RawMessage `json:"header,omitempty"`
	Claims    json.RawMessage `json:"claims,omitempty"`
	Issued    time.Time       `json:"issued,omitzero"`
	NotBefore time.Time       `json:"not_before,omitzero"`
	Expires   time.Time       `json:"expires,omitzero"`
	Expired   bool            `json:"expired"`
}

// examinedResult is the result of doctor.
type examinedResult struct {
	Findings []doctor.Finding `json:"findings"`
	Problems int              `json:"problems"`
	Warnings int              `json:"warnings"`
}

// verdictJSON prints the verdict on a token: accepted if err is nil, otherwise refused.
func verdictJSON(t terminal, good *token.Token, err error) error {
	if err != nil {
		reason, rule := broken(err)
		return errors.Join(printJSON(t.out, verdictResult{Reason: reason, Rule: rule, Cause: err.Error()}), errRefused)
	}
	return printJSON(t.out, verdictResult{
		Accepted: true, Algorithm: string(good.Header().Algorithm), KeyID: good.Header().KeyID,
		Issuer: good.Issuer, Subject: good.Subject, Audience: good.Audience(),
		Expires: good.ExpiresAt().UTC(), ValidUntil: good.ValidUntil().UTC(),
	})
}

// inspectedJSON prints the contents of a token.
func inspectedJSON(t terminal, u token.Unverified, now time.Time) error {
	timeOf := func(claim string) time.Time {
		var seconds float64
		if u.Claim(claim, &seconds) != nil {
			return time.Time{}
		}
		when, _ := numericDate(seconds)
		return when.UTC()
	}
	valid := func(text []byte) json.RawMessage {
		if !json.Valid(text) {
			return nil
		}
		return text
	}
	result := inspectedResult{
		Header: valid(u.RawHeader()), Claims: valid(u.RawClaims()),
		Issued: timeOf("iat"), NotBefore: timeOf("nbf"), Expires: timeOf("exp"),
	}
	result.Expired = !result.Expires.IsZero() && !now.Before(result.Expires)
	return printJSON(t.out, result)
}

// printJSON prints a result. It escapes the characters that display.Printable escapes.
func printJSON(out io.Writer, result any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(result); err != nil {
		return err
	}
	var b strings.Builder
	for _, r := range text.String() {
		switch {
		case r == '\n' || r == ' ' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}
