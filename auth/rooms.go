package auth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"socketiojwt/socketio"
	"socketiojwt/token"
)

// RoomsFrom declares rooms of a socket that follow from its token: see Options.Rooms.
// RoomOfSubject, RoomsOf and RoomsFunc return one. The zero value is not usable.
type RoomsFrom struct {
	call      string // for errors, such as RoomOfSubject("user:")
	prefix    string
	values    func(ctx context.Context, t *token.Token) ([]string, error)
	custom    bool // values is the program's function
	perIssuer bool
	wrong     error // an invalid argument, which NewGate reports
}

// RoomOfSubject declares the room of the token's subject, such as "user:ada" for the prefix
// "user:". A token without sub has no such room. If the verifier accepts several issuers, add
// PerIssuer.
func RoomOfSubject(prefix string) RoomsFrom {
	return roomsFrom(fmt.Sprintf("RoomOfSubject(%q)", prefix), prefix, func(_ context.Context, t *token.Token) ([]string, error) {
		return []string{t.Subject}, nil
	})
}

// RoomsOf declares a room for each string in a claim, which is a string or a list of strings:
// for the prefix "tenant:" and {"tenants":["a","b"]}, "tenant:a" and "tenant:b". A token without
// the claim has no such room, and neither has an empty string. A token whose claim has another
// type is refused. If the verifier accepts several issuers, add PerIssuer.
func RoomsOf(claim, prefix string) RoomsFrom {
	r := roomsFrom(fmt.Sprintf("RoomsOf(%q, %q)", claim, prefix), prefix, func(_ context.Context, t *token.Token) ([]string, error) {
		return stringsOf(t, claim)
	})
	if claim == "" {
		r.wrong = errors.New("the name of the claim is empty")
	}
	return r
}

// RoomsFunc declares a room for each string that values returns, with the prefix before it. An
// empty string gives no room. It is for claims of another shape, and for rooms of the user: ctx
// has the lease, so that User.From(ctx) returns the user that Authorize found.
//
// The function runs after Authorize, once for each token, within Options.Timeout, and
// concurrently for different sockets. If it returns an error, the token is refused as by an
// error of Authorize. The names of rooms of several issuers are the function's responsibility.
func RoomsFunc(prefix string, values func(ctx context.Context, t *token.Token) ([]string, error)) RoomsFrom {
	r := roomsFrom(fmt.Sprintf("RoomsFunc(%q)", prefix), prefix, values)
	r.custom = true
	if values == nil {
		r.wrong = errors.New("the function is nil")
	}
	return r
}

func roomsFrom(call, prefix string, values func(ctx context.Context, t *token.Token) ([]string, error)) RoomsFrom {
	return RoomsFrom{call: call, prefix: prefix, values: values}
}

// PerIssuer returns rooms that also have the token's issuer in their names, because equal
// subjects or claims of two issuers are of different users: RoomName(prefix, issuer, value). A
// token without iss has the empty issuer.
func (r RoomsFrom) PerIssuer() RoomsFrom {
	r.perIssuer = true
	r.call += ".PerIssuer()"
	return r
}

// RoomName returns the name of a declared room, so that a program can send to it:
//
//	srv.To(auth.RoomName("user:", "ada"))                            // RoomOfSubject("user:")
//	srv.To(auth.RoomName("user:", "https://issuer.example", "ada"))  // RoomOfSubject("user:").PerIssuer()
//
// It is the prefix and the values, with a slash between them. All values except the last are
// escaped as by url.PathEscape, so that the same number of other values never gives the same
// name.
func RoomName(prefix string, values ...string) string {
	parts := slices.Clone(values)
	for i := range max(len(parts)-1, 0) {
		parts[i] = url.PathEscape(parts[i])
	}
	return prefix + strings.Join(parts, "/")
}

// names returns the names of the rooms for a token.
func (r RoomsFrom) names(ctx context.Context, t *token.Token) ([]string, error) {
	values, err := r.values(ctx, t)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(values))
	for _, value := range values {
		switch {
		case value == "":
		case r.perIssuer:
			names = append(names, RoomName(r.prefix, t.Issuer, value))
		default:
			names = append(names, RoomName(r.prefix, value))
		}
	}
	return names, nil
}

// stringsOf returns the strings of a claim that is a string or a list of strings. It returns
// none for a claim that is missing or null.
func stringsOf(t *token.Token, claim string) ([]string, error) {
	var list []string
	err := t.Claim(claim, &list)
	switch {
	case errors.Is(err, token.ErrClaimMissing):
		return nil, nil
	case err == nil:
		return list, nil
	}
	var one string
	if t.Claim(claim, &one) != nil {
		return nil, fmt.Errorf("%w: %.64q is not a string or a list of strings", token.ErrClaim, claim)
	}
	return []string{one}, nil
}

// errRooms is the cause of a refusal because RoomsFunc returned an impossible room.
var errRooms = errors.New("auth: RoomsFunc returned rooms that the socket cannot join")

