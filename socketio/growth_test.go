//go:build unix

package socketio_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"socketiojwt/internal/growth"
	"socketiojwt/socketio"
)

// nested returns a value of n arrays in one another.
func nested(n int) any {
	var v any = "x"
	for range n {
		v = []any{v}
	}
	return v
}

// byName returns an object with n members.
func byName(n int) map[string]any {
	m := make(map[string]any, n)
	for _, name := range numbered(n, 1) {
		m[name] = name
	}
	return m
}

// repeated returns n times v.
func repeated(n int, v any) []any {
	all := make([]any, n)
	for i := range all {
		all[i] = v
	}
	return all
}

// Calls take time in proportion to what the caller passes.
func TestCallsGrowLinearly(t *testing.T) {
	const sockets = 100
	srv, all := members(t, sockets, socketio.Options{MaxRooms: 1 << 20, MaxNameLength: 1 << 20})
	for i, room := range numbered(sockets, 1) {
		if err := all[i].Join("common", room); err != nil {
			t.Fatal(err)
		}
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	one := all[0]
	for name, test := range map[string]struct {
		n       int
		prepare func(n int) func()
	}{
		"To": {500, func(n int) func() {
			names := numbered(n, 1)
			return func() { srv.To(names...).Sockets() }
		}},
		"To, repeats": {500, func(n int) func() {
			names := numbered(n/2, 2)
			return func() { srv.To(names...).Sockets() }
		}},
		"To, name by name": {500, func(n int) func() {
			names := numbered(n, 1)
			return func() {
				b := srv.To()
				for _, name := range names {
					b = b.To(name)
				}
				b.Sockets()
			}
		}},
		"Except": {500, func(n int) func() {
			names := numbered(n, 1)
			return func() { srv.To("common").Except(names...).Sockets() }
		}},
		"Join and Leave": {200, func(n int) func() {
			names := numbered(n, 1)
			return func() {
				must(one.Join(names...))
				one.Leave(names...)
			}
		}},
		"Join, name by name": {200, func(n int) func() {
			names := numbered(n, 1)
			return func() {
				for _, name := range names {
					must(one.Join(name))
				}
				for _, name := range names {
					one.Leave(name)
				}
			}
		}},
		"Rooms": {200, func(n int) func() {
			s := srv.AddMembers(1)[0]
			must(s.Join(numbered(n, 1)...))
			return func() { s.Rooms() }
		}},
		"SocketsJoin and SocketsLeave": {30, func(n int) func() {
			names := numbered(n, 1)
			return func() {
				must(srv.To("common").SocketsJoin(names...))
				must(srv.To("common").SocketsLeave(names...))
			}
		}},
		"Emit, arguments": {100, func(n int) func() {
			args := repeated(n, "x")
			return func() { must(srv.To("empty").Emit("e", args...)) }
		}},
		"Emit, attachments": {100, func(n int) func() {
			args := repeated(n, []byte("x"))
			return func() { must(srv.To("empty").Emit("e", args...)) }
		}},
		"Emit, members": {100, func(n int) func() {
			m := byName(n)
			return func() { must(srv.To("empty").Emit("e", m)) }
		}},
		"Emit, depth": {30, func(n int) func() {
			v := nested(n)
			return func() { must(srv.To("empty").Emit("e", v)) }
		}},
		"Emit, text with escapes": {100, func(n int) func() {
			text := strings.Repeat("\"\\\n\x01é\U0001f600", n)
			return func() { must(srv.To("empty").Emit("e", text)) }
		}},
		"Emit, event name": {2000, func(n int) func() {
			event := strings.Repeat("e", n)
			return func() { must(srv.To("empty").Emit(event)) }
		}},
		"arguments of a peer, passed on": {100, func(n int) func() {
			array, attachments, err := socketio.EncodeArguments(repeated(n, []any{"x", []byte("x")})...)
			must(err)
			return func() {
				args, err := socketio.ParseArguments(array, attachments)
				must(err)
				must(srv.To("empty").Emit("e", args.Args()...))
			}
		}},
		"arguments of a peer, one of many parts": {100, func(n int) func() {
			array, attachments, err := socketio.EncodeArguments(repeated(n, []byte("x")), byName(n), nested(n/100))
			must(err)
			return func() {
				args, err := socketio.ParseArguments(array, attachments)
				must(err)
				var parts, members, depth any
				must(args.Scan(&parts, &members, &depth))
			}
		}},
		"sockets of a room": {100, func(n int) func() {
			room := fmt.Sprint("of ", n)
			for _, s := range srv.AddMembers(n) {
				must(s.Join(room, room+"too"))
			}
			return func() {
				must(srv.To(room).Emit("e"))
				must(srv.To(room, room+"too").Except("common").Emit("e"))
				_, _ = srv.To(room).EmitWithAck(ended, "e")
			}
		}},
		"namespaces of a rule": {100, func(n int) func() {
			srv, _ := members(t, 1, socketio.Options{})
			rule := srv.OfPattern(regexp.MustCompile("/a.*"))
			names := numbered(n, 1)
			for _, name := range names {
				rule.Count("/stays "+name, 1)
			}
			return func() {
				must(rule.Emit("e"))
				for _, name := range names {
					rule.Count("/comes "+name, 1)
				}
				for _, name := range names {
					rule.Count("/comes "+name, -1)
				}
			}
		}},
		"a room that fills and empties": {100, func(n int) func() {
			some, room := srv.AddMembers(n), fmt.Sprint("filled ", n)
			return func() {
				for _, s := range some {
					must(s.Join(room))
				}
				for _, s := range some {
					s.Leave(room)
				}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) { growth.Linear(t, test.n, test.prepare) })
	}
}

// The time of a call does not depend on what it does not concern.
func TestCallsIgnoreOthers(t *testing.T) {
	for name, test := range map[string]struct {
		n       int
		prepare func(n int) func()
	}{
		"a broadcast to a rule, namespaces of another rule": {1000, func(n int) func() {
			srv, _ := members(t, 1, socketio.Options{})
			rule, other := srv.OfPattern(regexp.MustCompile("/a.*")), srv.OfPattern(regexp.MustCompile("/b.*"))
			rule.Count("/a", 1)
			for i := range n {
				other.Count(fmt.Sprint("/b", i), 1)
			}
			return func() { _ = rule.Emit("e") }
		}},
		"a socket that ends and comes during a selection of its rooms, other sockets of the rooms": {1000, func(n int) func() {
			srv, all := members(t, n, socketio.Options{})
			rooms := numbered(20, 1)
			for _, s := range all {
				if err := s.Join(rooms...); err != nil {
					t.Fatal(err)
				}
			}
			return func() {
				srv.DuringSelection(socketio.Selector{Rooms: rooms}, func() {
					all[0].Unlist()
					all[0].List()
					_ = all[0].Join(rooms...)
				})
			}
		}},
		"the end of the search for what a peer has missed, with the lock of the namespace": {3000, func(n int) func() {
			srv, _ := members(t, 1, socketio.Options{Recovery: &socketio.Recovery{}})
			search := srv.SearchTail()
			for range n {
				search.Send(10, "elsewhere")
			}
			return func() {
				search.CatchUp()
				search.All()
			}
		}},
	} {
		t.Run(name, func(t *testing.T) { growth.Constant(t, test.n, test.prepare) })
	}
}
