package engineio

import (
	"strings"
	"testing"
)

func TestScript(t *testing.T) {
	for payload, want := range map[string]string{
		"4a":                     `___eio[7]("4a");`,
		"a\"b\\c\nd\u2028\u2029": `___eio[7]("a\"b\\c\nd\u2028\u2029");`,
	} {
		if got := string(script("7", []byte(payload))); got != want {
			t.Errorf("%q: %s", payload, got)
		}
	}
}

// TestBadForms sends invalid forms, each to another session.
func TestBadForms(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, withLegacy(), nil)
		for _, form := range []string{"", "d=", "d=1%3A2&d=1%3A2", "x=1", "d=%zz", "1:2"} {
			query, c := f.openLegacy("&b64=1&j=0")
			if a := f.must("POST", query+"&j=0", form, "X-Peer", "me"); a.status != 400 {
				t.Errorf("%q: %d %s", form, a.status, a.body)
			}
			expectEnd(t, c, ParseError)
		}
	})
}

// TestJSONPShowsNoOrigin checks that the origin of a session that began by JSONP counts as
// not checked, unless the browser says where the script was requested.
func TestJSONPShowsNoOrigin(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, withLegacy(), nil)
		for _, c := range []struct {
			more, site string
			checked    bool
		}{
			{"", "", true},
			{"&j=0", "", false},
			{"&j=0", "same-origin", true},
		} {
			var headers []string
			if c.site != "" {
				headers = []string{"Sec-Fetch-Site", c.site}
			}
			if _, rec := f.openLegacy(c.more, headers...); rec.s.OriginChecked() != c.checked {
				t.Errorf("%q from %q: checked is %v", c.more, c.site, rec.s.OriginChecked())
			}
		}
		if a := f.must("GET", legacyQuery+"&j=0", "", "X-Peer", "me", "Sec-Fetch-Site", "cross-site"); a.status != 403 {
			t.Errorf("a script on a foreign page: %d %s", a.status, a.body)
		}
		// Revision 4 has no JSONP.
		if a := f.must("GET", pollingQuery+"&j=0", ""); !strings.HasPrefix(a.body, "0{") {
			t.Errorf("revision 4 with j: %s", a.body)
		}
	})
}

// TestScriptsPollOnlyTheirOwnSessions checks that a foreign page that knows an ID cannot use
// its visitor's browser, which the session is bound to, to read a session that did not begin
// by JSONP.
func TestScriptsPollOnlyTheirOwnSessions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newPipe(t, withLegacy(), nil)
		query, c := f.openLegacy("&b64=1")
		c.s.Send(NewMessage([]byte("secret")))
		for method, body := range map[string]string{"GET": "", "POST": "d=6%3A4hello"} {
			if a := f.must(method, query+"&j=0", body, "X-Peer", "me"); a.status != 400 || a.body != badRequest {
				t.Errorf("%s: %d %s", method, a.status, a.body)
			}
		}
		if a := f.must("GET", query, "", "X-Peer", "me"); a.body != "7:4secret" {
			t.Errorf("its own poll: %d %s", a.status, a.body)
		}
		expectAlive(t, c)
	})
}
