//go:build unix

package upstream

import (
	"encoding/json"
	"strings"
	"testing"

	"socketiojwt/internal/growth"
)

// The answer of a backend is read in time that is proportional to its length.
func TestAnswersGrowLinearly(t *testing.T) {
	list := func(n int, item string) string { return strings.Repeat(item+",", n) + item }
	for name, write := range map[string]func(n int) string{
		"ack":        func(n int) string { return `{"ack":[` + list(n, `{"a":["x"]}`) + `]}` },
		"ack, depth": func(n int) string { return `{"ack":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}` },
		"attachments": func(n int) string {
			return `{"ack":[` + list(n, `{"_placeholder":true,"num":0}`) + `],"attachments":["eA=="]}`
		},
		"all attachments": func(n int) string { return `{"ack":["x"],"attachments":[` + list(n, `"eA=="`) + `]}` },
		"rooms":           func(n int) string { return `{"join":[` + list(n, `"a"`) + `],"leave":[` + list(n, `"b"`) + `]}` },
		"an event":        func(n int) string { return `{"emit":[{"event":"e","args":[` + list(n, `"x"`) + `],"all":true}]}` },
		"events":          func(n int) string { return `{"emit":[` + list(n, `{"event":"e"}`) + `]}` },
		"a text":          func(n int) string { return `{"ack":["` + list(n, `\u00e9\n`) + `"]}` },
		"no JSON":         func(n int) string { return list(n, `{"ack":[`) },
	} {
		t.Run(name, func(t *testing.T) {
			growth.Linear(t, 300, func(n int) func() {
				body := json.RawMessage(write(n))
				return func() { _, _ = parseAnswer(kindEvent, body) }
			})
		})
	}
}
