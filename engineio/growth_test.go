//go:build unix

package engineio

import (
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"socketiojwt/internal/growth"
)

// What a peer sends is read in time that is proportional to its length.
func TestPeersInputGrowsLinearly(t *testing.T) {
	ignore := func(packet) error { return nil }
	legacy := func(one string, binary bool) func(n int) func() {
		return func(n int) func() {
			payload := []byte(strings.Repeat(one, n))
			return func() {
				if err := readLegacyPayload(payload, binary, 10*n, ignore); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	trusted := proxies{prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for name, test := range map[string]struct {
		n       int
		prepare func(n int) func()
	}{
		"payload": {300, func(n int) func() {
			payload := []byte(strings.Repeat("4x\x1e", n) + "4x")
			return func() {
				if err := readPayload(payload, 10*n, ignore); err != nil {
					t.Fatal(err)
				}
			}
		}},
		"payload, binary": {300, func(n int) func() {
			payload := []byte(strings.Repeat("bAQIDBA==\x1e", n) + "4x")
			return func() {
				if err := readPayload(payload, 10*n, ignore); err != nil {
					t.Fatal(err)
				}
			}
		}},
		"payload of revision 3":         {300, legacy("2:4€", false)},
		"payload of revision 3, base64": {300, legacy("10:b4AQIDBA==", false)},
		"payload of revision 3, bytes":  {300, legacy("\x00\x06\xff4hello", true)},
		"X-Forwarded-For, one header": {300, func(n int) func() {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = "10.0.0.1:1234"
			r.Header.Set("X-Forwarded-For", strings.Repeat("10.0.0.2, ", n)+"10.0.0.3")
			return func() { trusted.remoteAddr(r) }
		}},
		"X-Forwarded-For, many headers": {300, func(n int) func() {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = "10.0.0.1:1234"
			for range n {
				r.Header.Add("X-Forwarded-For", "10.0.0.2")
			}
			return func() { trusted.remoteAddr(r) }
		}},
		"Origin": {300, func(n int) func() {
			text := "https://" + strings.Repeat("a.", n) + "example"
			return func() { parseOrigin(text) }
		}},
	} {
		t.Run(name, func(t *testing.T) { growth.Linear(t, test.n, test.prepare) })
	}
}

// What a peer is sent is written in time that is proportional to its length.
func TestOutputGrowsLinearly(t *testing.T) {
	many := func(n int) [][]byte {
		all := make([][]byte, n)
		for i := range all {
			all[i] = []byte("data")
		}
		return all
	}
	for name, encode := range map[string]func(m *Message){
		"payload":                      func(m *Message) { appendPayload(nil, m.kind, m.text, m.attachments) },
		"payload of revision 3":        func(m *Message) { appendTextPayload(nil, m) },
		"payload of revision 3, bytes": func(m *Message) { appendBinaryPayload(nil, m) },
	} {
		t.Run(name, func(t *testing.T) {
			growth.Linear(t, 300, func(n int) func() {
				m := NewJSONMessage(1, []byte(`2["`+strings.Repeat("é\U0001f600", n)+`"]`), many(n)...)
				return func() { encode(m) }
			})
		})
	}
}
