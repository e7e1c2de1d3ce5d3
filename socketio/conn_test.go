package socketio_test

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// Protocol violations close the whole connection, as in Node.
func TestViolationsCloseTheConnection(t *testing.T) {
	for _, raw := range []string{
		"0", "0[]", `0"x"`, "0/chat,[]", `0/chat,null`, `0/chat,{`, `00{}`,
		"1{}", "10", "2", "2{}", "2[]", `2[{}]`, `2[null]`, `2["connect"]`, `2["connect_error"]`, `2["disconnect"]`,
		`2["disconnecting"]`, `2["newListener"]`, `2["removeListener"]`, `2["a"`, `2["a"]x`, `2-1["a"]`, `29007199254740993["a"]`,
		"3[]", "30{}", `30"x"`, "39[", `39["a"]x`, `4{"message":"x"}`, "50-[\"a\"]", "5-[\"a\"]", "5[\"a\"]", `511-["a"]`, `51e0-["a"]`,
		"7", "x", "", `2/nope,["a"]`, "1/nope,", "3/nope,0[]", `2/held,["x"]`,
	} {
		t.Run(raw, func(t *testing.T) {
			bubble(t, socketio.Options{}, func(srv *socketio.Server) {
				srv.Open()
				srv.Of("/chat").Open()
			}, func(f *fixture) {
				p := f.dial(sockettest.Options{})
				begin := time.Now()
				_ = p.SendRaw(raw)
				f.ended(p, sockettest.ErrClosed)
				if d := time.Since(begin); d > time.Second {
					t.Errorf("closed only after %v", d)
				}
			})
		})
	}
}

func TestEventWhileConnectingClosesTheConnection(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Of("/slow").Use(func(ctx context.Context, _ *socketio.Socket) error { <-ctx.Done(); return context.Cause(ctx) })
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		_ = p.SendRaw("0/slow,")
		synctest.Wait()
		_ = p.SendRaw(`2/slow,["early"]`)
		f.ended(p, sockettest.ErrClosed)
	})
}

// Unusual but harmless packets are ignored.
func TestOddPacketsAreIgnored(t *testing.T) {
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Open()
		srv.Handle("42", socketio.AckFunc(func(context.Context, *socketio.Socket, struct{}) (string, error) { return "ok", nil }))
	}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		for _, raw := range []string{`2["no handler for this"]`, `2[42]`, `312345[]`} {
			_ = p.SendRaw(raw)
		}
		answer, err := p.EmitWithAck(f.ctx, "42")
		var got string
		if err != nil || answer.Scan(&got) != nil || got != "ok" {
			t.Errorf("%v %q", err, got)
		}
	})
}

// Before a namespace is joined, only CONNECT is allowed.
func TestOnlyConnectMayComeFirst(t *testing.T) {
	for _, first := range []string{`2["x"]`, "1", "30[]", `4{"message":"x"}`, `51-["x",{"_placeholder":true,"num":0}]`, `2/chat,["x"]`, "7", "x", ""} {
		bubble(t, socketio.Options{}, open, func(f *fixture) {
			conn, err := f.engine()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			begin := time.Now()
			_ = conn.Send([]byte(first))
			if strings.HasPrefix(first, "5") {
				_ = conn.SendBinary([]byte("x"))
			}
			if data, _, err := conn.Receive(f.ctx); err == nil || time.Since(begin) > time.Second {
				t.Errorf("%s: got %s after %v", first, data, time.Since(begin))
			}
		})
	}
}

// Attachments must directly follow their packet.
func TestAttachmentsOutOfOrder(t *testing.T) {
	const event = `52-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`
	for name, send := range map[string][]string{
		"text while one is due":         {event, `2["x"]`},
		"text while the second is due":  {event, "0x00", `2["x"]`},
		"DISCONNECT while one is due":   {event, "1"},
		"binary when none is due":       {"0x00"},
		"one more than is due":          {event, "0x00", "0x01", "0x02"},
		"a placeholder that counts too": {`51-["x",{"_placeholder":true,"num":1}]`, "0x00"},
	} {
		var ended record
		bubble(t, socketio.Options{}, func(srv *socketio.Server) {
			srv.Open()
			srv.OnDisconnect(func(_ context.Context, _ *socketio.Socket, r socketio.Reason) { ended.add(string(r)) })
		}, func(f *fixture) {
			conn, err := f.engine()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_ = conn.Send([]byte("0"))
			_, _, _ = conn.Receive(f.ctx)
			for _, packet := range send {
				_ = say(conn, packet)
			}
			begin := time.Now()
			if _, _, err := conn.Receive(f.ctx); err == nil || time.Since(begin) > time.Second {
				t.Errorf("%s: %v after %v", name, err, time.Since(begin))
			}
			if got := ended.all(); !slices.Equal(got, []string{"forced close"}) {
				t.Errorf("%s: ended with %q", name, got)
			}
		})
	}
}

