package auth_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// Two good answers differ only by what the peer asked for: see the table of wire.go.
func TestLeaseOnTheWire(t *testing.T) {
	asking := func(compact string) map[string]any { return map[string]any{"token": compact, "lease": true} }
	var w wire
	bubble(t, setup{}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: asking(sign(nil)), Trace: w.trace})
		f.expect(p, "authenticated")
		w.want(t, `0{"sid":"*"}`, `2["authenticated",{"expiresIn":3600,"refresh":true}]`)
		f.happened("connected ada")
	})
	for name, c := range map[string]struct {
		handshake, payload any
		ack                bool
		want               []string
	}{
		"not asked":              {nil, bearing("T"), false, []string{`2["authenticated"]`}},
		"asked with the event":   {nil, asking("T"), false, []string{`2["authenticated",{"expiresIn":3600,"refresh":true}]`}},
		"asked in the handshake": {map[string]any{"lease": true}, bearing("T"), false, []string{`2["authenticated",{"expiresIn":3600,"refresh":true}]`}},
		"with acknowledgement":   {nil, bearing("T"), true, []string{`2["authenticated"]`, `30[{"expiresIn":3600,"refresh":true}]`}},
		"asked by another value": {nil, map[string]any{"token": "T", "lease": 1}, false, []string{`2["authenticated"]`}},
	} {
		for _, guest := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", guest ", guest), func(t *testing.T) {
				var w wire
				bubble(t, setup{event: true, gate: auth.Options{Guests: guests(guest)}}, func(f *fixture) {
					c.payload.(map[string]any)["token"] = sign(nil)
					p := f.dial(sockettest.Options{Auth: c.handshake, Trace: w.trace})
					if c.ack {
						if _, err := p.EmitWithAck(f.ctx, "authenticate", c.payload); err != nil {
							t.Fatal(err)
						}
					} else {
						f.emit(p, "authenticate", c.payload)
					}
					f.expect(p, "authenticated")
					w.want(t, append([]string{`0{"sid":"*"}`}, c.want...)...)
				})
			})
		}
	}
}

// A login that is refused gets the refusal twice, with the same ID: as the acknowledgement and
// as the event.
func TestRefusedLoginIsAcknowledged(t *testing.T) {
	for _, attempts := range []int{1, 2} {
		bubble(t, setup{event: true, mode: auth.EventOptions{Attempts: attempts}}, func(f *fixture) {
			p := f.dial(sockettest.Options{})
			a := f.authenticate(p, "junk")
			if told, _ := f.unauthorized(p); a.Error == nil || told != *a.Error {
				t.Errorf("acknowledged %+v, told %+v", a.Error, told)
			}
		})
	}
}

// The acknowledgement of a login comes when the socket is admitted, so an event that the peer
// sends after it is not an early one.
func TestAcknowledgedMeansAdmitted(t *testing.T) {
	bubble(t, setup{event: true, mode: auth.EventOptions{DropEarly: true}, furnish: func(f *fixture) {
		f.srv.Use(func(context.Context, *socketio.Socket) error { time.Sleep(30 * time.Second); return nil })
	}}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		if a := f.authenticate(p, sign(nil)); a.left() != 3600 {
			t.Errorf("answer %+v", a)
		}
		f.emit(p, "after")
		f.happened("connected ada", "event after")
	})
}
