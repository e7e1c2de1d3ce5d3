package auth_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// declared are the rooms of the tests.
var declared = []auth.RoomsFrom{auth.RoomOfSubject("user:"), auth.RoomsOf("tenants", "tenant:")}

// roomsOf returns the sorted rooms of the only socket of "/", without that of its own ID.
func (f *fixture) roomsOf() []string {
	f.t.Helper()
	synctest.Wait()
	all := f.srv.Sockets()
	if len(all) != 1 {
		f.t.Fatalf("%d sockets, want 1", len(all))
	}
	return roomsOf(all[0])
}

func roomsOf(s *socketio.Socket) []string {
	rooms := slices.DeleteFunc(s.Rooms(), func(room string) bool { return room == s.ID() || room == "lobby" })
	slices.Sort(rooms)
	return rooms
}

// wantRooms checks the result of roomsOf.
func (f *fixture) wantRooms(want ...string) {
	f.t.Helper()
	if got := f.roomsOf(); !slices.Equal(got, want) {
		f.t.Errorf("in rooms %q, want %q", got, want)
	}
}

// In both modes a socket is in its declared rooms when OnConnect runs.
func TestDeclaredRooms(t *testing.T) {
	for _, event := range []bool{false, true} {
		bubble(t, setup{event: event, gate: auth.Options{Rooms: declared}, furnish: func(f *fixture) {
			f.srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {
				f.ran.add(fmt.Sprint("in rooms ", roomsOf(s)))
				return f.srv.To("tenant:b").Emit("news")
			})
		}}, func(f *fixture) {
			compact := sign(claims{"tenants": []string{"b", "a", "", "b"}})
			p := f.dial(sockettest.Options{Auth: bearing(compact)})
			if event {
				if n, _ := f.srv.To("user:ada").EmitLocal("early"); n != 0 {
					t.Errorf("a broadcast reached %d held sockets", n)
				}
				f.login(p, compact)
			}
			f.expect(p, "news")
			f.happened("connected ada", "in rooms [tenant:a tenant:b user:ada]")
			_ = p.Close()
			synctest.Wait()
			if n, _ := f.srv.To("user:ada", "tenant:a").EmitLocal("late"); n != 0 {
				t.Errorf("a broadcast reached %d sockets that have ended", n)
			}
		})
	}
}

// A guest is in no declared room, and joins them at its login, before OnLogin.
func TestDeclaredRoomsOfGuests(t *testing.T) {
	var hooks record
	gate := auth.Options{Rooms: declared, Guests: &auth.GuestOptions{OnLogin: func(_ context.Context, s *socketio.Socket) {
		hooks.add(fmt.Sprint("login in rooms ", roomsOf(s)))
	}}}
	bubble(t, setup{gate: gate}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		f.wantRooms()
		f.login(p, sign(claims{"tenants": "a"}))
		f.wantRooms("tenant:a", "user:ada")
		if got := hooks.all(); !slices.Equal(got, []string{"login in rooms [tenant:a user:ada]"}) {
			t.Errorf("OnLogin: %q", got)
		}
	})
}

// The first login takes up to OnLogin's time, and a lease that ended or was refused before
// leaves no rooms.
func TestDeclaredRoomsOfRefusedTokens(t *testing.T) {
	gate := auth.Options{Rooms: declared, Guests: &auth.GuestOptions{Attempts: 2}, Authorize: auth.Check(
		func(context.Context, *token.Token, *socketio.Handshake) error { return errors.New("no") })}
	bubble(t, setup{gate: gate}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		f.emit(p, "authenticate", bearing(sign(nil)))
		f.unauthorized(p)
		f.wantRooms()
	})
}

