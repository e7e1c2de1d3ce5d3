package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// guarded registers an event that only runs if the requirements are satisfied.
func (f *fixture) guarded(event string, requirements ...auth.Requirement) {
	f.srv.Handle(event, f.gate.Require(requirements...)(func(ctx context.Context, _ *socketio.Socket, e *socketio.Event) error {
		f.ran.add(event + " by " + subject(ctx))
		return e.Ack("done")
	}))
}

// forbidden is the refusal of an event.
type forbidden struct{ Code, Message, Reason, ID, Event string }

// ask emits an event with an acknowledgement, and returns the refusal in it, or the zero value
// if the event was handled.
func (f *fixture) ask(p *sockettest.Peer, event string) forbidden {
	f.t.Helper()
	answer, err := p.EmitWithAck(f.ctx, event)
	if err != nil {
		f.t.Fatalf("%s: %v\n%s", event, err, f.log.String())
	}
	raw := answer.Args()[0].(socketio.Raw).JSON()
	if string(raw) == `"done"` {
		return forbidden{}
	}
	var refused struct{ Error forbidden }
	if err := json.Unmarshal(raw, &refused); err != nil || refused.Error.Code != "forbidden" || refused.Error.ID == "" || refused.Error.Event != "" {
		f.t.Errorf("%s: the acknowledgement is %s", event, raw)
	}
	return refused.Error
}

// Each requirement reads its claims exactly, and a claim of another shape gives nothing.
func TestRequirements(t *testing.T) {
	realm := func(roles any) claims { return claims{"realm_access": map[string]any{"roles": roles}} }
	client := func(roles any) claims {
		return claims{"resource_access": map[string]any{"shop": map[string]any{"roles": roles}, "other": map[string]any{"roles": []string{"x"}}}}
	}
	no := errors.New("a secret cause")
	admin := auth.Satisfies(func(_ context.Context, t *token.Token) error {
		var admin bool
		if err := t.Claim("admin", &admin); err != nil || !admin {
			return no
		}
		return nil
	})
	const scope, role = auth.ReasonInsufficientScope, auth.ReasonInsufficientRole
	for name, c := range map[string]struct {
		require auth.Requirement
		claims  claims
		reason  auth.Reason
	}{
		"scope":                    {auth.Scopes("a", "b"), claims{"scope": "b c a"}, ""},
		"one of two scopes":        {auth.Scopes("a", "b"), claims{"scope": "a"}, scope},
		"a longer scope":           {auth.Scopes("a"), claims{"scope": "ab a:b A"}, scope},
		"scope split by a tab":     {auth.Scopes("a"), claims{"scope": "x\ta"}, scope},
		"a list in scope":          {auth.Scopes("a"), claims{"scope": []string{"a"}}, scope},
		"scp, a string":            {auth.Scopes("a"), claims{"scp": "x a"}, ""},
		"scp, a list":              {auth.Scopes("a"), claims{"scp": []string{"x", "a"}}, ""},
		"scp, two in one":          {auth.Scopes("a"), claims{"scp": []string{"x a"}}, scope},
		"permissions":              {auth.Scopes("read:a"), claims{"permissions": []string{"read:a"}}, ""},
		"permissions, a string":    {auth.Scopes("a"), claims{"permissions": "a"}, scope},
		"three claims together":    {auth.Scopes("a", "b", "c"), claims{"scope": "a", "scp": "b", "permissions": []string{"c"}}, ""},
		"a list with a number":     {auth.Scopes("a"), claims{"permissions": []any{"a", 1}}, scope},
		"no scopes":                {auth.Scopes("a"), nil, scope},
		"realm role":               {auth.RealmRoles("editor"), realm([]string{"editor"}), ""},
		"another realm role":       {auth.RealmRoles("editor"), realm([]string{"edit"}), role},
		"realm roles, a string":    {auth.RealmRoles("editor"), realm("editor"), role},
		"realm role of a client":   {auth.RealmRoles("x"), client([]string{"x"}), role},
		"client role":              {auth.ClientRoles("shop", "x", "y"), client([]string{"y", "x"}), ""},
		"role of another client":   {auth.ClientRoles("shop", "x"), client([]string{}), role},
		"no such client":           {auth.ClientRoles("Shop", "x"), client([]string{"x"}), role},
		"clients, a list":          {auth.ClientRoles("shop", "x"), claims{"resource_access": []string{"x"}}, role},
		"satisfies":                {admin, claims{"admin": true}, ""},
		"does not satisfy":         {admin, nil, auth.ReasonNotAuthorized},
		"the second of any":        {auth.AnyOf(auth.Scopes("a"), admin), claims{"admin": true}, ""},
		"none of any":              {auth.AnyOf(admin, auth.Scopes("a")), nil, scope},
		"any of any":               {auth.AnyOf(auth.AnyOf(auth.Scopes("a")), auth.RealmRoles("x")), claims{"scope": "a"}, ""},
		"members of another case":  {auth.RealmRoles("x"), claims{"realm_access": map[string]any{"Roles": []string{"x"}}}, role},
		"a scope with punctuation": {auth.Scopes("https://a.example/x!#[]~"), claims{"scope": "https://a.example/x!#[]~"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{furnish: func(f *fixture) { f.guarded("do", c.require) }}, func(f *fixture) {
				p := f.dial(sockettest.Options{Auth: bearing(sign(c.claims))})
				refused := f.ask(p, "do")
				if refused.Reason != string(c.reason) {
					t.Errorf("got %+v, want %q", refused, c.reason)
				}
				if f.whoami(p) != "ada" {
					t.Error("the socket has lost its lease")
				}
				want := map[auth.Reason]uint64{}
				if c.reason != "" {
					want[c.reason] = 1
				}
				if got := f.gate.Stats().Forbidden; !maps.Equal(got, want) {
					t.Errorf("counted %v, want %v", got, want)
				}
				if c.reason != "" && !strings.Contains(f.log.String(), "id="+refused.ID) {
					t.Errorf("the log does not have the ID %s", refused.ID)
				}
			})
		})
	}
}

