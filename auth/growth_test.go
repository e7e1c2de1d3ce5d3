//go:build unix

package auth_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"socketiojwt/auth"
	"socketiojwt/internal/growth"
	"socketiojwt/socketio"
)

// A token is found in time that is proportional to the length of what the peer has sent.
func TestSourcesGrowLinearly(t *testing.T) {
	list := func(n int, separator string, item func(i int) string) string {
		items := make([]string, n)
		for i := range items {
			items[i] = item(i)
		}
		return strings.Join(items, separator)
	}
	same := func(text string) func(int) string { return func(int) string { return text } }
	payload := func(text string) *socketio.Handshake { return &socketio.Handshake{Auth: []byte(text)} }
	header := func(name, text string) *socketio.Handshake {
		return &socketio.Handshake{OriginChecked: true, Header: http.Header{name: {text}}}
	}
	member := func(i int) string { return fmt.Sprintf(`"name %d":%d`, i, i) }
	cookie := func(i int) string { return fmt.Sprintf("name%d=%d", i, i) }
	other := func(i int) string { return fmt.Sprintf("token=%d", i) }
	for name, test := range map[string]struct {
		source auth.Source
		peer   func(n int) *socketio.Handshake
	}{
		"members":          {auth.FromAuth("token"), func(n int) *socketio.Handshake { return payload(`{` + list(n, ",", member) + `,"token":"x"}`) }},
		"members, repeats": {auth.FromAuth("token"), func(n int) *socketio.Handshake { return payload(`{` + list(n, ",", same(`"a":1`)) + `}`) }},
		"depth": {auth.FromAuth("token"), func(n int) *socketio.Handshake {
			return payload(`{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`)
		}},
		"escapes":          {auth.FromAuth("token"), func(n int) *socketio.Handshake { return payload(`{"token":"` + list(n, "", same(`\u00e9\n`)) + `"}`) }},
		"header":           {auth.FromHeader(), func(n int) *socketio.Handshake { return header("Authorization", "Bearer "+strings.Repeat(".", 100*n)) }},
		"cookies":          {auth.FromCookie("token"), func(n int) *socketio.Handshake { return header("Cookie", list(n, "; ", cookie)) }},
		"cookies, one":     {auth.FromCookie("token"), func(n int) *socketio.Handshake { return header("Cookie", list(n, "; ", same("token=x"))) }},
		"cookies, several": {auth.FromCookie("token"), func(n int) *socketio.Handshake { return header("Cookie", list(n, "; ", other)) }},
	} {
		t.Run(name, func(t *testing.T) {
			growth.Linear(t, 300, func(n int) func() {
				h := test.peer(n)
				return func() { _, _ = test.source.Find(t.Context(), h) }
			})
		})
	}
}
