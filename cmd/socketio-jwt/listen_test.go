package main

import (
	"net"
	"net/netip"
	"strings"
	"testing"
)

func closeAfter(t *testing.T, listeners []net.Listener) {
	t.Cleanup(func() {
		for _, l := range listeners {
			_ = l.Close()
		}
	})
}

// TestListenOnEveryAddress checks that listen uses every address of localhost, with one port.
func TestListenOnEveryAddress(t *testing.T) {
	listeners, err := listen(t.Context(), "--addr", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, listeners)
	ips, err := resolve(t.Context(), "localhost")
	if err != nil {
		t.Fatal(err)
	}
	port := listeners[0].Addr().(*net.TCPAddr).Port
	for _, ip := range ips {
		probe, err := net.Listen("tcp", netip.AddrPortFrom(ip, 0).String())
		if err != nil {
			continue // this machine does not have the address
		}
		_ = probe.Close()
		conn, err := net.Dial("tcp", netip.AddrPortFrom(ip, uint16(port)).String())
		if err != nil {
			t.Errorf("no listener on %v: %v", ip, err)
			continue
		}
		_ = conn.Close()
	}
	for _, l := range listeners {
		if addr := l.Addr().(*net.TCPAddr); !addr.IP.IsLoopback() || addr.Port != port {
			t.Errorf("listens on %v", addr)
		}
	}
}

// TestListenWithoutAnAddress checks that an address that this machine does not have is left out,
// unless it is the only one.
func TestListenWithoutAnAddress(t *testing.T) {
	absent := netip.MustParseAddr("192.0.2.1") // documentation, RFC 5737
	listeners, err := listenAll(t.Context(), "--addr", []netip.Addr{absent, netip.MustParseAddr("127.0.0.1")}, 0)
	if err != nil || len(listeners) != 1 {
		t.Fatalf("%d listeners, error %v; want one", len(listeners), err)
	}
	closeAfter(t, listeners)
	if listeners, err := listenAll(t.Context(), "--addr", []netip.Addr{absent}, 0); err == nil {
		closeAfter(t, listeners)
		t.Error("no error without an address to listen on")
	}
}

// TestListenWhereTaken checks that a port in use is an error that names the flag, and leaves no
// listener. Other tests connect from 127.0.0.2, so this test uses another address.
func TestListenWhereTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, []net.Listener{taken})
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	ips := []netip.Addr{netip.MustParseAddr("127.0.0.77"), netip.MustParseAddr("127.0.0.1")}
	number := taken.Addr().(*net.TCPAddr).Port
	listeners, err := listenAll(t.Context(), "--addr", ips, number)
	closeAfter(t, listeners)
	if err == nil || !strings.Contains(err.Error(), "--addr") || !strings.Contains(err.Error(), port) {
		t.Errorf("error %v, want one that names --addr and the port", err)
	}
	again, err := net.Listen("tcp", "127.0.0.77:"+port)
	if err != nil {
		t.Errorf("the other address is still taken: %v", err)
	} else {
		_ = again.Close()
	}
	runWith(t, "", "serve", "--addr", "127.0.0.1:"+port).want(t, exitFailed, "", "choose another port by --addr")
}
