package auth_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
	"socketiojwt/token/mint"
)

// claimsFor returns a token with these claims, which is good for an hour.
func claimsFor(key mint.SigningKey, claims map[string]any) map[string]any {
	claims["exp"] = time.Now().Add(time.Hour).Unix()
	compact, err := mint.Sign(key, claims, mint.Header{})
	check(err)
	return map[string]any{"token": compact}
}

// A socket is in the rooms of its user and its tenants before OnConnect runs, and a refresh
// moves it.
func ExampleRoomsOf() {
	key, verifier := issuer()
	gate, err := auth.NewGate(verifier, auth.Options{
		Rooms: []auth.RoomsFrom{auth.RoomOfSubject("user:"), auth.RoomsOf("tenants", "tenant:")},
	})
	check(err)
	srv, err := socketio.NewServer(socketio.Options{})
	check(err)
	srv.Use(gate.Handshake)
	srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		return srv.To(auth.RoomName("tenant:", "acme")).Emit("joined", s.In("user:ada"))
	})
	url, stop := serve(srv)
	defer stop()

	ctx := context.Background()
	peer, err := sockettest.Dial(ctx, url, sockettest.Options{Auth: claimsFor(key, map[string]any{"sub": "ada", "tenants": []string{"acme"}})})
	check(err)
	defer peer.Close()
	_, err = peer.Expect(ctx, "joined")
	check(err)
	fmt.Println("in the room of acme")

	answer, err := peer.EmitWithAck(ctx, "authenticate", claimsFor(key, map[string]any{"sub": "ada", "tenants": []string{"globex"}}))
	check(err)
	var told struct{ Joined, Left []string }
	check(answer.Scan(&told))
	fmt.Println("joined", told.Joined, "left", told.Left)
	// Output:
	// in the room of acme
	// joined [tenant:globex] left [tenant:acme]
}

// An event is handled only if the token has the scope. Otherwise the acknowledgement says why.
func ExampleGate_Require() {
	key, verifier := issuer()
	gate, err := auth.NewGate(verifier, auth.Options{})
	check(err)
	srv, err := socketio.NewServer(socketio.Options{})
	check(err)
	srv.Use(gate.Handshake)
	remove := socketio.AckFunc(func(context.Context, *socketio.Socket, struct{}) (string, error) { return "removed", nil })
	srv.Handle("remove", gate.Require(auth.Scopes("chat.admin"))(remove))
	url, stop := serve(srv)
	defer stop()

	ctx := context.Background()
	for _, scope := range []string{"chat", "chat chat.admin"} {
		peer, err := sockettest.Dial(ctx, url, sockettest.Options{Auth: claimsFor(key, map[string]any{"sub": "ada", "scope": scope})})
		check(err)
		answer, err := peer.EmitWithAck(ctx, "remove")
		check(err)
		var refused struct {
			Error struct{ Code, Reason string }
		}
		if answer.Scan(&refused) == nil {
			fmt.Println(refused.Error.Code, refused.Error.Reason)
		} else {
			var result string
			check(answer.Scan(&result))
			fmt.Println(result)
		}
		check(peer.Close())
	}
	// Output:
	// forbidden insufficient_scope
	// removed
}

// A payment needs a login within five minutes. The client answers the challenge with a fresh
// token, and the event is then handled.
func ExampleFresh() {
	key, verifier := issuer()
	gate, err := auth.NewGate(verifier, auth.Options{})
	check(err)
	srv, err := socketio.NewServer(socketio.Options{})
	check(err)
	srv.Use(gate.Handshake)
	pay := socketio.AckFunc(func(context.Context, *socketio.Socket, struct{}) (string, error) { return "paid", nil })
	srv.Handle("pay", gate.Require(auth.Fresh(auth.Freshness{MaxAge: 5 * time.Minute}))(pay))
	url, stop := serve(srv)
	defer stop()

	ctx := context.Background()
	login := func(ago time.Duration) map[string]any {
		return claimsFor(key, map[string]any{"sub": "ada", "auth_time": time.Now().Add(-ago).Unix()})
	}
	peer, err := sockettest.Dial(ctx, url, sockettest.Options{Auth: login(time.Hour)})
	check(err)
	defer peer.Close()
	go func() {
		challenge, err := peer.Expect(ctx, "token_challenge")
		check(err)
		var told struct {
			MaxAge int `json:"maxAge"`
		}
		check(challenge.Scan(&told))
		fmt.Println("log in again; at most", told.MaxAge, "seconds ago")
		_, err = peer.EmitWithAck(ctx, "authenticate", login(0))
		check(err)
	}()
	answer, err := peer.EmitWithAck(ctx, "pay")
	check(err)
	var result string
	check(answer.Scan(&result))
	fmt.Println(result)
	// Output:
	// log in again; at most 300 seconds ago
	// paid
}

// Peers may join rooms of chats that their user is a member of, and no others.
func ExampleGate_RoomRule() {
	_, verifier := issuer()
	gate, err := auth.NewGate(verifier, auth.Options{Rooms: []auth.RoomsFrom{auth.RoomOfSubject("user:")}})
	check(err)
	srv, err := socketio.NewServer(socketio.Options{})
	check(err)
	srv.Use(gate.Handshake)
	rule, err := gate.RoomRule(auth.RoomRuleOptions{
		Prefixes: []string{"chat:"},
		Allow: func(ctx context.Context, _ *socketio.Socket, room string) (bool, error) {
			return isMember(ctx, auth.Token(ctx).Subject, room)
		},
	})
	check(err)
	srv.Handle("join", socketio.AckFunc(func(ctx context.Context, s *socketio.Socket, room string) (string, error) {
		return "joined", rule.Join(ctx, s, room)
	}))
}

// isMember stands for a query of the program's database.
func isMember(_ context.Context, user, room string) (bool, error) {
	return slices.Contains(map[string][]string{"chat:1": {"ada"}}[room], user), nil
}

// The rooms of an account in the program's database: Authorize finds the account once, and the
// declaration reads it.
func ExampleRoomsFunc() {
	type account struct{ Teams []string }
	user := auth.NewUser[*account]()
	find := func(_ context.Context, _ *token.Token, _ *socketio.Handshake) (*account, error) {
		return &account{Teams: []string{"red", "blue"}}, nil
	}
	_, verifier := issuer()
	_, err := auth.NewGate(verifier, auth.Options{
		Authorize: user.By(find),
		Rooms: []auth.RoomsFrom{auth.RoomsFunc("team:", func(ctx context.Context, _ *token.Token) ([]string, error) {
			return user.From(ctx).Teams, nil
		})},
	})
	check(err)
}
