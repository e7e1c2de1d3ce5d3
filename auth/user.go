package auth

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"socketiojwt/socketio"
	"socketiojwt/token"
)

// An Authorizer decides whether a socket with a good token is admitted, and may name its
// user. Check and the methods By and ByClaims of a User return one. The zero value
// authorizes every good token and names no user.
//
// Its function runs after verification, within Options.Timeout, and concurrently for
// different sockets. If it returns an error, the socket is refused. The peer gets the message
// "not authorized", unless the error is an *Error; see there. The handshake is that of the
// socket. For a guest that logs in, it has only what is kept after the admission. For an HTTP
// request it is that of socketio.RequestHandshake.
type Authorizer struct {
	decide func(ctx context.Context, t *token.Token, h *socketio.Handshake) (user any, err error)
	user   any   // the *User whose user decide returns, or nil
	wrong  error // an invalid argument, which NewGate reports
}

// Check returns an Authorizer that names no user, for programs that only need to decide. It
// admits a socket if check returns nil. NewGate fails if check is nil.
func Check(check func(ctx context.Context, t *token.Token, h *socketio.Handshake) error) Authorizer {
	if check == nil {
		return Authorizer{wrong: errors.New("auth: the function passed to Check is nil")}
	}
	return Authorizer{decide: func(ctx context.Context, t *token.Token, h *socketio.Handshake) (any, error) {
		return nil, check(ctx, t, h)
	}}
}

// A User is the key under which a lease stores the user of a socket, with the type of that
// user, as a socketio.Key is for a value:
//
//	var user = auth.NewUser[*Account]()
//
//	gate, err := auth.NewGate(verifier, auth.Options{Authorize: user.By(findAccount)})
//
//	account := user.From(ctx) // in handlers and hooks
//
// Make one with NewUser. Several gates may share one. Its methods may be called
// concurrently.
type User[T any] struct{ _ byte } // not of size zero, so that each User has a different address

// NewUser returns a new User, which is not equal to any other.
func NewUser[T any]() *User[T] { return new(User[T]) }

// By returns an Authorizer that stores the result of find as the user. Find runs once for
// each token that is accepted, and concurrently for different sockets. The program must not
// change the result while handlers read it. NewGate fails if find or u is nil.
//
// Find must return an error if there is no such user. If it returns a nil pointer, interface,
// map, slice, function or channel without an error, the socket is refused with
// ReasonInternal, and the log has an error. An empty map or slice that is not nil is a valid
// user.
func (u *User[T]) By(find func(ctx context.Context, t *token.Token, h *socketio.Handshake) (T, error)) Authorizer {
	switch {
	case u == nil:
		return Authorizer{wrong: fmt.Errorf("auth: the User is a nil %T; make it with NewUser", u)}
	case find == nil:
		return Authorizer{wrong: fmt.Errorf("auth: the function passed to By of a %T is nil", u)}
	}
	return Authorizer{user: u, decide: func(ctx context.Context, t *token.Token, h *socketio.Handshake) (any, error) {
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

// ByClaims returns an Authorizer that stores the claims of the token, decoded as a T, as the
// user. token.Token.Claims decodes them once, and not in each handler. A token whose claims
// cannot be decoded is refused. NewGate fails if u is nil.
func (u *User[T]) ByClaims() Authorizer {
	return u.By(func(_ context.Context, t *token.Token, _ *socketio.Handshake) (claims T, err error) {
		err = t.Claims(&claims)
		return claims, err
	})
}

// From returns the user that the socket or request had when the handler or hook of ctx
// started: the one that the Authorizer returned for Token(ctx). It returns the zero value for
// a guest, and if no gate with an Authorizer of u admitted the socket or request. With
// Options.Guests, check Token(ctx) first unless T is a pointer. From(s.Context()) returns the
// user that a socket has now.
func (u *User[T]) From(ctx context.Context) T {
	if lease := fromContext(ctx); lease != nil {
		if user, ok := lease.said().user.(userOf[T]); ok && user.key == u {
			return user.value
		}
	}
	var none T
	return none
}

// userOf is a user in a lease, with the User that reads it, because two Users may have the
// same type.
type userOf[T any] struct {
	key   *User[T]
	value T
}

// errNilUser is the cause of a refusal for a user that is nil.
var errNilUser = errors.New("auth: Authorize returned a nil user without an error")

// isNil reports whether a value, or the value in an interface value, is nil.
func isNil[T any](value T) bool {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Invalid: // a nil interface
		return true
	case reflect.Chan, reflect.Func, reflect.Map, reflect.Pointer, reflect.Slice, reflect.UnsafePointer:
		return v.IsNil()
	}
	return false
}
