package auth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

type account struct {
	ID    string `json:"sub"`
	Roles []string
}

func (*account) Close() error { return nil }

// nilUser is an Authorizer whose user is nil, and the name of the type in the log.
type nilUser struct {
	authorize auth.Authorizer
	called    string
}

func returning[T any](value T) nilUser {
	return nilUser{auth.NewUser[T]().By(func(context.Context, *token.Token, *socketio.Handshake) (T, error) {
		return value, nil
	}), "of type " + reflect.TypeFor[T]().String()}
}

// nilUsers has an Authorizer for each type whose value can be nil.
var nilUsers = map[string]nilUser{
	"pointer":                 returning[*account](nil),
	"interface":               returning[io.Closer](nil),
	"any":                     returning[any](nil),
	"pointer in an interface": returning[io.Closer]((*account)(nil)),
	"pointer in any":          returning[any]((*account)(nil)),
	"map":                     returning[map[string]any](nil),
	"slice":                   returning[[]string](nil),
	"slice in any":            returning[any]([]string(nil)),
	"function":                returning[func()](nil),
	"channel":                 returning[chan int](nil),
	"pointer to a pointer":    {auth.NewUser[**account]().By(func(context.Context, *token.Token, *socketio.Handshake) (**account, error) { return nil, nil }), "**auth_test.account"},
}

// A nil user without an error refuses the socket, in every mode, and the log names the mistake.
func TestNilUserIsRefused(t *testing.T) {
	for name, user := range nilUsers {
		for _, guest := range []bool{false, true} {
			for _, event := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, guests %t, event %t", name, guest, event), func(t *testing.T) {
					gate := auth.Options{Guests: guests(guest), Authorize: user.authorize}
					bubble(t, setup{gate: gate, event: event}, func(f *fixture) {
						var told refusal
						if event {
							p := f.dial(sockettest.Options{})
							f.emit(p, "authenticate", bearing(sign(nil)))
							told, _ = f.unauthorized(p)
							f.ended(p, sockettest.ErrDisconnected, 2*time.Second)
						} else {
							told = f.refused(sockettest.Options{Auth: bearing(sign(nil))})
						}
						if told.Message != "internal error" || told.Reason != "internal_error" {
							t.Errorf("told %+v", told)
						}
						for _, line := range f.ran.all() {
							if strings.Contains(line, "ada") {
								t.Errorf("on the server ran %q", line)
							}
						}
						if found := f.lines("level=ERROR", "nil user", user.called, told.ID); len(found) != 1 {
							t.Errorf("%d lines name the mistake:\n%s", len(found), f.log.String())
						}
					})
				})
			}
		}
	}
	r := newRoute(t, verifier(t), auth.Options{Authorize: nilUsers["pointer"].authorize})
	r.refused(bearer(sign(nil)), 500, "", "internal_error")
	r.never()
}

// An empty value that is not nil is a valid user.
func TestEmptyUsersAreUsers(t *testing.T) {
	for name, user := range map[string]nilUser{
		"struct": returning(account{}), "pointer": returning(&account{}), "string": returning(""), "number": returning(0),
		"slice": returning([]string{}), "map": returning(map[string]any{}), "any": returning[any](0), "array": returning([0]int{}),
		"pointer to a nil pointer": returning(new(*account)),
	} {
		bubble(t, setup{gate: auth.Options{Authorize: user.authorize}}, func(f *fixture) {
			if _, err := f.try(sockettest.Options{Auth: bearing(sign(nil))}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// An error refuses the socket, even if a user is returned with it.
func TestUserWithAnErrorIsRefused(t *testing.T) {
	by := userName.By(func(context.Context, *token.Token, *socketio.Handshake) (string, error) {
		return "Ada", errors.New("banned")
	})
	bubble(t, setup{gate: auth.Options{Authorize: by}}, func(f *fixture) {
		if told := f.refused(sockettest.Options{Auth: bearing(sign(nil))}); told.Reason != "not_authorized" {
			t.Errorf("told %+v", told)
		}
		f.happened()
	})
}

// Claims are decoded once, into the type of the user, and handlers share the result.
func TestUserByClaims(t *testing.T) {
	user := auth.NewUser[*account]()
	var seen []*account
	bubble(t, setup{gate: auth.Options{Authorize: user.ByClaims()}, furnish: func(f *fixture) {
		see := func(ctx context.Context, _ *socketio.Socket) error {
			seen = append(seen, user.From(ctx))
			return nil
		}
		f.srv.OnConnect(see)
		f.srv.OnConnect(see)
	}}, func(f *fixture) {
		f.dial(sockettest.Options{Auth: bearing(sign(claims{"Roles": []string{"writer"}}))})
		f.happened("connected ada")
		if len(seen) != 2 || seen[0] != seen[1] || seen[0].ID != "ada" || len(seen[0].Roles) != 1 {
			t.Errorf("handlers saw %+v", seen)
		}
		if told := f.refused(sockettest.Options{Auth: bearing(sign(claims{"Roles": 7}))}); told.Reason != "not_authorized" {
			t.Errorf("told %+v", told)
		}
	})
	byValue := auth.NewUser[account]()
	bubble(t, setup{gate: auth.Options{Authorize: byValue.ByClaims()}, furnish: func(f *fixture) {
		f.srv.OnConnect(func(ctx context.Context, _ *socketio.Socket) error {
			f.ran.add("account of " + byValue.From(ctx).ID)
			return nil
		})
	}}, func(f *fixture) {
		f.dial(sockettest.Options{Auth: bearing(sign(nil))})
		f.happened("connected ada", "account of ada")
	})
}

// With Check there is no user, for any User.
func TestCheckNamesNoUser(t *testing.T) {
	check := auth.Check(func(_ context.Context, t *token.Token, _ *socketio.Handshake) error {
		if t.Subject != "ada" {
			return errors.New("not ada")
		}
		return nil
	})
	for _, authorize := range []auth.Authorizer{{}, check} {
		bubble(t, setup{gate: auth.Options{Authorize: authorize}, furnish: func(f *fixture) {
			f.srv.OnConnect(func(ctx context.Context, _ *socketio.Socket) error {
				f.ran.add(fmt.Sprintf("user %q", userName.From(ctx)))
				return nil
			})
		}}, func(f *fixture) {
			f.dial(sockettest.Options{Auth: bearing(sign(nil))})
			f.happened("connected ada", `user ""`)
		})
	}
	bubble(t, setup{gate: auth.Options{Authorize: check}}, func(f *fixture) {
		if told := f.refused(sockettest.Options{Auth: bearing(sign(claims{"sub": "eve"}))}); told.Reason != "not_authorized" {
			t.Errorf("told %+v", told)
		}
	})
}

// An Authorizer of a nil function is an error at the start, and does not authorize every token.
func TestNewGateRefusesAuthorizersOfNilFunctions(t *testing.T) {
	var unmade *auth.User[string]
	for name, authorize := range map[string]auth.Authorizer{
		"Check":      auth.Check(nil),
		"By":         userName.By(nil),
		"a nil User": unmade.ByClaims(),
	} {
		if _, err := auth.NewGate(verifier(t), auth.Options{Authorize: authorize}); err == nil || !strings.HasPrefix(err.Error(), "auth: ") {
			t.Errorf("%s: got error %v", name, err)
		}
	}
}
