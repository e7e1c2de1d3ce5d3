package doctest

import (
	"reflect"
	"regexp"
	"testing"

	"socketiojwt/auth"
	"socketiojwt/engineio"
	"socketiojwt/socketio"
	"socketiojwt/token/introspect"
	"socketiojwt/token/jwks"
)

// Every figure is on the page of figures.
func TestFiguresAreDocumented(t *testing.T) {
	page := read(t, "docs/figures.md")
	for _, stats := range []any{engineio.Stats{}, engineio.Refused{}, socketio.Stats{}, auth.Stats{}, jwks.Stats{}, introspect.Stats{}} {
		of := reflect.TypeOf(stats)
		for i := range of.NumField() {
			name := of.Field(i).Name
			if !regexp.MustCompile("[`.]" + name + "[`\\[]").MatchString(page) {
				t.Errorf("docs/figures.md has no %s.%s", of, name)
			}
		}
	}
}
