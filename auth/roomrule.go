package auth

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"socketiojwt/socketio"
)

// RoomRuleOptions say which rooms peers may ask for: see Gate.RoomRule. At least one of the
// fields must be set, and a name must satisfy all that are set.
type RoomRuleOptions struct {
	// Prefixes are the allowed beginnings of names. Something must follow the prefix. Nil
	// means any.
	Prefixes []string
	// Pattern must match the whole name, as if it began with \A and ended with \z. Nil means
	// that any name matches.
	Pattern *regexp.Regexp
	// Allow reports whether a socket may join a room, by its identity, such as Token(ctx) or
	// User.From(ctx). It is asked last. An error, such as that of a database, is returned to
	// the caller of Join. Nil means that all sockets may, including guests.
	Allow func(ctx context.Context, s *socketio.Socket, room string) (bool, error)
}

// A RoomRule checks names of rooms that come from peers. Make one with Gate.RoomRule. It does
// not change, and may be used concurrently.
type RoomRule struct {
	gate    *Gate
	opts    RoomRuleOptions
	pattern *regexp.Regexp // Pattern for whole names
}

// RoomRule returns a rule for rooms that peers ask to join or leave:
//
//	rule, err := gate.RoomRule(auth.RoomRuleOptions{Prefixes: []string{"chat:"}})
//	srv.Handle("join", socketio.AckFunc(func(ctx context.Context, s *socketio.Socket, room string) (struct{}, error) {
//		return struct{}{}, rule.Join(ctx, s, room)
//	}))
//
// A peer can never join a room that is named by the ID of another socket, even if that socket
// has ended, or a room of another user with a prefix of Options.Rooms, such as "user:bob".
// RoomRule fails if opts are invalid or not set.
func (g *Gate) RoomRule(opts RoomRuleOptions) (*RoomRule, error) {
	r := &RoomRule{gate: g, opts: opts}
	r.opts.Prefixes = slices.Clone(opts.Prefixes)
	if opts.Prefixes == nil && opts.Pattern == nil && opts.Allow == nil {
		return nil, errors.New("auth: RoomRule: nothing is set; set Prefixes, Pattern or Allow")
	}
	if opts.Prefixes != nil && len(opts.Prefixes) == 0 {
		return nil, errors.New("auth: RoomRule: Prefixes is empty, so that no room is allowed; list a prefix, or leave it nil")
	}
	for _, prefix := range opts.Prefixes {
		switch {
		case prefix == "":
			return nil, errors.New("auth: RoomRule: a prefix is empty; leave Prefixes nil if any name is allowed")
		case g.Declares(prefix):
			return nil, fmt.Errorf("auth: RoomRule: rooms with the prefix %q are declared by Options.Rooms, and only the gate makes sockets join them", prefix)
		}
	}
	if opts.Pattern != nil {
		pattern, err := regexp.Compile(`\A(?:` + opts.Pattern.String() + `)\z`)
		if err != nil { // such as a pattern with an unclosed flag
			return nil, fmt.Errorf("auth: RoomRule: Pattern: %w", err)
		}
		r.pattern = pattern
	}
	return r, nil
}

// errRoomDenied is the same for every reason, so that a peer cannot find out which sockets and
// users exist.
var errRoomDenied = &socketio.PublicError{Message: "room not allowed"}

// Join makes the socket join the rooms, if its peer may join all of them. Otherwise it joins
// none. It returns a *socketio.PublicError, which socketio.AckFunc sends, with the message "room
// not allowed" or "too many rooms". The first does not say why. Join also returns the errors of
// Allow and socketio.ErrClosed. The context is that of the handler. A room that the gate has
// made the socket join is allowed, and stays as it is.
func (r *RoomRule) Join(ctx context.Context, s *socketio.Socket, rooms ...string) error {
	if s.CanJoin(rooms...) != nil {
		return errRoomDenied
	}
	var own []string
	for _, room := range rooms {
		switch {
		case r.gate.Declares(room) && declaredOf(s, room):
			continue
		case !r.allows(room):
			return errRoomDenied
		}
		own = append(own, room)
	}
	if r.opts.Allow != nil {
		for _, room := range own {
			if allowed, err := r.opts.Allow(ctx, s, room); err != nil {
				return fmt.Errorf("auth: RoomRule: Allow: %w", err)
			} else if !allowed {
				return errRoomDenied
			}
		}
	}
	err := s.Join(own...)
	if errors.Is(err, socketio.ErrTooManyRooms) {
		return &socketio.PublicError{Message: "too many rooms"}
	}
	return err
}

// Leave makes the socket leave the rooms, if Prefixes and Pattern allow all of their names.
// Otherwise it leaves none, and returns the *socketio.PublicError "room not allowed". A peer
// cannot leave a room with a prefix of Options.Rooms, because rooms can also restrict, as in
// srv.Except("muted:all").
func (r *RoomRule) Leave(s *socketio.Socket, rooms ...string) error {
	for _, room := range rooms {
		if !r.allows(room) {
			return errRoomDenied
		}
	}
	s.Leave(rooms...)
	return nil
}

// allows reports whether Prefixes and Pattern allow a room, and Options.Rooms does not declare
// it.
func (r *RoomRule) allows(room string) bool {
	begins := func(prefix string) bool { return len(room) > len(prefix) && strings.HasPrefix(room, prefix) }
	return room != "" && !r.gate.Declares(room) &&
		(r.opts.Prefixes == nil || slices.ContainsFunc(r.opts.Prefixes, begins)) &&
		(r.pattern == nil || r.pattern.MatchString(room))
}

// declaredOf reports whether the lease that the socket has now declares a room.
func declaredOf(s *socketio.Socket, room string) bool {
	_, found := slices.BinarySearch(Current(s).said().rooms, room)
	return found
}
