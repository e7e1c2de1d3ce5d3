package main

import (
	"bytes"
	"net"
	"strings"
	"testing"
)

// bound is a listener that has only an address.
type bound struct {
	net.Listener
	addr *net.TCPAddr
}

func (b bound) Addr() net.Addr { return b.addr }

// TestWelcome checks that the printed address can be opened, and that the output says whether
// other machines can reach it.
func TestWelcome(t *testing.T) {
	for _, test := range []struct {
		addr, ip, url string
		exposed       bool
	}{
		{"localhost:9000", "127.0.0.1", "http://localhost:9000\n", false},
		{"[::1]:9000", "::1", "http://[::1]:9000\n", false},
		{"0.0.0.0:9000", "0.0.0.0", "http://127.0.0.1:9000\n", true},
		{"[::]:9000", "::", "http://localhost:9000\n", true},
		{":9000", "::", "http://localhost:9000\n", true},
		{"192.0.2.1:9000", "192.0.2.1", "http://192.0.2.1:9000\n", true},
	} {
		var out bytes.Buffer
		c := serveCommand{configuration: configuration{Addr: test.addr}}
		c.welcome(terminal{out: &out}, []net.Listener{bound{addr: &net.TCPAddr{IP: net.ParseIP(test.ip), Port: 9000}}}, []servedNamespace{{table: &namespaceTable{Name: "/chat", Mode: "event"}}}, nil)
		if !strings.Contains(out.String(), "Namespace /chat takes the token by the event \"authenticate\".\n") {
			t.Errorf("%s: it does not say where tokens are shown: %s", test.addr, &out)
		}
		if !strings.Contains(out.String(), "Serving at "+test.url) {
			t.Errorf("%s: %s", test.addr, &out)
		}
		if strings.Contains(out.String(), "Other machines can reach") != test.exposed {
			t.Errorf("%s: exposed is not %v: %s", test.addr, test.exposed, &out)
		}
	}
}