// On the wire a refusal is the acknowledgement, or an event if the peer wants none. The cause is
// not sent.
func TestForbiddenOnTheWire(t *testing.T) {
	for _, omit := range []bool{false, true} {
		var sent wire
		bubble(t, setup{gate: auth.Options{OmitReasonAndID: omit}, furnish: func(f *fixture) {
			f.guarded("do", auth.Satisfies(func(context.Context, *token.Token) error { return errors.New("a secret cause") }))
			f.guarded("choose", auth.Satisfies(func(context.Context, *token.Token) error {
				return fmt.Errorf("wrapped: %w", &auth.Error{Message: "pay first", Code: "ignored", Reason: "not_paid", Err: errors.New("a secret cause")})
			}))
		}}, func(f *fixture) {
			p := f.dial(sockettest.Options{Auth: bearing(sign(nil)), Trace: sent.trace})
			sent.all()
			f.ask0(p, "do")
			f.ask0(p, "choose")
			f.emit(p, "do")
			f.expect(p, "unauthorized")
			lines := sent.all()
			extra := func(reason string) string {
				if omit {
					return ""
				}
				return `,"reason":"` + reason + `","id":"*"`
			}
			want := []string{
				`[{"error":{"code":"forbidden","message":"forbidden"` + extra("not_authorized") + `}}]`,
				`[{"error":{"code":"forbidden","message":"pay first"` + extra("not_paid") + `}}]`,
				`["unauthorized",{"message":"forbidden","inner":{"message":"forbidden"},"data":{"code":"forbidden","message":"forbidden"` +
					extra("not_authorized") + `,"event":"do"}}]`,
			}
			lines = lines[max(len(lines)-len(want), 0):]
			for i, line := range lines {
				if line = line[strings.IndexByte(line, '['):]; line != want[i] {
					t.Errorf("sent %s, want %s", line, want[i])
				}
			}
			f.happened("connected ada")
		})
	}
}

