package main

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"socketiojwt/internal/display"
)

// welcome prints the address of the page, commands to try, and how each namespace takes the token.
func (c *serveCommand) welcome(t terminal, listeners []net.Listener, namespaces []servedNamespace, issuer *issuer) {
	host, exposed := c.reachableAt(listeners)
	scheme := "http"
	if c.tlsFiles.enabled() {
		scheme = "https"
	}
	url := scheme + "://" + net.JoinHostPort(host, strconv.Itoa(portOf(listeners[0])))
	self := programName()
	var b strings.Builder
	fmt.Fprintf(&b, "Serving at %s\n\n", url)
	fmt.Fprintf(&b, "  Open the page    %s\n", url)
	if issuer != nil {
		curl := fmt.Sprintf(`curl -s %s/login -H 'Content-Type: application/json' -d '{"username": "ada"}'`, url)
		fmt.Fprintf(&b, "  Get a token      %s\n", curl)
		fmt.Fprintf(&b, "  Connect with it  %s \\\n                     | %s probe %s --token -\n", curl, self, url)
	} else {
		fmt.Fprintf(&b, "  Connect          %s probe %s --token - < token.txt\n", self, url)
	}
	if exposed && !c.tlsFiles.enabled() {
		fmt.Fprintf(&b, "\nOther machines can reach this server, and it does not use TLS: anyone on the network path\ncan read the tokens. Run \"%s doctor\" with the same flags to see what is unsafe.\n", self)
	}
	fmt.Fprint(&b, "\n")
	for _, n := range namespaces {
		by := "in the handshake"
		if n.table.Mode == "event" {
			by = `by the event "authenticate"`
		}
		fmt.Fprintf(&b, "Namespace %s takes the token %s.\n", display.Printable(n.table.Name), by)
	}
	fmt.Fprint(&b, "Stop with Ctrl-C.\n")
	fmt.Fprint(t.out, b.String())
}

// reachableAt returns a host that a browser on this machine can open, and reports whether
// other machines can reach the listeners.
func (c *serveCommand) reachableAt(listeners []net.Listener) (host string, exposed bool) {
	host = c.host()
	for _, listener := range listeners {
		ip := listener.Addr().(*net.TCPAddr).IP
		exposed = exposed || !ip.IsLoopback()
		if ip.IsUnspecified() { // it is only for listening
			host = "localhost"
			if ip.To4() != nil {
				host = "127.0.0.1"
			}
		}
	}
	if c.host() == "" {
		host = "localhost"
	}
	return host, exposed
}

func portOf(listener net.Listener) int { return listener.Addr().(*net.TCPAddr).Port }
