package fromnode_test

import (
	"context"
	"testing"

	"socketiojwt/examples/fromnode"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// A socket is in the rooms of its token, an event needs its scope, and a client joins only rooms
// that the rule allows.
func TestRights(t *testing.T) {
	var server *socketio.Server
	serve(t, func(t *testing.T, srv *socketio.Server) {
		server = srv
		removed := func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error { return e.Ack("removed") }
		if err := fromnode.Rights(srv, verifier(t), removed); err != nil {
			t.Fatal(err)
		}
	}, func(r room) {
		as := func(scope string) *sockettest.Peer {
			return r.admitted(sockettest.Options{Auth: bearing(sign(t, key(t, secret), map[string]any{
				"sub": "ada", "tenants": []string{"acme"}, "scope": scope,
			}))})
		}
		p, admin := as("chat"), as("chat chat.admin")
		if err := server.To("user:ada").Except("tenant:acme").Emit("excluded"); err != nil {
			t.Fatal(err)
		}
		if err := server.To("tenant:acme").Emit("news"); err != nil {
			t.Fatal(err)
		}
		r.hears(p, "news")
		var refused struct{ Error struct{ Code string } }
		if err := must(p.EmitWithAck(r.ctx, "remove", 1)).Scan(&refused); err != nil || refused.Error.Code != "forbidden" {
			t.Errorf("without the scope: %+v, %v", refused, err)
		}
		var text string
		if err := must(admin.EmitWithAck(r.ctx, "remove", 1)).Scan(&text); err != nil || text != "removed" {
			t.Errorf("with the scope: %q, %v", text, err)
		}
		for room, allowed := range map[string]bool{"chat:1": true, "user:bob": false, "tenant:globex": false} {
			var joined bool
			if err := must(p.EmitWithAck(r.ctx, "join", room)).Scan(&joined); (err == nil && joined) != allowed {
				t.Errorf("join %q: %t, %v", room, joined, err)
			}
		}
	})
}