// ask0 is ask without a check of the answer.
func (f *fixture) ask0(p *sockettest.Peer, event string) {
	f.t.Helper()
	if _, err := p.EmitWithAck(f.ctx, event); err != nil {
		f.t.Fatalf("%s: %v", event, err)
	}
}

// A guest is told to log in, and may then send the event again.
func TestRequireOfGuests(t *testing.T) {
	bubble(t, setup{gate: auth.Options{Guests: &auth.GuestOptions{}}, furnish: func(f *fixture) {
		f.guarded("do", auth.Satisfies(func(context.Context, *token.Token) error { return nil }))
	}}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		if got := f.ask(p, "do"); got.Reason != string(auth.ReasonLoginRequired) {
			t.Errorf("got %+v", got)
		}
		f.login(p, sign(nil))
		if got := f.ask(p, "do"); got != (forbidden{}) {
			t.Errorf("after the login: %+v", got)
		}
	})
}

// Satisfies of a User gets the user that Authorize has stored. A panic in it ends the socket.
func TestRequireUser(t *testing.T) {
	gate := auth.Options{Authorize: userName.By(func(_ context.Context, t *token.Token, _ *socketio.Handshake) (string, error) {
		return "user " + t.Subject, nil
	})}
	bubble(t, setup{gate: gate, furnish: func(f *fixture) {
		ada := userName.Satisfies(func(ctx context.Context, name string) error {
			switch {
			case name != userName.From(ctx):
				return errors.New("two users")
			case name == "user eve":
				panic("in Satisfies")
			case name != "user ada":
				return errors.New("not ada")
			}
			return nil
		})
		f.guarded("do", auth.AnyOf(ada, ada))
	}}, func(f *fixture) {
		for sub, want := range map[string]auth.Reason{"ada": "", "bob": auth.ReasonNotAuthorized} {
			p := f.dial(sockettest.Options{Auth: bearing(sign(claims{"sub": sub}))})
			if got := f.ask(p, "do"); got.Reason != string(want) {
				t.Errorf("%s: %+v", sub, got)
			}
		}
		p := f.dial(sockettest.Options{Auth: bearing(sign(claims{"sub": "eve"}))})
		f.emit(p, "do")
		f.ended(p, sockettest.ErrDisconnected, 0)
	})
}

// Wrap applies to every event of the namespace. A middleware around Require gets an error that
// the log has at level Debug.
func TestRequireOfANamespace(t *testing.T) {
	bubble(t, setup{furnish: func(f *fixture) {
		f.srv.Wrap(func(next socketio.Handler) socketio.Handler {
			return func(ctx context.Context, s *socketio.Socket, e *socketio.Event) error {
				err := next(ctx, s, e)
				var public *socketio.PublicError
				f.ran.add(fmt.Sprint(errors.As(err, &public), " ", err))
				return err
			}
		})
		f.srv.Wrap(f.gate.Require(auth.Scopes("chat")))
	}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(sign(nil))})
		if got := f.ask(p, "whoami"); got.Reason != string(auth.ReasonInsufficientScope) {
			t.Errorf("got %+v", got)
		}
		f.emit(p, "any")
		f.expect(p, "unauthorized")
		f.happened("connected ada", "true insufficient scope", "true insufficient scope")
		if log := f.log.String(); strings.Contains(log, "level=WARN msg=\"socketio") {
			t.Errorf("a peer can cause warnings:\n%s", log)
		}
	})
}

// Events of sockets that another gate has admitted are refused.
func TestRequireOfAnotherGate(t *testing.T) {
	other := newGate(t, verifier(t), auth.Options{})
	bubble(t, setup{furnish: func(f *fixture) {
		n := f.srv.Of("/other")
		n.Use(other.Handshake)
		n.Handle("do", f.gate.Require(auth.Scopes("a"))(func(context.Context, *socketio.Socket, *socketio.Event) error {
			f.ran.add("do")
			return nil
		}))
	}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Namespace: "/other", Auth: bearing(sign(claims{"scope": "a"}))})
		if got := f.ask(p, "do"); got.Reason != string(auth.ReasonInternal) {
			t.Errorf("got %+v", got)
		}
		f.happened()
	})
}
