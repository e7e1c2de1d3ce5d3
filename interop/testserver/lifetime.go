package main

import (
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
)

// guardLifetime puts gates before the namespaces of lifetime.test.mjs, which differ in what
// happens when a lease ends. A lease is warned about in its second half.
func (a *app) guardLifetime(o options, verifier auth.Verifier, sources []auth.Source) error {
	for _, n := range []struct {
		name  string
		event bool
		opts  auth.Options
	}{
		{"/life", false, auth.Options{}},
		{"/life-event", true, auth.Options{}},
		{"/life-leave", true, auth.Options{AtExpiry: auth.LeaveNamespace}},
		{"/life-guest", true, auth.Options{AtExpiry: auth.BecomeGuest, Guests: &auth.GuestOptions{}}},
		{"/life-capped", true, auth.Options{MaxLifetime: 10 * time.Second}},
	} {
		n.opts.Sources, n.opts.Timeout, n.opts.Logger, n.opts.WarnBefore = sources, long, o.log, time.Hour
		gate, err := auth.NewGate(verifier, n.opts)
		if err != nil {
			return err
		}
		namespace := a.srv.Of(n.name)
		if n.event {
			namespace.Use(gate.Event(auth.EventOptions{}))
		} else {
			namespace.Use(gate.Handshake)
		}
		setUp(namespace)
		namespace.Handle("rooms", socketio.AckFunc(rooms))
	}
	return nil
}
