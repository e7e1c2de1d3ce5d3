package engineio

import (
	"strings"
	"testing"
)

// TestDeflateOffers checks which offers are accepted (RFC 7692, section 7.1), and which lists
// are not valid (RFC 6455, section 9.1).
func TestDeflateOffers(t *testing.T) {
	const window = acceptDeflate + "; server_max_window_bits=15"
	for offer, want := range map[string]string{
		"":                   "",
		"permessage-deflate": acceptDeflate,
		"permessage-deflate; client_max_window_bits":                                                            acceptDeflate,
		"permessage-deflate; client_max_window_bits=8;server_no_context_takeover ;\tclient_no_context_takeover": acceptDeflate,
		"permessage-deflate; server_max_window_bits=15":                                                         window,
		`permessage-deflate; server_max_window_bits="15"`:                                                       window,
		`permessage-deflate; server_max_window_bits="1\5"`:                                                      window,
		"x-webkit-deflate-frame, permessage-deflate":                                                            acceptDeflate,
		", ,permessage-deflate, ,":                                                                              acceptDeflate,
		`other; a="b"; c, permessage-deflate`:                                                                   acceptDeflate,

		// The first offer that can be accepted is.
		"permessage-deflate; server_max_window_bits=10, permessage-deflate":                                         acceptDeflate,
		"permessage-deflate\npermessage-deflate; server_max_window_bits=15":                                         acceptDeflate,
		"permessage-deflate; unknown\npermessage-deflate; server_max_window_bits=15; client_max_window_bits=15":     window,
		"permessage-deflate; server_max_window_bits=7, permessage-deflate; client_max_window_bits=16, x-permessage": "",

		// Declined: what cannot be done, and parameters that are not valid.
		"permessage-deflate; server_max_window_bits=9":                                                       "",
		"permessage-deflate; server_max_window_bits":                                                         "",
		"permessage-deflate; server_max_window_bits=015":                                                     "",
		"permessage-deflate; server_max_window_bits=16":                                                      "",
		"permessage-deflate; client_max_window_bits=7":                                                       "",
		"permessage-deflate; client_max_window_bits=08":                                                      "",
		"permessage-deflate; client_max_window_bits=15x":                                                     "",
		"permessage-deflate; client_max_window_bits; client_max_window_bits":                                 "",
		"permessage-deflate; client_max_window_bits; client_max_window_bits=9":                               "",
		"permessage-deflate; server_no_context_takeover=1":                                                   "",
		"permessage-deflate; client_no_context_takeover=true":                                                "",
		"permessage-deflate; server_no_context_takeover; server_no_context_takeover; client_max_window_bits": "",
		"permessage-deflate; level=9":                                                                        "",
		"permessage-deflate; Client_max_window_bits=9":                                                       "",
		"Permessage-Deflate": "",
		"bbf-usp-protocol":   "",

		"permessage-deflate;":                                 "bad",
		"permessage-deflate; ;":                               "bad",
		"; permessage-deflate":                                "bad",
		"permessage-deflate client_max_window_bits":           "bad",
		"permessage-deflate; client_max_window_bits=":         "bad",
		`permessage-deflate; client_max_window_bits=""`:       "bad",
		`permessage-deflate; client_max_window_bits="8`:       "bad",
		`permessage-deflate; client_max_window_bits="8"9`:     "bad",
		`permessage-deflate; client_max_window_bits="8 "`:     "bad",
		"permessage-deflate; client_max_window_bits=8 9":      "bad",
		"permessage-deflate; =8":                              "bad",
		"permessage-deflate, ext@":                            "bad",
		"permessage-deflate\nä":                               "bad",
		"permessage-deflate; client_max_window_bits=8=9":      "bad",
		"permessage-deflate\n\x00":                            "bad",
		"permessage-deflate; client_max_window_bits = \"8\" ": acceptDeflate,
	} {
		answer, ok := negotiateDeflate(strings.Split(offer, "\n"))
		if !ok {
			answer = "bad"
		}
		if answer != want {
			t.Errorf("%q: got %q, want %q", offer, answer, want)
		}
	}
}

// TestDeflateInHandshakes checks the responses of new sessions and of upgrades, with the
// extension and without.
func TestDeflateInHandshakes(t *testing.T) {
	for _, deflate := range []bool{false, true} {
		f := newTCP(t, Options{PerMessageDeflate: deflate}, nil)
		query, _ := f.open()
		for _, q := range []string{socketQuery, strings.Replace(query, "polling", "websocket", 1)} {
			for _, tc := range []struct {
				offer, answer string
				status        int
			}{
				{"permessage-deflate;", "", 400},
				{"permessage-deflate\r\nSec-WebSocket-Extensions: ;", "", 400},
				{"permessage-deflate; x", "", 101},
				{"x\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits", acceptDeflate, 101},
			} {
				if !deflate {
					tc.status, tc.answer = 101, ""
				}
				c := f.raw()
				c.send("GET /engine.io/?" + q + " HTTP/1.1\r\nHost: x\r\n" + upgradeLines + "Sec-WebSocket-Extensions: " + tc.offer + "\r\n\r\n")
				a := c.response("GET")
				if got := strings.Join(a.header.Values("Sec-WebSocket-Extensions"), "|"); a.status != tc.status || got != tc.answer {
					t.Errorf("%t, %q: %d %q, want %d %q", deflate, tc.offer, a.status, got, tc.status, tc.answer)
				}
				if tc.status == 400 && a.body != "Invalid or unacceptable Sec-WebSocket-Extensions header" {
					t.Errorf("%q: %q", tc.offer, a.body)
				}
				c.Close()
			}
		}
	}
}

func FuzzDeflateOffers(f *testing.F) {
	f.Add(`permessage-deflate; client_max_window_bits="8", a;b=c`)
	f.Add("permessage-deflate; server_max_window_bits=15,,")
	f.Fuzz(func(t *testing.T, offer string) {
		answer, ok := negotiateDeflate([]string{offer})
		if answer != "" && (!ok || !strings.Contains(offer, "permessage-deflate")) {
			t.Errorf("%q is answered with %q, %t", offer, answer, ok)
		}
		if again, _ := negotiateDeflate([]string{"x", offer}); ok && again != answer {
			t.Errorf("%q is answered with %q after another extension, want %q", offer, again, answer)
		}
	})
}