// A token whose claims give an impossible room is refused. The cause is in the log.
func TestImpossibleRooms(t *testing.T) {
	rooms := append(slices.Clone(declared), auth.RoomsFunc("f:", func(_ context.Context, t *token.Token) (values []string, err error) {
		if t.Claim("f", &values) != nil {
			return nil, nil
		}
		if values[0] == "an error" {
			return nil, errors.New("a secret of the program")
		}
		if values[0] == "a panic" {
			panic("in RoomsFunc")
		}
		return values, nil
	}))
	bubble(t, setup{gate: auth.Options{Rooms: rooms}, server: socketio.Options{MaxRooms: 50, MaxNameLength: 40}}, func(f *fixture) {
		f.dial(sockettest.Options{Auth: bearing(sign(claims{"tenants": nil, "f": []string{""}}))})
		f.wantRooms("user:ada")
		many := make([]string, 51)
		for i := range many {
			many[i] = fmt.Sprint(i)
		}
		for _, c := range []struct {
			claims claims
			reason auth.Reason
			logged string
		}{
			{claims{"tenants": 7}, auth.ReasonTokenClaim, "is not a string or a list of strings"},
			{claims{"tenants": []any{"a", 7}}, auth.ReasonTokenClaim, "is not a string or a list of strings"},
			{claims{"tenants": map[string]any{}}, auth.ReasonTokenClaim, "is not a string or a list of strings"},
			{claims{"tenants": strings.Repeat("x", 40)}, auth.ReasonTokenClaim, "room name is too long"},
			{claims{"tenants": many}, auth.ReasonTokenClaim, "too many rooms"},
			{claims{"tenants": many[:50]}, auth.ReasonTokenClaim, "too many rooms"},
			{claims{"f": many}, auth.ReasonInternal, "too many rooms"},
			{claims{"f": []string{"an error"}}, auth.ReasonNotAuthorized, "a secret of the program"},
			{claims{"f": []string{"a panic"}}, auth.ReasonInternal, "panic in RoomsFunc"},
		} {
			told := f.refused(sockettest.Options{Auth: bearing(sign(c.claims))})
			if told.Reason != string(c.reason) {
				t.Errorf("%.60v: told %+v, want %s", c.claims, told, c.reason)
			}
			if !strings.Contains(f.log.String(), c.logged) {
				t.Errorf("%.60v: %q is not in the log", c.claims, c.logged)
			}
		}
		f.dial(sockettest.Options{Auth: bearing(sign(claims{"tenants": many[:49]}))})
		if !strings.Contains(f.log.String(), `RoomsOf(\"tenants\", \"tenant:\")`) {
			t.Error("the log does not name the declaration")
		}
	})
}

// A room of RoomsFunc can be of the user that Authorize found.
func TestRoomsOfTheUser(t *testing.T) {
	gate := auth.Options{
		Authorize: userName.By(func(_ context.Context, t *token.Token, _ *socketio.Handshake) (string, error) {
			return "user " + t.Subject, nil
		}),
		Rooms: []auth.RoomsFrom{auth.RoomsFunc("name:", func(ctx context.Context, _ *token.Token) ([]string, error) {
			return []string{userName.From(ctx)}, nil
		})},
	}
	bubble(t, setup{gate: gate}, func(f *fixture) {
		f.dial(sockettest.Options{Auth: bearing(sign(nil))})
		f.wantRooms("name:user ada")
	})
}

// Different values never give the same room.
func TestRoomName(t *testing.T) {
	if got := auth.RoomName("user:", "https://issuer.example", "ada"); got != "user:https:%2F%2Fissuer.example/ada" {
		t.Errorf("got %q", got)
	}
	parts := []string{"", "a", "/", "a/", "/a", "%2F", "a%2F", "%", "%25", "a b", "a/b", "é", "\x00"}
	names := make(map[string]string)
	for _, issuer := range parts {
		for _, subject := range parts {
			name := auth.RoomName("user:", issuer, subject)
			if other, taken := names[name]; taken {
				t.Errorf("%q is the room of %q/%q and of %s", name, issuer, subject, other)
			}
			names[name] = fmt.Sprintf("%q/%q", issuer, subject)
		}
	}
	for _, c := range []struct {
		want   string
		values []string
	}{{"user:a/b", []string{"a/b"}}, {"user:", nil}} {
		if got := auth.RoomName("user:", c.values...); got != c.want {
			t.Errorf("RoomName of %q: %q, want %q", c.values, got, c.want)
		}
	}
}

// wrapped hides a verifier behind Unwrap.
type wrapped struct{ auth.Verifier }

func (w wrapped) Unwrap() auth.Verifier { return w.Verifier }

