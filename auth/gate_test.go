package auth_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

func TestNewGateChecksItsOptions(t *testing.T) {
	v := verifier(t)
	if _, err := auth.NewGate(nil, auth.Options{}); err == nil {
		t.Error("no error without a verifier")
	}
	usual := auth.FromAuth("token")
	for name, opts := range map[string]auth.Options{
		"Timeout":            {Timeout: -1},
		"guests' Attempts":   {Guests: &auth.GuestOptions{Attempts: -1}},
		"no sources":         {Sources: []auth.Source{}},
		"nil source":         {Sources: []auth.Source{nil}},
		"nil SourceFunc":     {Sources: []auth.Source{auth.SourceFunc(nil)}},
		"nameless member":    {Sources: []auth.Source{auth.FromAuth("")}},
		"nameless parameter": {Sources: []auth.Source{auth.FromQuery("")}},
		"nameless cookie":    {Sources: []auth.Source{auth.FromCookie("")}},
		"cookie name":        {Sources: []auth.Source{auth.FromCookie("a b")}},
		"cookie twice":       {Sources: []auth.Source{auth.FromCookie("t"), usual, auth.FromCookie("t")}},
		"header twice":       {Sources: []auth.Source{auth.FromHeader(), auth.FromHeader()}},
	} {
		if _, err := auth.NewGate(v, opts); err == nil || !strings.HasPrefix(err.Error(), "auth: ") {
			t.Errorf("%s: got error %v", name, err)
		}
	}
	sourceFunc := auth.SourceFunc(func(context.Context, *socketio.Handshake) (string, error) { return "", nil })
	for name, opts := range map[string]auth.Options{
		"zero":               {},
		"two cookies":        {Sources: []auth.Source{auth.FromCookie("t"), auth.FromCookie("u")}},
		"two funcs":          {Sources: []auth.Source{sourceFunc, sourceFunc}}, // funcs cannot be compared
		"everything fitting": {Sources: []auth.Source{usual}, Timeout: time.Second, AtExpiry: auth.LeaveNamespace, KeepEncoded: true, ThreamTexts: true, OmitReasonAndID: true},
		"guests":             {Guests: &auth.GuestOptions{Attempts: 3, Grace: -1, OnLogin: func(context.Context, *socketio.Socket) {}}},
	} {
		if _, err := auth.NewGate(v, opts); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Event panics if its options contradict each other or the gate, as Namespace.Use does, so
// that the error is found at the start.
func TestEventChecksItsOptions(t *testing.T) {
	for name, c := range map[string]struct {
		guests bool
		opts   auth.EventOptions
	}{
		"Attempts":             {opts: auth.EventOptions{Attempts: -1}},
		"EarlyEvents":          {opts: auth.EventOptions{EarlyEvents: -1}},
		"EarlyBytes":           {opts: auth.EventOptions{EarlyBytes: -1}},
		"MaxHeld":              {opts: auth.EventOptions{MaxHeld: -1}},
		"MaxHeldPerAddress":    {opts: auth.EventOptions{MaxHeldPerAddress: -1}},
		"early and DropEarly":  {opts: auth.EventOptions{EarlyEvents: 1, DropEarly: true}},
		"bytes and DropEarly":  {opts: auth.EventOptions{EarlyBytes: 1, DropEarly: true}},
		"Attempts and Guests":  {true, auth.EventOptions{Attempts: 1}},
		"Grace and Guests":     {true, auth.EventOptions{Grace: -1}},
		"early and Guests":     {true, auth.EventOptions{EarlyEvents: 1}},
		"bytes and Guests":     {true, auth.EventOptions{EarlyBytes: 1}},
		"DropEarly and Guests": {true, auth.EventOptions{DropEarly: true}},
		"MaxHeld and Guests":   {true, auth.EventOptions{MaxHeld: 1}},
		"addresses and Guests": {true, auth.EventOptions{MaxHeldPerAddress: 1}},
	} {
		gate := newGate(t, verifier(t), auth.Options{Guests: guests(c.guests)})
		func() {
			defer func() {
				if text := fmt.Sprint(recover()); !strings.HasPrefix(text, "auth: Event: ") {
					t.Errorf("%s: recovered %q", name, text)
				}
			}()
			gate.Event(c.opts)
		}()
		gate.Event(auth.EventOptions{}) // no options: valid for every gate
	}
}

// NewGate copies the options of guests. A gate may be used in event mode more than once, each
// time with other options, and counts its held sockets together.
func TestModesOfOneGate(t *testing.T) {
	logins := &auth.GuestOptions{Attempts: 2}
	bubble(t, setup{event: true, gate: auth.Options{Guests: logins}}, func(f *fixture) {
		*logins = auth.GuestOptions{}
		p := f.dial(sockettest.Options{})
		for range 2 {
			f.emit(p, "authenticate", bearing("junk"))
			f.unauthorized(p)
		}
		f.ended(p, sockettest.ErrDisconnected, 2*time.Second)
	})
	bubble(t, setup{event: true, mode: auth.EventOptions{MaxHeld: 1, Attempts: 1, Grace: -1}, furnish: func(f *fixture) {
		f.furnish(f.srv.Of("/second"), f.gate.Event(auth.EventOptions{MaxHeld: 2, Attempts: 2, Grace: -1}))
	}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Namespace: "/second"})
		if _, err := f.try(sockettest.Options{}); !errors.Is(err, sockettest.ErrClosed) {
			t.Errorf("got %v, want a closed transport", err)
		}
		q := f.dial(sockettest.Options{Namespace: "/second"})
		for range 2 {
			f.emit(p, "authenticate", bearing("junk"))
			f.unauthorized(p)
		}
		f.ended(p, sockettest.ErrDisconnected, 0)
		f.login(q, sign(nil))
		synctest.Wait() // the server counts p as held until its end has run
		p = f.dial(sockettest.Options{})
		f.emit(p, "authenticate", bearing("junk"))
		f.ended(p, sockettest.ErrDisconnected, 0)
	})
}

// A namespace with two gates admits no socket: a second lease would replace the first one,
// and the socket could stay after the first one has ended.
func TestTwoGatesAdmitNoSocket(t *testing.T) {
	bubble(t, setup{furnish: func(f *fixture) {
		other := newGate(t, verifierOf(t, token.Secret(secret), token.Options{InsecureNoExpiry: true}), auth.Options{Sources: []auth.Source{auth.FromAuth("other")}})
		f.srv.Use(other.Handshake)
	}}, func(f *fixture) {
		forever := signWith(secret, map[string]any{"alg": "HS256"}, claims{"sub": "ada"})
		if _, err := f.try(sockettest.Options{Auth: map[string]any{"token": sign(nil), "other": forever}}); err == nil {
			t.Error("a socket was admitted")
		}
		f.happened()
	})
}
