package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
)

// listen returns a listener for each address that the host of addr resolves to, all on one
// port. Errors name the flag. Without a host it returns one listener for all addresses of this machine.
func listen(ctx context.Context, flag, addr string) ([]net.Listener, error) {
	ips, port, err := addresses(ctx, flag, addr)
	if err != nil {
		return nil, err
	}
	if len(ips) == 0 {
		listener, err := listenOne(ctx, flag, ":"+strconv.Itoa(port))
		return []net.Listener{listener}, err
	}
	// A port that the system chose for one address may be taken on the next.
	const tries = 10
	for try := 1; ; try++ {
		listeners, err := listenAll(ctx, flag, ips, port)
		if err == nil || port != 0 || try == tries || !errors.Is(err, syscall.EADDRINUSE) {
			return listeners, err
		}
	}
}

// addresses resolves addr to a port and the addresses of the host. No addresses means all
// addresses of this machine.
func addresses(ctx context.Context, flag, addr string) (ips []netip.Addr, port int, err error) {
	host, portName, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, 0, fmt.Errorf("%s %s: it must be HOST:PORT", flag, addr)
	}
	port, err = net.DefaultResolver.LookupPort(ctx, "tcp", portName)
	if err != nil {
		return nil, 0, fmt.Errorf("%s %s: %q is not a port", flag, addr, portName)
	}
	if host == "" {
		return nil, port, nil
	}
	ips, err = resolve(ctx, host)
	if err == nil && len(ips) == 0 {
		err = errors.New("it has no address") // no addresses would mean all of this machine
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%s %s: %w", flag, addr, err)
	}
	return ips, port, nil
}

// resolve returns the addresses of a host. "localhost" means the loopback addresses
// even where nothing resolves it (RFC 6761, section 6.3).
func resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil && host == "localhost" {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, nil
	}
	if err != nil {
		return nil, err
	}
	for i := range ips {
		ips[i] = ips[i].Unmap()
	}
	slices.SortFunc(ips, netip.Addr.Compare)
	return slices.Compact(ips), nil
}

// listenAll listens on all addresses, or on none of them. It leaves out addresses that this
// machine does not have, if it has another: a hosts file may name ::1 on a machine without
// IPv6.
func listenAll(ctx context.Context, flag string, ips []netip.Addr, port int) (listeners []net.Listener, err error) {
	var absent error
	for _, ip := range ips {
		listener, err := listenOne(ctx, flag, netip.AddrPortFrom(ip, uint16(port)).String())
		switch {
		case err == nil:
			listeners = append(listeners, listener)
			port = listener.Addr().(*net.TCPAddr).Port
		case errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT):
			absent = err
		default:
			closeAll(listeners)
			return nil, err
		}
	}
	if len(listeners) == 0 {
		return nil, absent
	}
	return listeners, nil
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		_ = l.Close()
	}
}

func listenOne(ctx context.Context, flag, addr string) (net.Listener, error) {
	// The heartbeat and the timeouts of the HTTP server find peers that are gone.
	listener, err := (&net.ListenConfig{KeepAlive: -1}).Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("another program listens on %s; choose another port by %s localhost:PORT: %w", addr, flag, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return listener, nil
}
