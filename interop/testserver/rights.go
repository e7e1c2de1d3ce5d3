package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

// guardRights puts gates before the namespaces of rights.test.mjs: /rights in handshake mode
// and /rights-event in event mode, each with declared rooms, and /rights-guests.
func (a *app) guardRights(o options, verifier auth.Verifier, sources []auth.Source) error {
	opts := auth.Options{
		Sources: sources, Timeout: long, Logger: o.log,
		Rooms: []auth.RoomsFrom{auth.RoomOfSubject("user:"), auth.RoomsOf("tenants", "tenant:")},
	}
	withGuests := opts
	withGuests.Guests = &auth.GuestOptions{}
	for _, n := range []struct {
		name  string
		event bool
		opts  auth.Options
	}{{"/rights", false, opts}, {"/rights-event", true, opts}, {"/rights-guests", true, withGuests}} {
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
		if err := setUpRights(namespace, gate); err != nil {
			return err
		}
	}
	return nil
}

// setUpRights registers events that need rights.
func setUpRights(n *socketio.Namespace, gate *auth.Gate) error {
	done := socketio.AckFunc(func(ctx context.Context, _ *socketio.Socket, _ struct{}) (string, error) {
		return "done by " + auth.Token(ctx).ID, nil
	})
	n.Handle("edit", gate.Require(auth.Scopes("edit"))(done))
	n.Handle("moderate", gate.Require(auth.ClientRoles("chat", "moderator"))(done))
	n.Handle("adult", gate.Require(auth.Satisfies(func(_ context.Context, t *token.Token) error {
		var age int
		if err := t.Claim("age", &age); err != nil || age < 18 {
			return &auth.Error{Message: "adults only", Reason: "too_young", Err: errors.Join(errors.New("not an adult"), err)}
		}
		return nil
	}))(done))
	n.Handle("pay", gate.Require(auth.Fresh(auth.Freshness{MaxAge: time.Hour, ACR: []string{"gold"}, Wait: long}))(done))
	n.Handle("pay-soon", gate.Require(auth.Fresh(auth.Freshness{ACR: []string{"gold"}, Wait: 300 * time.Millisecond}))(done))
	n.Handle("rooms", socketio.AckFunc(rooms))
	rule, err := gate.RoomRule(auth.RoomRuleOptions{Prefixes: []string{"chat:", "user"}})
	if err != nil {
		return err
	}
	n.Handle("join", socketio.AckFunc(func(ctx context.Context, s *socketio.Socket, room string) (string, error) {
		return "done", rule.Join(ctx, s, room)
	}))
	return nil
}

// rooms returns the rooms of a socket except that of its own ID, sorted.
func rooms(_ context.Context, s *socketio.Socket, _ struct{}) ([]string, error) {
	all := slices.DeleteFunc(s.Rooms(), func(room string) bool { return room == s.ID() })
	slices.Sort(all)
	return all, nil
}
