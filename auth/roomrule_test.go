package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// ruled registers the events "join" and "leave", whose rooms a rule checks.
func (f *fixture) ruled(opts auth.RoomRuleOptions) {
	rule, err := f.gate.RoomRule(opts)
	if err != nil {
		f.t.Fatal(err)
	}
	f.srv.Handle("join", socketio.AckFunc(func(ctx context.Context, s *socketio.Socket, rooms []string) (string, error) {
		return "done", rule.Join(ctx, s, rooms...)
	}))
	f.srv.Handle("leave", socketio.AckFunc(func(_ context.Context, s *socketio.Socket, rooms []string) (string, error) {
		return "done", rule.Leave(s, rooms...)
	}))
}

// request emits "join" or "leave", and returns the error in the acknowledgement, or "".
func (f *fixture) request(p *sockettest.Peer, event string, rooms ...string) string {
	f.t.Helper()
	answer, err := p.EmitWithAck(f.ctx, event, rooms)
	if err != nil {
		f.t.Fatalf("%s: %v", event, err)
	}
	raw := answer.Args()[0].(socketio.Raw).JSON()
	if string(raw) == `"done"` {
		return ""
	}
	var refused struct{ Error string }
	if err := json.Unmarshal(raw, &refused); err != nil {
		f.t.Fatal(err)
	}
	return refused.Error
}

// A peer joins and leaves only rooms that the rule allows, and none of another socket or user.
func TestRoomRule(t *testing.T) {
	const denied = "room not allowed"
	gate := auth.Options{Rooms: declared, Guests: &auth.GuestOptions{}}
	server := socketio.Options{MaxRooms: 10, MaxNameLength: 30}
	bubble(t, setup{server: server, gate: gate, furnish: func(f *fixture) {
		f.ruled(auth.RoomRuleOptions{Pattern: regexp.MustCompile(`a|ab|[\w:-]+`)})
	}}, func(f *fixture) {
		bob := f.dial(sockettest.Options{Auth: bearing(sign(claims{"sub": "bob", "tenants": "b"}))})
		gone := f.dial(sockettest.Options{})
		_ = gone.Close()
		ada := f.dial(sockettest.Options{Auth: bearing(sign(claims{"tenants": "a"}))})
		guest := f.dial(sockettest.Options{})
		for _, c := range []struct {
			peer  *sockettest.Peer
			rooms []string
			want  string
		}{
			{ada, []string{"ab"}, ""},
			{ada, []string{"chat"}, ""},
			{ada, []string{"user:ada", "tenant:a"}, ""},
			{ada, []string{"user:bob"}, denied},
			{ada, []string{"tenant:b"}, denied},
			{ada, []string{"user:"}, denied},
			{ada, []string{"fine", "user:bob"}, denied},
			{ada, []string{bob.ID()}, denied},
			{ada, []string{gone.ID()}, denied},
			{ada, []string{ada.ID()}, ""},
			{ada, []string{""}, denied},
			{ada, []string{"not a word"}, denied},
			{ada, []string{"chat\n"}, denied},
			{ada, []string{strings.Repeat("x", 31)}, denied},
			{ada, strings.Split(strings.Repeat("x y z ", 30), " "), denied},
			{ada, []string{"1", "2", "3", "4", "5", "6"}, "too many rooms"},
			{guest, []string{"user:guest"}, denied},
			{guest, []string{"chat"}, ""},
		} {
			if got := f.request(c.peer, "join", c.rooms...); got != c.want {
				t.Errorf("join %.60q: %q, want %q", c.rooms, got, c.want)
			}
		}
		synctest.Wait()
		var s *socketio.Socket
		for _, one := range f.srv.Sockets() {
			if one.ID() == ada.ID() {
				s = one
			}
		}
		if got := roomsOf(s); !slices.Equal(got, []string{"ab", "chat", "tenant:a", "user:ada"}) {
			t.Errorf("in rooms %q", got)
		}
		for _, c := range []struct {
			rooms []string
			want  string
		}{{[]string{"chat"}, ""}, {[]string{"ab", "user:ada"}, denied}, {[]string{"not a word"}, denied}, {[]string{""}, denied}} {
			if got := f.request(ada, "leave", c.rooms...); got != c.want {
				t.Errorf("leave %q: %q, want %q", c.rooms, got, c.want)
			}
		}
		if got := roomsOf(s); !slices.Equal(got, []string{"ab", "tenant:a", "user:ada"}) {
			t.Errorf("after leaving, in rooms %q", got)
		}
		if log := f.log.String(); strings.Contains(log, "handler failed") && strings.Contains(log, "level=WARN msg=\"socketio: handler") {
			t.Errorf("a peer can cause warnings:\n%s", log)
		}
	})
}

// Prefixes, Pattern and Allow must all allow a room. Allow knows the identity, and its errors are
// not sent.
func TestRoomRuleByIdentity(t *testing.T) {
	bubble(t, setup{furnish: func(f *fixture) {
		f.ruled(auth.RoomRuleOptions{
			Prefixes: []string{"team:", "dm:"}, Pattern: regexp.MustCompile("[a-z:]+"),
			Allow: func(ctx context.Context, s *socketio.Socket, room string) (bool, error) {
				f.ran.add(fmt.Sprint("asked about ", room))
				if room == "dm:broken" {
					return true, errors.New("a secret cause")
				}
				return strings.HasSuffix(room, subject(ctx)) && socketio.FromContext(ctx) == s, nil
			},
		})
	}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(sign(nil))})
		for room, want := range map[string]string{
			"dm:ada": "", "team:ada": "", "dm:bob": "room not allowed", "dm:": "room not allowed", "ada": "room not allowed",
			"dm:X-ada": "room not allowed", "dm:broken": "internal error",
		} {
			if got := f.request(p, "join", room); got != want {
				t.Errorf("%q: %q, want %q", room, got, want)
			}
		}
		f.wantRooms("dm:ada", "team:ada")
		if got := f.request(p, "leave", "dm:bob"); got != "" { // Allow is not asked
			t.Errorf("leave: %q", got)
		}
		if got := f.ran.all(); len(got) != 5 {
			t.Errorf("ran %q", got)
		}
	})
}

// RoomRule refuses options that cannot be meant.
func TestRoomRuleChecksItsOptions(t *testing.T) {
	gate := newGate(t, verifier(t), auth.Options{Rooms: declared})
	for want, opts := range map[string]auth.RoomRuleOptions{
		"nothing is set":     {},
		"Prefixes is empty":  {Prefixes: []string{}},
		"a prefix is empty":  {Prefixes: []string{"x", ""}},
		"are declared by":    {Prefixes: []string{"user:x"}},
		`prefix "tenant:" a`: {Prefixes: []string{"tenant:"}},
	} {
		if _, err := gate.RoomRule(opts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	prefixes := []string{"chat:"}
	if _, err := gate.RoomRule(auth.RoomRuleOptions{Prefixes: prefixes}); err != nil {
		t.Error(err)
	}
}
