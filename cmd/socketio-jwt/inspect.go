package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"socketiojwt/internal/display"
	"socketiojwt/internal/wirejson"
	"socketiojwt/token"
)

// inspectCommand prints the contents of a token.
type inspectCommand struct {
	Token string `arg:"" placeholder:"TOKEN" help:"The token, or - to read it from standard input."`
	JSON  bool   `name:"json" help:"Print the result as JSON."`
}

// Help is shown by --help.
func (inspectCommand) Help() string {
	return `Needs no key and verifies nothing: anyone can write such a token. An expired token is printed like any other.

--json prints {"verified": false, "header", "claims", "issued", "not_before", "expires", "expired"}. Header and claims are left out if they are not JSON, times if the token does not have them. Times are RFC 3339.

Examples:

    socketio-jwt token inspect - < token.txt
    curl -s http://localhost:9000/login -H 'Content-Type: application/json' \
        -d '{"username": "ada"}' | socketio-jwt token inspect -`
}

// Run prints header, claims and times.
func (c *inspectCommand) Run(ctx context.Context, t terminal) error {
	compact, err := readToken(ctx, c.Token, t.in)
	if err != nil {
		return err
	}
	u, err := token.ParseUnverified(compact, maxTokenInput)
	if err != nil {
		return fmt.Errorf("the input is not a token: %w", err)
	}
	if c.JSON {
		return inspectedJSON(t, u, time.Now())
	}
	fmt.Fprintln(t.out, "NOT VERIFIED: anyone could have written this. To check it: socketio-jwt token verify")
	fmt.Fprintf(t.out, "\nHeader\n%s\n\nClaims\n%s\n", indent(u.RawHeader()), indent(u.RawClaims()))
	printTimes(t, u, time.Now())
	return nil
}

// indent indents JSON. Text that is not JSON is returned unchanged, with the error below it.
func indent(text []byte) string {
	value, err := wirejson.Indent(text)
	if err != nil {
		return display.Printable(fmt.Sprintf("%s\n(not JSON as tokens require it: %v)", text, err))
	}
	return display.Printable(string(value))
}

// printTimes prints the claims that are times.
func printTimes(t terminal, u token.Unverified, now time.Time) {
	fmt.Fprintln(t.out, "\nTimes")
	found := false
	for _, claim := range []struct{ name, past, future string }{
		{"iat", "issued", "issued in the future,"},
		{"nbf", "valid since", "not valid before"},
		{"exp", "EXPIRED", "expires"},
	} {
		var seconds float64
		if u.Claim(claim.name, &seconds) != nil {
			continue
		}
		found = true
		when, ok := numericDate(seconds)
		if !ok {
			fmt.Fprintf(t.out, "  %s  not a time: past the year 9999, or before 1970\n", claim.name)
			continue
		}
		words := claim.future
		if !when.After(now) {
			words = claim.past
		}
		fmt.Fprintf(t.out, "  %s  %s %s (%s)\n", claim.name, words, when.Local().Format("2006-01-02 15:04:05 MST"), display.Distance(when, now))
	}
	if !found {
		fmt.Fprintln(t.out, "  none: the token does not say when it begins or ends")
	}
}

// numericDate converts a NumericDate (RFC 7519, section 2). It reports false for times before
// 1970 and after the year 9999.
func numericDate(seconds float64) (time.Time, bool) {
	const year10000 = 253402300800
	if seconds < 0 || seconds >= year10000 {
		return time.Time{}, false
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9)), true
}
