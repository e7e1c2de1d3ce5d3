package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// A program can ask which sockets of this node are in a room, whether a socket is in a room,
// and how many sockets an event has reached.
func TestRoomQueries(t *testing.T) {
	inCluster(t, 3, socketio.Options{}, func(c *cluster) {
		here := func(b socketio.Broadcast) string {
			var ids []string
			for _, s := range b.Sockets() {
				ids = append(ids, s.ID())
			}
			return c.names(ids)
		}
		if got := []string{here(c.srv.Except()), here(c.srv.To("x")), here(c.srv.To()), here(c.srv.To("x").Except("x")), here(c.rules[0].Except()), here(c.srv.BroadcastIn("/dyn-2"))}; !slices.Equal(got, []string{"a d", "a", "", "", "g", ""}) {
			t.Errorf("sockets on this node: %q", got)
		}
		n, err := c.srv.Except("y").EmitLocal("e")
		if got := c.got(); n != 2 || err != nil || got != "a:e d:e" {
			t.Errorf("EmitLocal: %d, %v, %s", n, err, got)
		}
		if n, err := c.srv.To("empty").EmitLocal("e"); n != 0 || err != nil {
			t.Errorf("EmitLocal to an empty room: %d, %v", n, err)
		}
		if _, err := c.srv.EmitLocal("connect"); err == nil {
			t.Error("a reserved event was sent")
		}
		s := c.socket("a")
		for room, want := range map[string]bool{"x": true, "y": false, "": false, s.ID(): true, c.peers["b"].ID(): false} {
			if s.In(room) != want {
				t.Errorf("In(%q) = %t", room, !want)
			}
		}
		s.Leave("x")
		if s.In("x") {
			t.Error("still in a room that was left")
		}
		s.Disconnect(nil)
		if s.In(s.ID()) {
			t.Error("still in its room after its end")
		}
	})
}

// A socket that is not admitted is in no room, even before its namespace is known.
func TestRoomsBeforeAdmission(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.OfFunc(func(ctx context.Context, _ string, _ *socketio.Handshake) (bool, error) {
			s := socketio.FromContext(ctx)
			s.Leave("x")
			if s.In(s.ID()) || s.Rooms() != nil || !errors.Is(s.Join("x"), socketio.ErrNotAdmitted) {
				t.Error("in a room before its namespace is known")
			}
			return true, nil
		}).Open()
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			if s.In(s.ID()) || s.In("") || s.Rooms() != nil {
				t.Error("in a room before it is admitted")
			}
			return nil
		})
	}, func(f *fixture) {
		f.dial(sockettest.Options{})
		f.dial(sockettest.Options{Namespace: "/dynamic"})
	})
}

// With T as Arguments, Func and AckFunc accept several arguments. Arguments that cannot be read
// are acknowledged like one wrong argument.
func TestFuncWithSeveralArguments(t *testing.T) {
	var seen record
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("note", socketio.Func(func(_ context.Context, _ *socketio.Socket, args socketio.Arguments) error {
			seen.add(fmt.Sprint(args.Len()))
			return nil
		}))
		srv.Handle("add", socketio.AckFunc(func(_ context.Context, _ *socketio.Socket, args socketio.Arguments) (int, error) {
			var a, b int
			err := args.Scan(&a, &b)
			return a + b, err
		}))
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		_ = p.Emit("note")
		_ = p.Emit("note", 1, "x", nil)
		for _, c := range []struct {
			args []any
			want string
		}{{[]any{1, 2}, "3"}, {[]any{1, 2, 4}, "3"}, {[]any{1}, `{"error":"bad arguments"}`}, {[]any{1, "x"}, `{"error":"bad arguments"}`}} {
			answer, err := p.EmitWithAck(f.ctx, "add", c.args...)
			if err != nil || answer.Len() != 1 {
				t.Fatal(err)
			}
			if got := string(answer.Args()[0].(socketio.Raw).JSON()); got != c.want {
				t.Errorf("%v: %s, want %s", c.args, got, c.want)
			}
		}
		if got := seen.all(); !slices.Equal(got, []string{"0", "3"}) {
			t.Errorf("saw %q", got)
		}
	})
}

// Other nodes see only the values of shared keys of a socket.
func TestSharedKeys(t *testing.T) {
	type player struct{ Score int }
	secret, score := socketio.NewKey[string](), socketio.NewSharedKey[*player]("player")
	broken, text := socketio.NewSharedKey[chan int]("broken"), socketio.NewSharedKey[string]("\u2028 \"text\"")
	bubble(t, socketio.Options{}, open, func(f *fixture) {
		f.dial(sockettest.Options{})
		synctest.Wait()
		s := f.srv.Sockets()[0]
		info := func() socketio.SocketInfo {
			infos, err := f.srv.FetchSockets(f.ctx)
			if err != nil || len(infos) != 1 {
				t.Fatal(infos, err)
			}
			return infos[0]
		}
		secret.Set(s, "secret")
		if got := info(); got.Data != nil {
			t.Errorf("data %s", got.Data)
		}
		broken.Set(s, make(chan int))
		score.Set(s, &player{1})
		text.Set(s, "<é>")
		got := info()
		one, oneOK := score.Shared(got)
		two, twoOK := text.Shared(got)
		_, otherOK := socketio.NewSharedKey[string]("player").Shared(got)
		_, secretOK := secret.Shared(got)
		_, brokenOK := broken.Shared(got)
		if !oneOK || one.Score != 1 || !twoOK || two != "<é>" || otherOK || secretOK || brokenOK || !json.Valid(got.Data) {
			t.Errorf("data %s: %v %t, %q %t, %t, %t, %t", got.Data, one, oneOK, two, twoOK, otherOK, secretOK, brokenOK)
		}
		for _, data := range []string{``, `[]`, `{"player":`, `{"player":[]}`, `null`} {
			if value, ok := score.Shared(socketio.SocketInfo{Data: json.RawMessage(data)}); ok || value != nil {
				t.Errorf("%q: %v, %t", data, value, ok)
			}
		}
	})
}