// Users of two issuers are in different rooms, and NewGate refuses declarations by which they
// would share one.
func TestRoomsOfSeveralIssuers(t *testing.T) {
	of := func(issuers ...string) *token.Verifier {
		return verifierOf(t, token.Secret(secret), token.Options{Leeway: -1, Issuers: issuers})
	}
	both, err := token.ByIssuer(of("a"), of("b"))
	if err != nil {
		t.Fatal(err)
	}
	only, err := token.ByIssuer(of("a"))
	if err != nil {
		t.Fatal(err)
	}
	keyFunc := verifierOf(t, token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) { return token.Secret(secret), nil }), token.Options{})
	tenants, err := token.ByIssuerFunc(func(context.Context, string) (*token.Verifier, error) { return nil, token.ErrIssuer }, token.IssuerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tenants.Close() })
	for name, c := range map[string]struct {
		verifier auth.Verifier
		many     bool
	}{
		"a secret": {verifier(t), false}, "an issuer": {of("a"), false}, "ByIssuer of one": {only, false}, "wrapped": {wrapped{of("a")}, false},
		"two issuers": {of("a", "b"), true}, "ByIssuer": {both, true}, "wrapped ByIssuer": {wrapped{wrapped{both}}, true},
		"a KeyFunc": {keyFunc, true}, "ByIssuerFunc": {tenants, true}, "wrapped ByIssuerFunc": {wrapped{tenants}, true},
	} {
		for _, r := range declared {
			if _, err := auth.NewGate(c.verifier, auth.Options{Rooms: []auth.RoomsFrom{r}}); (err != nil) != c.many {
				t.Errorf("%s: %v, want an error: %t", name, err, c.many)
			}
			if _, err := auth.NewGate(c.verifier, auth.Options{Rooms: []auth.RoomsFrom{r.PerIssuer()}}); err != nil {
				t.Errorf("%s, PerIssuer: %v", name, err)
			}
		}
	}
	bubble(t, setup{verifier: both, gate: auth.Options{Rooms: []auth.RoomsFrom{declared[0].PerIssuer()}}}, func(f *fixture) {
		for _, issuer := range []string{"a", "b"} {
			f.dial(sockettest.Options{Auth: bearing(sign(claims{"iss": issuer}))})
		}
		for _, issuer := range []string{"a", "b"} {
			if n, _ := f.srv.To(auth.RoomName("user:", issuer, "ada")).EmitLocal("news"); n != 1 {
				t.Errorf("issuer %s: %d sockets, want 1", issuer, n)
			}
		}
	})
}

// NewGate refuses declarations that cannot work, and says why.
func TestDeclarationsAreChecked(t *testing.T) {
	function := func(context.Context, *token.Token) ([]string, error) { return nil, nil }
	for want, rooms := range map[string][]auth.RoomsFrom{
		`RoomOfSubject(""): the prefix is empty`:                   {auth.RoomOfSubject("")},
		`RoomsOf("", "x:"): the name of the claim is empty`:        {auth.RoomsOf("", "x:")},
		`RoomsFunc("x:"): the function is nil`:                     {auth.RoomsFunc("x:", nil)},
		`RoomsFunc("x:").PerIssuer(): PerIssuer does not apply`:    {auth.RoomsFunc("x:", function).PerIssuer()},
		`value 2 is a zero RoomsFrom`:                              {auth.RoomOfSubject("x:"), {}},
		`its prefix and that of RoomOfSubject("user") are equal`:   {auth.RoomOfSubject("user"), auth.RoomsOf("c", "user:")},
		`its prefix and that of RoomOfSubject("user:x") are equal`: {auth.RoomOfSubject("user:x"), auth.RoomsFunc("user:", function)},
	} {
		if _, err := auth.NewGate(verifier(t), auth.Options{Rooms: rooms}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// At a refresh the socket leaves the declared rooms that the new token does not give, also if
// the program joined them, and keeps the rooms of the program.
func TestRoomsMoveAtARefresh(t *testing.T) {
	bubble(t, setup{gate: auth.Options{Rooms: declared}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(sign(claims{"tenants": []string{"a", "b"}}))})
		synctest.Wait()
		s := f.srv.Sockets()[0]
		if err := errors.Join(s.Join("tenant:a", "by hand", "tenant:by hand"), s.Join("tenant:c")); err != nil {
			t.Fatal(err)
		}
		joined, left := f.refresh(p, sign(claims{"tenants": []string{"c", "b"}}))
		if !slices.Equal(joined, []string{"tenant:c"}) || !slices.Equal(left, []string{"tenant:a"}) {
			t.Errorf("joined %q, left %q", joined, left)
		}
		f.wantRooms("by hand", "tenant:b", "tenant:by hand", "tenant:c", "user:ada")
		joined, left = f.refresh(p, sign(claims{"tenants": []string{"c", "b"}}))
		if len(joined)+len(left) > 0 {
			t.Errorf("the same rooms: joined %q, left %q", joined, left)
		}
		f.refresh(p, sign(claims{}))
		f.wantRooms("by hand", "tenant:by hand", "user:ada")
	})
}