// declare sets the rooms of a lease that was authorized, or returns a refusal. It runs user
// code.
func (g *Gate) declare(ctx context.Context, a *admission, lease *Lease) *Error {
	if a == nil || len(g.opts.Rooms) == 0 { // an HTTP request has no rooms
		return nil
	}
	ctx = context.WithValue(ctx, leaseKey{}, a.carried(lease))
	var rooms []string
	var err error
	refused := g.guard(ctx, "RoomsFunc", func() { rooms, err = g.roomsOf(ctx, a.socket, lease.Token) })
	switch {
	case refused != nil:
		return refused
	case err == nil:
		if len(rooms) > 0 {
			lease.say().rooms = rooms
		}
		return nil
	case errors.Is(err, errRooms):
		refused = g.refusal(err)
		g.opts.Logger.ErrorContext(ctx, "auth: refused a good token, because RoomsFunc returned rooms that the socket cannot join", "id", refused.ID, "cause", err)
		return refused
	}
	return g.refusal(err)
}

// roomsOf returns the declared rooms of a token, without repeats. All of them can be joined.
func (g *Gate) roomsOf(ctx context.Context, s *socketio.Socket, t *token.Token) ([]string, error) {
	var all []string
	for _, from := range g.opts.Rooms {
		names, err := from.names(ctx, t)
		if err == nil {
			all = append(all, names...)
			if err = s.CanJoin(names...); err != nil {
				err = from.impossible(err)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("auth: Options.Rooms: %s: %w", from.call, err)
		}
	}
	if err := s.CanJoin(all...); err != nil {
		return nil, fmt.Errorf("auth: Options.Rooms: %w: all rooms together: %w", token.ErrClaim, err)
	}
	slices.Sort(all)
	return slices.Clip(slices.Compact(all)), nil
}

// impossible returns the cause of a refusal for rooms that cannot be joined.
func (r RoomsFrom) impossible(err error) error {
	if r.custom {
		return fmt.Errorf("%w: %w", errRooms, err)
	}
	return fmt.Errorf("%w: %w", token.ErrClaim, err)
}

// rooms moves the socket from the declared rooms of one lease to those of another, and returns
// which it joined and left, sorted. Either lease may be nil, which has no rooms. A socket that is
// not admitted yet joins them when it is. Rooms that are in both leases are not touched, and
// neither are rooms that the program joined, unless they are declared too. The caller holds mu, and
// has made after the socket's lease, so that lease and rooms change in one step. If the socket has
// ended meanwhile, Assign fails.
func (a *admission) rooms(before, after *Lease) (joined, left []string) {
	was, is := before.said().rooms, after.said().rooms
	joined, left = without(is, was), without(was, is)
	if len(left) > 0 {
		a.socket.Leave(left...)
	}
	if len(joined) > 0 {
		_ = a.socket.Assign(joined...) // fails only if the socket has ended, because declare has checked the names
	}
	return joined, left
}

// without returns the names of one sorted list that are not in another.
func without(list, other []string) (rest []string) {
	for _, name := range list {
		if _, found := slices.BinarySearch(other, name); !found {
			rest = append(rest, name)
		}
	}
	return rest
}

// Declares reports whether a room has a prefix of Options.Rooms, so that only the gate should make
// sockets join and leave it. It may be called concurrently.
func (g *Gate) Declares(room string) bool {
	return slices.ContainsFunc(g.opts.Rooms, func(from RoomsFrom) bool { return strings.HasPrefix(room, from.prefix) })
}

// checkRooms returns what is wrong with Options.Rooms for a verifier.
func checkRooms(rooms []RoomsFrom, v Verifier) error {
	var wrong []error
	for i, from := range rooms {
		fail := func(format string, args ...any) {
			wrong = append(wrong, fmt.Errorf("auth: Options.Rooms: %s: %w", from.call, fmt.Errorf(format, args...)))
		}
		switch {
		case from.values == nil && from.wrong == nil:
			wrong = append(wrong, fmt.Errorf("auth: Options.Rooms: value %d is a zero RoomsFrom; make it with RoomOfSubject, RoomsOf or RoomsFunc", i+1))
			continue
		case from.wrong != nil:
			fail("%w", from.wrong)
		case from.prefix == "":
			fail(`the prefix is empty; set one, such as "user:", so that the rooms differ from all others`)
		case from.custom && from.perIssuer:
			fail("PerIssuer does not apply to RoomsFunc; use RoomName in the function")
		case !from.custom && !from.perIssuer && manyIssuers(v):
			fail("the verifier accepts several issuers, which may use equal values for different users; add PerIssuer, or set token.Options.Issuers to one issuer")
		}
		for _, other := range rooms[:i] {
			if other.prefix != "" && from.prefix != "" && (strings.HasPrefix(from.prefix, other.prefix) || strings.HasPrefix(other.prefix, from.prefix)) {
				fail("its prefix and that of %s are equal, or one begins with the other, so that their rooms may have equal names", other.call)
			}
		}
	}
	return errors.Join(wrong...)
}

// manyIssuers returns the result of the first ManyIssuers among v and the verifiers that it
// wraps, and false if there is none.
func manyIssuers(v Verifier) bool {
	for range maxWrapped {
		switch known := v.(type) {
		case interface{ ManyIssuers() bool }:
			return known.ManyIssuers()
		case interface{ Unwrap() Verifier }:
			v = known.Unwrap()
		case interface{ Unwrap() *token.Verifier }:
			return known.Unwrap().ManyIssuers()
		case interface{ Unwrap() *token.Issuers }:
			return true
		default:
			return false
		}
	}
	return true
}