// A packet for a namespace that the server has just ended may have been in transit. A packet
// for a namespace that the peer has left, or was refused by, breaks the protocol.
func TestPacketsAfterTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		end    func(p, other *sockettest.Peer, f *fixture)
		packet string
		closed bool
	}{
		"ended by the server": {func(p, _ *sockettest.Peer, _ *fixture) { _ = p.Emit("kick") }, `2/x,["y"]`, false},
		"its answer":          {func(p, _ *sockettest.Peer, _ *fixture) { _ = p.Emit("kick") }, `3/x,0[]`, false},
		"its farewell":        {func(p, _ *sockettest.Peer, _ *fixture) { _ = p.Emit("kick") }, `1/x,`, false},
		"left":                {func(p, _ *sockettest.Peer, _ *fixture) { _ = p.Leave() }, `2/x,["y"]`, true},
		"refused": {func(_, other *sockettest.Peer, f *fixture) { _, _ = other.Join(f.ctx, "/no", nil) },
			`2/no,["y"]`, true},
		"too long ago": {func(p, other *sockettest.Peer, f *fixture) {
			_ = p.Emit("kick")
			synctest.Wait() // so that there are not too many namespaces at once
			for _, name := range []string{"/x1", "/x2", "/x3"} {
				if p, err := other.Join(f.ctx, name, nil); err == nil {
					_ = p.Emit("kick")
				}
				synctest.Wait()
			}
		}, `2/x,["y"]`, true},
		"not so long ago": {func(p, other *sockettest.Peer, f *fixture) {
			_ = p.Emit("kick")
			synctest.Wait() // so that there are not too many namespaces at once
			for _, name := range []string{"/x1", "/x2"} {
				if p, err := other.Join(f.ctx, name, nil); err == nil {
					_ = p.Emit("kick")
				}
				synctest.Wait()
			}
		}, `2/x,["y"]`, false},
	} {
		bubble(t, socketio.Options{MaxNamespaces: 3}, func(srv *socketio.Server) {
			srv.Open()
			srv.Of("/no").Use(func(context.Context, *socketio.Socket) error { return errors.New("no") })
			x := srv.OfPattern(regexp.MustCompile(`/x\d?`)).Open()
			x.Handle("kick", func(_ context.Context, s *socketio.Socket, _ *socketio.Event) error { s.Disconnect(nil); return nil })
		}, func(f *fixture) {
			other := f.dial(sockettest.Options{})
			p, err := other.Join(f.ctx, "/x", nil)
			if err != nil {
				t.Fatal(err)
			}
			c.end(p, other, f)
			synctest.Wait()
			_ = other.SendRaw(c.packet)
			synctest.Wait()
			if closed := len(f.srv.Sockets()) == 0; closed != c.closed {
				t.Errorf("%s: closed: %t", name, closed)
			}
		})
	}
}

// Packets read while the connection is closed are too late: a CONNECT must not outlive the
// connection, nor may its timer, and no event is handled.
func TestNothingJoinsAClosedConnection(t *testing.T) {
	var ran record
	bubble(t, socketio.Options{}, func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			return s.Intercept("seen", func(context.Context, *socketio.Socket, *socketio.Event) error { ran.add("seen"); return nil })
		})
		srv.HandleAny(func(context.Context, *socketio.Socket, *socketio.Event) error { ran.add("event"); return nil })
		srv.Of("/x").Use(func(context.Context, *socketio.Socket) error { ran.add("middleware"); return nil })
	}, func(f *fixture) {
		f.dial(sockettest.Options{})
		synctest.Wait()
		s := f.srv.Sockets()[0]
		s.Disconnect(&socketio.Ending{Temporary: true, WholeConnection: true})
		s.Receive("0/x,")
		s.Late("event")
		s.Late("seen")
		if got := ran.all(); len(got) != 0 || s.TimerRuns() {
			t.Errorf("ran %q, the timer runs: %t", got, s.TimerRuns())
		}
		if left := f.srv.Remains(); left != "" {
			t.Errorf("left: %s", left)
		}
	})
}
