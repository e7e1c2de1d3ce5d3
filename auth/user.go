package auth

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"socketiojwt/socketio"
	"socketiojwt/token"
)

// An Authorizer decides whether a socket with a good token is admitted, and may say which
// user it is. Check and the methods By and ByClaims of a User return one. The zero value
// authorizes every good token and says no user.
//
// It runs after verification, and in the time of Options.Timeout. An error refuses the
// socket. The peer is told "not authorized", unless the error is an *Error; see there.
// The handshake is the one that came with the socket; after the admission of a guest it is
// what is left of it. For an HTTP request it is that of socketio.RequestHandshake.
type Authorizer struct {
	decide func(ctx context.Context, t *token.Token, h *socketio.Handshake) (user any, err error)
	wrong  error // a mistake in the wiring, for NewGate to report
}

// Check returns an Authorizer that only decides, for programs that need no user beside
// the token.
func Check(check func(ctx context.Context, t *token.Token, h *socketio.Handshake) error) Authorizer {
	if check == nil {
		return Authorizer{wrong: errors.New("auth: Check was given a nil function")}
	}
	return Authorizer{decide: func(ctx context.Context, t *token.Token, h *socketio.Handshake) (any, error) {
		return nil, check(ctx, t, h)
	}}
}

// A User names the user of a socket, of one type, as a socketio.Key names a value:
//
//	var user = auth.NewUser[*Account]()
//
//	gate, err := auth.NewGate(verifier, auth.Options{Authorize: user.By(findAccount)})
//
//	account := user.From(ctx) // in handlers and hooks
//
// Several gates may share one. Its methods may be called concurrently.
type User[T any] struct{ _ byte } // not of size zero, so that each has an address of its own

// NewUser returns a User that is equal to no other.
func NewUser[T any]() *User[T] { return new(User[T]) }

// By returns an Authorizer by which find says who the user is. It runs once for each token
// that is accepted, and concurrently for different sockets. Its result must not be changed
// while handlers read it.
//
// Find must return an error if there is no such user. A nil pointer, interface, map, slice,
// function or channel without an error admits nobody: the socket is refused with
// ReasonInternal, and the log has an error. An empty map or slice that is not nil is a
// user.
func (u *User[T]) By(find func(ctx context.Context, t *token.Token, h *socketio.Handshake) (T, error)) Authorizer {
	switch {
	case u == nil:
		return Authorizer{wrong: fmt.Errorf("auth: the User is a nil %T; make it with NewUser", u)}
	case find == nil:
		return Authorizer{wrong: fmt.Errorf("auth: By of a %T was given a nil function", u)}
	}
	return Authorizer{decide: func(ctx context.Context, t *token.Token, h *socketio.Handshake) (any, error) {
		value, err := find(ctx, t, h)
		switch {
		case err != nil:
			return nil, err
		case isNil(value):
			return nil, fmt.Errorf("%w, of type %v", errNilUser, reflect.TypeFor[T]())
		}
		return userOf[T]{u, value}, nil
	}}
}

// ByClaims returns an Authorizer by which the user is what the claims of the token are as
// a T: token.Token.Claims decodes them once, and not in each handler. A token whose claims
// do not fit is refused.
func (u *User[T]) ByClaims() Authorizer {
	return u.By(func(_ context.Context, t *token.Token, _ *socketio.Handshake) (claims T, err error) {
		err = t.Claims(&claims)
		return claims, err
	})
}

// From returns the user under which the handler or hook that got ctx started: what the
// Authorizer returned for Token(ctx). It is the zero value for a guest and where no gate
// with an Authorizer of u was passed, so with Options.Guests check Token(ctx) first unless
// T is a pointer. From(s.Context()) is the user that a socket has now.
func (u *User[T]) From(ctx context.Context) T {
	if lease := fromContext(ctx); lease != nil {
		if user, ok := lease.user.(userOf[T]); ok && user.key == u {
			return user.value
		}
	}
	var none T
	return none
}

// userOf is a user as leases carry it: with the User that reads it, since two may have one
// type.
type userOf[T any] struct {
	key   *User[T]
	value T
}

// errNilUser is the cause of a refusal for a user that is nil.
var errNilUser = errors.New("auth: Authorize returned a nil user without an error")

// isNil reports whether a value, or what an interface value holds, is nil.
func isNil[T any](value T) bool {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Invalid: // a nil interface
		return true
	case reflect.Chan, reflect.Func, reflect.Map, reflect.Pointer, reflect.Slice, reflect.UnsafePointer:
		return v.IsNil()
	}
	return false
}
